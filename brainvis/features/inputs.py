"""Bring images to the side, crop and normalisation that a network was trained with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def channels_first(images: np.ndarray) -> torch.Tensor:
    """(b, height, width, 3) array to a (b, 3, height, width) float32 tensor."""
    import torch

    moved = np.moveaxis(np.asarray(images, dtype=np.float32), -1, 1)
    return torch.from_numpy(np.ascontiguousarray(moved))


def squared(images: torch.Tensor, size: int, interpolation: str = "bicubic") -> torch.Tensor:
    """Scale the shorter side to `size` and crop the centre, as CLIP's own preprocessing does.

    Parameters
    ----------
    images : tensor, (b, 3, height, width)
        In [0, 1].
    size : int
        Side of the result in pixels; images of that size pass unchanged.
    interpolation : {"bicubic", "bilinear"}
        Always antialiased.

    Returns
    -------
    tensor, (b, 3, size, size)
        In [0, 1].
    """
    from torch.nn.functional import interpolate

    height, width = images.shape[-2:]
    if (height, width) == (size, size):
        return images
    scale = size / min(height, width)
    target = (max(size, round(height * scale)), max(size, round(width * scale)))
    sized = interpolate(images, target, mode=interpolation, antialias=True).clamp(0, 1)
    top, left = (target[0] - size) // 2, (target[1] - size) // 2
    return sized[..., top : top + size, left : left + size]


def standardised(images: torch.Tensor, mean: Sequence[float], std: Sequence[float]) -> torch.Tensor:
    """Subtract the mean and divide by the standard deviation of each colour channel."""
    import torch

    shift, scale = (torch.tensor(values).view(1, 3, 1, 1) for values in (mean, std))
    return (images - shift) / scale


def patches(images: torch.Tensor, side: int) -> torch.Tensor:
    """Pixels of square patches in row order: (b, 3, h, w) to (b, patches, 3 * side * side)."""
    from torch.nn.functional import unfold

    return unfold(images, side, stride=side).transpose(1, 2)
