"""From a field on a grid to a closed, coloured surface (marching cubes, Lorensen & Cline 1987)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import special
from skimage.measure import marching_cubes

from brainvis.errors import BrainvisError
from brainvis.objects3d.mesh import ColoredMesh, empty_mesh


def meshed(
    field: np.ndarray, half: float, colors: Callable[[np.ndarray], np.ndarray]
) -> ColoredMesh:
    """Surface where a field is zero; the field is closed off at the border of its grid.

    Parameters
    ----------
    field : ndarray, (size, size, size)
        Positive inside, at the voxel centres of [-half, half]^3, indexed by x, y, z.
    half : float
    colors : callable
        sRGB in [0, 1] (n, 3) at points (n, 3).

    Returns
    -------
    ColoredMesh
        Watertight; empty where the field is nowhere, or everywhere, positive.

    Raises
    ------
    BrainvisError
        A field that is not finite.
    """
    if not np.isfinite(field).all():
        raise BrainvisError("holds values that are not finite", field="field of the shape")
    if not field.min() < 0 < field.max():
        return empty_mesh()
    closed = np.pad(field, 1, constant_values=float(field.min()))
    corners, faces, _, _ = marching_cubes(
        closed, 0.0, gradient_direction="ascent", allow_degenerate=False
    )
    if not len(faces):
        return empty_mesh()
    vertices = ((corners - 0.5) * (2 * half / len(field)) - half).astype(np.float32)
    painted = np.clip(colors(vertices), 0, 1)
    return ColoredMesh(vertices, faces.astype(np.int32), np.round(painted * 255).astype(np.uint8))


def as_solid_as_expected(logits: np.ndarray) -> np.ndarray:
    """Logits of being solid, moved so that as much is above 0 as is solid on average.

    What a decoder is unsure of is nowhere more likely solid than not, and a surface at one half
    would leave it out: thin parts first, whole objects where the brain says little.

    Parameters
    ----------
    logits : ndarray, (size, size, size)

    Returns
    -------
    ndarray
        The same where less than a voxel, or all, would be solid.
    """
    flat = logits.ravel()
    count = round(float(special.expit(flat).sum(dtype=np.float64)))
    if not 0 < count < len(flat):
        return logits
    inside, outside = -np.partition(-flat, (count - 1, count))[count - 1 : count + 1]
    return logits - (inside + outside) / 2
