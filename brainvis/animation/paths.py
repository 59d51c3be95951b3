"""Where decoded flow carries the pixels of a first frame.

Flow is given at a few moments of a clip on a coarse grid. It is interpolated in time and space,
and every pixel of the first frame follows it step by step.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from brainvis.errors import BrainvisError

_SHARP = 12.0  # largest difference in importance: e^12 background pixels weigh as much as one


def flow_of_steps(flow: np.ndarray, frames: int) -> np.ndarray:
    """Flow of each step of a clip from flow at moments that are spread evenly over it.

    Moment m of k stands for the m-th of k equal parts of the clip. Between the centres of the
    parts flow is interpolated, before the first and after the last it stays.

    Parameters
    ----------
    flow : ndarray, (b, k, g, g, 2)
        Any unit.
    frames : int
        Frames of the clip, one more than its steps.

    Returns
    -------
    ndarray, (b, frames - 1, g, g, 2)
        In the same unit.

    Raises
    ------
    BrainvisError
        Fewer than two frames, or flow of another shape.
    """
    if frames < 2:
        raise BrainvisError("a clip needs two frames", field="frames", found=frames)
    if flow.ndim != 5 or flow.shape[-1] != 2 or flow.shape[1] < 1:
        raise BrainvisError(
            "flow needs clips x moments x rows x columns x 2", field="flow", found=flow.shape
        )
    moments = flow.shape[1]
    centres = (np.arange(frames - 1) + 0.5) / (frames - 1) * moments - 0.5
    before = np.clip(np.floor(centres), 0, max(moments - 2, 0)).astype(int)
    after = np.minimum(before + 1, moments - 1)
    share = np.clip(centres - before, 0, 1)[:, None, None, None].astype(np.float32)
    return flow[:, before] * (1 - share) + flow[:, after] * share


def paths(flow: np.ndarray, frames: int, height: int, width: int) -> Tensor:
    """Displacement of every pixel of the first frame at each later frame.

    Parameters
    ----------
    flow : ndarray, (b, k, g, g, 2)
        Pixels of the g grid per step of the clip, x right, y down.
    frames, height, width : int
        Of the clip.

    Returns
    -------
    tensor, (b, frames - 1, height, width, 2)
        Pixels of the clip, from the first frame.

    Raises
    ------
    BrainvisError
        See `flow_of_steps`; flow that is not finite.
    """
    if not np.isfinite(flow).all():
        raise BrainvisError("holds values that are not finite", field="flow")
    rows, columns = flow.shape[2:4]
    steps = torch.from_numpy(flow_of_steps(np.asarray(flow, np.float32), frames))
    scale = steps.new_tensor([width / columns, height / rows])
    fields = (steps * scale).permute(1, 0, 4, 2, 3)  # (t, b, 2, g, g)
    start = _centres(height, width).expand(len(flow), -1, -1, -1)  # in [-1, 1], as grid_sample
    half = start.new_tensor([width / 2, height / 2])
    moved, at = [], torch.zeros_like(start)
    for field in fields:
        speed = functional.grid_sample(
            field, start + at / half, mode="bilinear", padding_mode="border", align_corners=False
        )
        at = at + speed.permute(0, 2, 3, 1)
        moved.append(at)
    return torch.stack(moved, dim=1)


def importance(moved: Tensor) -> Tensor:
    """How much each pixel counts where several land on one place: what moves is in front.

    What moves unlike the rest of the image, as an object does before its background, wins.

    Parameters
    ----------
    moved : tensor, (b, t, h, w, 2)
        From `paths`.

    Returns
    -------
    tensor, (b, h, w)
        From 0 to a fixed sharpness; 0 everywhere if the image moves as one.
    """
    unlike = unlikeness(moved)
    largest = unlike.amax(dim=(1, 2), keepdim=True)
    return _SHARP * unlike / largest.clamp(min=1.0)  # under a pixel there is little to hide


def unlikeness(moved: Tensor) -> Tensor:
    """Mean distance, in pixels, of each pixel's path from the median path, (b, h, w)."""
    return (moved - median_path(moved)[:, :, None, None]).norm(dim=-1).mean(dim=1)


def median_path(moved: Tensor) -> Tensor:
    """Median displacement over the image, that of the background, (b, t, 2)."""
    return moved.flatten(2, 3).median(dim=2).values


def _centres(height: int, width: int) -> Tensor:
    """Centres of pixels in units of half an image, (h, w, 2) as x, y."""
    y = (torch.arange(height) + 0.5) * 2 / height - 1
    x = (torch.arange(width) + 0.5) * 2 / width - 1
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)
