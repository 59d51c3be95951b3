"""Animators without a network: the first frame thrown along the flow, or simply repeated."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
import torch
from torch import Tensor

from brainvis.animation import base
from brainvis.animation.paths import importance, median_path, paths, unlikeness
from brainvis.animation.splatting import splat

Holes = Literal["inpaint", "background"]
_LANDED = 0.3  # share of a pixel that must have landed for its colour to be taken
_MOVES = 0.5  # pixels from the median path that make a pixel part of what moves
_MARGIN = 3  # pixels around what moves that are taken off the background as well
_RADIUS = 3  # of inpainting


class Static:
    """The first frame repeated: no motion at all, the baseline of every animator."""

    name, space = "static", ""

    def animate(
        self,
        first: np.ndarray,
        flow: np.ndarray,
        tokens: np.ndarray | None,
        *,
        frames: int,
        seeds: np.ndarray,
    ) -> np.ndarray:
        """See `base.ClipAnimator.animate`; flow is not read."""
        base.check(first, flow, tokens, frames, seeds)
        return np.repeat(np.asarray(first, np.float32)[:, None], frames, axis=1)


class Splat:
    """Every pixel of the first frame thrown along its path; what moves covers what rests.

    Deterministic and without weights, so that all motion is that of the flow. Each frame is made
    from the first one, so that nothing blurs more and more.

    Parameters
    ----------
    holes : {"inpaint", "background"}
        How to fill what was uncovered: by inpainting each frame from the hole's rim (Telea 2004);
        or from the background, which is the first frame with all that moves taken off and
        inpainted, and which follows the median path.
    """

    space = ""

    def __init__(self, holes: Holes = "inpaint") -> None:
        self.name, self._holes = "splat", holes

    def animate(
        self,
        first: np.ndarray,
        flow: np.ndarray,
        tokens: np.ndarray | None,
        *,
        frames: int,
        seeds: np.ndarray,
    ) -> np.ndarray:
        """See `base.ClipAnimator.animate`; tokens and seeds are not read."""
        base.check(first, flow, tokens, frames, seeds)
        image = np.ascontiguousarray(first, np.float32)
        with torch.inference_mode():
            moved = paths(flow, frames, *image.shape[1:3])  # (b, t, h, w, 2)
            colours, landed = _splat_all(torch.from_numpy(image), moved)
            off = (unlikeness(moved) > _MOVES).numpy()
            shift = median_path(moved).numpy()
        clips = np.concatenate([image[:, None], colours], axis=1)
        for clip, holes, away, by in zip(clips, landed < _LANDED, off, shift, strict=True):
            if self._holes == "background":
                _fill_from_background(clip, holes, away, by)
            else:
                _inpaint_frames(clip, holes)
        return clips


def _splat_all(image: Tensor, moved: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Frames (b, t, h, w, 3) after the first, and what landed on them (b, t, h, w)."""
    batch, steps = moved.shape[:2]
    planes = image.permute(0, 3, 1, 2).repeat_interleave(steps, dim=0)  # (b t, 3, h, w)
    weight = importance(moved).repeat_interleave(steps, dim=0)
    colours, landed = splat(planes, moved.flatten(0, 1), weight)
    colours = colours.permute(0, 2, 3, 1).unflatten(0, (batch, steps)).clamp(0, 1)
    return colours.numpy(), landed.unflatten(0, (batch, steps)).numpy()


def _fill_from_background(
    clip: np.ndarray, holes: np.ndarray, away: np.ndarray, shift: np.ndarray
) -> None:
    """Fill holes (t, h, w) of the frames after the first in place."""
    if not holes.any():
        return
    kernel = np.ones((2 * _MARGIN + 1,) * 2, np.uint8)
    off = cv2.dilate(away.astype(np.uint8), kernel) > 0
    # with hardly any background to see, what moves is the best guess
    plate = _inpainted(clip[0], off) if off.mean() < 0.9 else clip[0]
    size = clip.shape[2], clip.shape[1]  # cv2: width, height
    for frame, hole, (right, down) in zip(clip[1:], holes, shift, strict=True):
        move = np.array([[1, 0, right], [0, 1, down]], np.float32)
        moved = cv2.warpAffine(plate, move, size, borderMode=cv2.BORDER_REPLICATE)
        frame[hole] = moved[hole]


def _inpaint_frames(clip: np.ndarray, holes: np.ndarray) -> None:
    """Inpaint holes (t, h, w) of the frames after the first in place."""
    for frame, hole in zip(clip[1:], holes, strict=True):
        if hole.any():
            frame[hole] = _inpainted(frame, hole)[hole]


def _inpainted(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Image in [0, 1] with a hole (h, w) filled from its rim (Telea 2004); all hole stays."""
    if hole.all() or not hole.any():
        return image
    coded = np.round(image * 255).astype(np.uint8)
    filled = cv2.inpaint(coded, hole.astype(np.uint8), _RADIUS, cv2.INPAINT_TELEA)
    return filled.astype(np.float32) / 255
