"""A clip's motion in six numbers: object and background velocity, growth and turn of the object.

What is left out (perspective, parts) is a small share; six numbers are few enough to be decoded
from a few hundred clips, and they can be moved to another first frame.
"""

from __future__ import annotations

import numpy as np

COUNT = 6  # object x, y; background x, y; growth, turn of the object per unit of half the grid


def basis(mask: np.ndarray) -> np.ndarray:
    """Flow fields that the six numbers weigh.

    Parameters
    ----------
    mask : (size, size)
        Share of each cell that the object covers.

    Returns
    -------
    (6, size, size, 2)
    """
    size = len(mask)
    place = (np.stack(np.meshgrid(*[np.arange(size)] * 2), axis=-1) + 0.5) / size * 2 - 1  # x, y
    total = max(float(mask.sum()), 1e-6)
    away = place - (place * mask[..., None]).sum(axis=(0, 1)) / total
    zero, rest = np.zeros_like(mask), 1 - mask
    x, y = away[..., 0] * mask, away[..., 1] * mask
    pairs = ((mask, zero), (zero, mask), (rest, zero), (zero, rest), (x, y), (-y, x))
    return np.stack([np.stack(pair, axis=-1) for pair in pairs])


def summarise(flow: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Least-squares summary of each clip, its flow and mask averaged over flow frames.

    Parameters
    ----------
    flow : (n, frames, size, size, 2)
    mask : (n, frames, size, size)

    Returns
    -------
    (n, 6) float32
    """
    found = []
    for field, share in zip(flow.mean(axis=1), mask.mean(axis=1), strict=True):
        design = basis(share).reshape(COUNT, -1)
        gram = design @ design.T + 1e-6 * np.eye(COUNT)  # an empty mask leaves zeros
        found.append(np.linalg.solve(gram, design @ field.ravel()))
    return np.array(found, dtype=np.float32)


def paint(summary: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Flow of a summary (6,) on a mask (size, size): (size, size, 2)."""
    return np.tensordot(summary, basis(mask), axes=1)
