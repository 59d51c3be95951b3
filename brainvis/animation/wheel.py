"""Flow as colour: hue is direction, saturation is speed (as Baker et al. 2011 show flow)."""

from __future__ import annotations

import cv2
import numpy as np


def flow_colours(flow: np.ndarray, fastest: float) -> np.ndarray:
    """Colours of flow; what rests is white.

    Parameters
    ----------
    flow : ndarray, (..., h, w, 2)
        x right, y down. Motion to the right is red, down is yellow-green, left cyan, up violet.
    fastest : float
        Speed of full colour, in the unit of `flow`; what is faster looks the same.

    Returns
    -------
    ndarray of uint8, (..., h, w, 3)
    """
    flow = np.asarray(flow, np.float32)
    degrees = np.rad2deg(np.arctan2(flow[..., 1], flow[..., 0])) % 360
    speed = np.linalg.norm(flow, axis=-1) / max(fastest, 1e-9)
    coded = np.stack([degrees, np.clip(speed, 0, 1), np.ones_like(speed)], axis=-1)
    rows = coded.reshape(-1, coded.shape[-2], 3).astype(np.float32)  # cv2 takes two dimensions
    colours = cv2.cvtColor(rows, cv2.COLOR_HSV2RGB).reshape(coded.shape)
    return np.round(colours * 255).astype(np.uint8)


def legend(size: int) -> np.ndarray:
    """The wheel itself, (size, size, 3) uint8: the colour of motion away from its centre."""
    along = (np.arange(size) + 0.5) * 2 / size - 1
    away = np.stack(np.meshgrid(along, along, indexing="xy"), axis=-1)
    wheel = flow_colours(away, 1.0)
    wheel[np.linalg.norm(away, axis=-1) > 1] = 255
    return wheel


def full_speed(flow: np.ndarray) -> float:
    """Speed shown in full colour: the 99th percentile, so that no outlier pales the rest."""
    return float(max(np.percentile(np.linalg.norm(flow, axis=-1), 99), 1e-3))
