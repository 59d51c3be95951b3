"""Exact optical flow, from where surface points are and how objects and camera move.

Nothing is estimated from pixels: the point that a pixel's central ray meets is carried along with
its surface and projected again.
"""

from __future__ import annotations

import numpy as np

from brainvis.stimuli.geometry import Pose, View


def exact_flow(
    points: np.ndarray, moving: np.ndarray, poses: tuple[Pose, Pose], views: tuple[View, View]
) -> np.ndarray:
    """Displacement of every visible surface point from one frame to the next.

    Parameters
    ----------
    points : ndarray, (size, size, 3)
        World position seen at each pixel in the first frame.
    moving : ndarray of bool, (size, size)
        Where that point belongs to the object; all else is at rest in the world.
    poses, views : pairs
        Of the object and the camera in both frames.

    Returns
    -------
    ndarray, (size, size, 2)
        Pixels per frame, x right, y down.
    """
    carried = np.where(moving[..., None], poses[1].apply(poses[0].undo(points)), points)
    size = points.shape[1]
    return views[1].project(carried, size) - views[0].project(points, size)


def mean_in(values: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Mean of (..., c) values over the pixels of a mask (...); zeros where it is empty."""
    if not where.any():
        return np.zeros(values.shape[-1])
    return np.asarray(values, np.float64)[where].mean(axis=0)


def expansion(flow: np.ndarray, mask: np.ndarray) -> float:
    """Relative growth per frame: slope of outward flow on distance from the mask's centre.

    Least squares over the mask of flow = mean + expansion * (position - centre), for
    one (height, width, 2) field; 0 for masks of fewer than 9 pixels.
    """
    rows, columns = np.nonzero(mask)
    if len(rows) < 9:
        return 0.0
    place = np.stack([columns, rows], axis=1).astype(np.float64)
    place -= place.mean(axis=0)
    inside = np.asarray(flow, np.float64)[mask]
    return float((place * (inside - inside.mean(axis=0))).sum() / (place**2).sum())
