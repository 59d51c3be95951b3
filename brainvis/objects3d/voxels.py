"""A shape as the shape prior sees it: a grid of solidity, and a coarser grid of colour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from brainvis.objects3d.mesh import ColoredMesh
from brainvis.objects3d.solids import HALF, filled, visible_points

SIZE, COLOR_SIZE = 64, 32  # voxels along a side
_POINTS = 8192
_REACH = 1.8  # colour voxels: how far from the surface colours are known


@dataclass(frozen=True)
class Voxels:
    """Grids over [-HALF, HALF]^3, indexed by x, y, z.

    Attributes
    ----------
    solid : ndarray, (64, 64, 64) uint8
        Share of the voxel that is solid, 0 to 255.
    color : ndarray, (32, 32, 32, 3) uint8
        sRGB of the surface at its voxels, elsewhere of the nearest surface voxel.
    near : ndarray, (32, 32, 32) bool
        Voxels at the surface, where the colour matters.
    """

    solid: np.ndarray
    color: np.ndarray
    near: np.ndarray


def voxelised(mesh: ColoredMesh, seed: int = 0) -> Voxels:
    """Grids of a normalised mesh.

    Parameters
    ----------
    mesh : ColoredMesh
    seed : int
        Of the surface points that colours are read from.

    Raises
    ------
    BrainvisError
        See `brainvis.objects3d.mesh.check`.
    """
    solid = filled(mesh, SIZE)
    surface = visible_points(mesh, _POINTS, seed, solid)
    cell = np.floor((surface.points + HALF) / (2 * HALF) * COLOR_SIZE).astype(int)
    number = np.ravel_multi_index(tuple(cell.clip(0, COLOR_SIZE - 1).T), (COLOR_SIZE,) * 3)
    count = np.bincount(number, minlength=COLOR_SIZE**3)
    total = [np.bincount(number, part, minlength=COLOR_SIZE**3) for part in surface.colors.T]
    mean = np.stack(total, axis=1) / np.maximum(count, 1)[:, None]
    distance, nearest = ndimage.distance_transform_edt(  # pyright: ignore
        count.reshape((COLOR_SIZE,) * 3) == 0, return_indices=True
    )
    color = mean.reshape((COLOR_SIZE,) * 3 + (3,))[tuple(nearest)]
    return Voxels(
        np.round(solid * 255).astype(np.uint8),
        np.round(color * 255).astype(np.uint8),
        distance < _REACH,
    )
