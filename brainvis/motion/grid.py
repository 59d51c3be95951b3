"""Flow on a coarse grid at a few moments of a clip: the units that all of this room shares.

A flow frame is the mean over an equal share of the clip's frame steps; its vectors are in pixels of
the coarse grid per frame step of the clip, x right, y down.
"""

from __future__ import annotations

import numpy as np

from brainvis.errors import BrainvisError

SIZE, FRAMES = 32, 3
UNITS = "pixels of the grid per frame step of the clip, x right, y down"


def coarse_flow(flow: np.ndarray, size: int = SIZE, frames: int = FRAMES) -> np.ndarray:
    """Average flow over shares of the steps and over cells.

    Parameters
    ----------
    flow : (n, steps, height, width, 2)
        Pixels per frame step, from frame t to t + 1.
    size, frames : int
        Cells per side, which divide height and width, and flow frames, at most `steps`.

    Returns
    -------
    (n, frames, size, size, 2) float32
        See `UNITS`: a motion of one pixel is `size` / width of a cell.

    Raises
    ------
    BrainvisError
        Clips shorter than the flow frames, sides that the grid does not divide, or values that
        are not finite.
    """
    scale = np.array([size / flow.shape[3], size / flow.shape[2]], dtype=np.float32)
    return _mean(flow, size, frames) * scale


def coarse_mask(mask: np.ndarray, size: int = SIZE, frames: int = FRAMES) -> np.ndarray:
    """Share of each cell that a mask covers, over the frames from which the flow starts.

    Parameters
    ----------
    mask : (n, steps + 1, height, width) bool
    size, frames : int

    Returns
    -------
    (n, frames, size, size) float32 in [0, 1]

    Raises
    ------
    BrainvisError
        See `coarse_flow`.
    """
    return _mean(mask[:, :-1, ..., None], size, frames)[..., 0]


def _mean(values: np.ndarray, size: int, frames: int) -> np.ndarray:
    """(n, steps, height, width, c) -> (n, frames, size, size, c) float32."""
    n, steps, height, width, depth = values.shape
    if steps < frames:
        raise BrainvisError(
            f"clips are too short for {frames} flow frames",
            field="clips",
            found=f"{steps + 1} frames",
            remedy=f"give clips of at least {frames + 1} frames, or lower `frames`",
        )
    if height % size or width % size:
        raise BrainvisError(
            f"the {size} x {size} grid does not divide the frames",
            field="size",
            found=f"{height} x {width}",
            remedy="choose a size that divides both sides",
        )
    values = np.asarray(values, dtype=np.float32)
    if not np.isfinite(values).all():
        clip = int(np.flatnonzero(~np.isfinite(values).all(axis=(1, 2, 3, 4)))[0])
        raise BrainvisError("is not finite", field="flow", found=f"clip in row {clip}")
    cells = values.reshape(n, steps, size, height // size, size, width // size, depth)
    cells = cells.mean(axis=(3, 5))  # (n, steps, size, size, c)
    parts = np.array_split(np.arange(steps), frames)
    return np.stack([cells[:, part].mean(axis=1) for part in parts], axis=1)
