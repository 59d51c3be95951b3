"""Where a mesh is solid: voxels, and points of the surface that can be seen.

Meshes of the world are unions of overlapping closed solids and, in landscapes, open ground, so no
library's test for closed meshes applies to them. Vertical rays decide: from above, a face that
looks up enters a solid and one that looks down leaves it, and what was entered more often than
left is inside. Open ground is solid down to the object's lowest point. Where faces are not turned
consistently (found by rays that leave before they enter), the surface is voxelised and its
enclosed cavities are filled instead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from scipy import ndimage

from brainvis.objects3d.mesh import ColoredMesh, check

HALF = 0.55  # half side of the grid: every normalised shape lies inside with room around it
_FINE = 2  # rays along the side of a voxel
_NUDGE = np.array([0.37e-4, 0.61e-4])  # keeps rays off edges of axis-aligned faces
_UNRELIABLE = 0.02  # largest share of rays that may leave before they enter
_PAIRS = 4_000_000  # of faces and rays looked at together


@dataclass(frozen=True)
class Surface:
    """Points of a surface.

    Attributes
    ----------
    points, normals : ndarray, (k, 3) float32
    colors : ndarray, (k, 3) float32
        sRGB in [0, 1].
    """

    points: np.ndarray
    normals: np.ndarray
    colors: np.ndarray


def centres(size: int) -> np.ndarray:
    """Coordinates of voxel centres along an axis, (size,)."""
    return (np.arange(size) + 0.5) * (2 * HALF / size) - HALF


def filled(mesh: ColoredMesh, size: int = 64) -> np.ndarray:
    """Share of each voxel that is solid.

    Parameters
    ----------
    mesh : ColoredMesh
        Normalised.
    size : int
        Voxels along each axis of [-HALF, HALF]^3.

    Returns
    -------
    ndarray, (size, size, size) float32
        Indexed by x, y, z.

    Raises
    ------
    BrainvisError
        See `brainvis.objects3d.mesh.check`.
    """
    check(mesh)
    fine = size * _FINE
    column, height, turn = _crossings(mesh, fine)
    if not len(column):  # outside of the grid, or thinner than the distance between rays
        return np.zeros((size,) * 3, np.float32)
    inside, negative = _intervals(column, height, turn, float(mesh.vertices[:, 2].min()))
    if negative > _UNRELIABLE * max(len(np.unique(column)), 1):
        return _enclosed(mesh, size)
    share = _covered(*inside, fine, size).reshape(size, _FINE, size, _FINE, size)
    return np.clip(share.mean(axis=(1, 3)), 0, 1).astype(np.float32)


def _covered(
    ray: np.ndarray, bottom: np.ndarray, top: np.ndarray, fine: int, size: int
) -> np.ndarray:
    """Share of each stretch of each ray that lies in its intervals, (fine * fine, size)."""
    rises = np.zeros(fine * fine * (size + 2))
    for sign, at in ((1, bottom), (-1, top)):
        where = np.clip((at + HALF) / (2 * HALF) * size, 0, size)
        stretch = np.floor(where).astype(int)
        start, part = ray * (size + 2) + stretch, where - stretch
        rises += sign * np.bincount(start, 1 - part, minlength=len(rises))
        rises += sign * np.bincount(start + 1, part, minlength=len(rises))
    return np.cumsum(rises.reshape(-1, size + 2), axis=1)[:, :size]


def _crossings(mesh: ColoredMesh, fine: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where vertical rays meet faces: number of the ray, height, +1 where the face looks up."""
    corners = mesh.vertices[mesh.faces].astype(float)  # (m, 3, 3)
    flat = (corners[..., :2] + HALF) / (2 * HALF) * fine - 0.5 + _NUDGE  # in numbers of rays
    low = np.clip(np.ceil(flat.min(axis=1)), 0, fine).astype(int)
    high = np.clip(np.floor(flat.max(axis=1)), -1, fine - 1).astype(int)
    spans = np.maximum(high - low + 1, 0)
    counts = spans.prod(axis=1)
    parts = [_met(part, corners, flat, low, spans, fine) for part in _chunks(counts)]
    return tuple(np.concatenate(each) for each in zip(*parts, strict=True))  # pyright: ignore


def _chunks(counts: np.ndarray) -> list[np.ndarray]:
    """Numbers of faces, split so that few pairs of faces and rays come together."""
    group = np.cumsum(counts) // _PAIRS
    return np.split(np.arange(len(counts)), np.flatnonzero(np.diff(group)) + 1)


def _met(
    faces: np.ndarray, corners: np.ndarray, flat: np.ndarray, low: np.ndarray,
    spans: np.ndarray, fine: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    counts = spans[faces].prod(axis=1)
    face = np.repeat(faces, counts)
    place = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    x, y = low[face, 0] + place // spans[face, 1], low[face, 1] + place % spans[face, 1]
    a, b, c = flat[face].transpose(1, 0, 2)
    weights = [_cross(*pair, x, y) for pair in ((b, c), (c, a), (a, b))]
    total = sum(weights)
    inside = np.abs(total) > 1e-12
    for weight in weights:
        inside &= weight * total >= 0
    face, x, y, total = face[inside], x[inside], y[inside], np.asarray(total)[inside]
    shares = np.stack([weight[inside] for weight in weights], axis=1) / total[:, None]
    height = (shares * corners[face][:, :, 2]).sum(axis=1)
    return x * fine + y, height, np.sign(total).astype(int)


def _cross(a: np.ndarray, b: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Twice the signed area of the triangles (a, b, ray)."""
    return (a[:, 0] - x) * (b[:, 1] - y) - (a[:, 1] - y) * (b[:, 0] - x)


def _intervals(
    column: np.ndarray, height: np.ndarray, turn: np.ndarray, floor: float
) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], int]:
    """Solid intervals of rays (ray, bottom, top), and how many rays leave before they enter."""
    order = np.lexsort((-height, column))
    column, height, turn = column[order], height[order], turn[order]
    first = np.r_[True, column[1:] != column[:-1]]
    total = np.cumsum(turn)
    start = np.repeat((total - turn)[first], np.diff(np.r_[np.flatnonzero(first), len(column)]))
    depth = total - start  # solids around the ray just below each crossing
    below = np.r_[height[1:], floor]
    below[np.r_[first[1:], True]] = floor
    solid = depth > 0
    negative = len(np.unique(column[depth < 0]))
    return (column[solid], below[solid], height[solid]), negative


def _enclosed(mesh: ColoredMesh, size: int) -> np.ndarray:
    """Voxels of the surface and all that they enclose."""
    spacing = 2 * HALF / size
    area = float(trimesh.triangles.area(mesh.vertices[mesh.faces]).sum())
    points = surface_points(mesh, int(np.clip(12 * area / spacing**2, 2000, 400_000)), 0).points
    voxel = np.clip(((points + HALF) / spacing).astype(int), 0, size - 1)
    shell = np.zeros((size,) * 3, bool)
    shell[tuple(voxel.T)] = True
    return ndimage.binary_fill_holes(shell).astype(np.float32)  # pyright: ignore


def surface_points(mesh: ColoredMesh, count: int, seed: int) -> Surface:
    """Points spread evenly over all faces, with normals and colours.

    Parameters
    ----------
    mesh : ColoredMesh
    count : int
    seed : int

    Raises
    ------
    BrainvisError
        See `brainvis.objects3d.mesh.check`.
    """
    check(mesh)
    rng, corners = np.random.default_rng(seed), mesh.vertices[mesh.faces].astype(float)
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(across, axis=1)
    if not area.sum() > 0:
        area = np.ones(len(area))  # a surface folded to a line: every face counts the same
    face = np.searchsorted(np.cumsum(area) / area.sum(), rng.random(count)).clip(0, len(area) - 1)
    root, other = np.sqrt(rng.random(count)), rng.random(count)
    shares = np.stack([1 - root, root * (1 - other), root * other], axis=1)[..., None]
    points = (shares * corners[face]).sum(axis=1)
    colors = (shares * mesh.colors[mesh.faces[face]]).sum(axis=1) / 255
    normals = across[face] / np.maximum(area[face], 1e-12)[:, None]
    return Surface(*(part.astype(np.float32) for part in (points, normals, colors)))


def visible_points(
    mesh: ColoredMesh, count: int, seed: int, solid: np.ndarray | None = None
) -> Surface:
    """Points of the outer surface alone: what other solids of the same object cover is left out.

    Parameters
    ----------
    mesh : ColoredMesh
        Normalised.
    count : int
    seed : int
    solid : ndarray, optional
        From `filled`, where it is at hand.

    Raises
    ------
    BrainvisError
        See `brainvis.objects3d.mesh.check`.
    """
    solid = filled(mesh, 128) if solid is None else solid
    drawn = surface_points(mesh, 4 * count, seed)
    spacing = 2 * HALF / len(solid)
    probed = [
        ndimage.map_coordinates(
            solid, ((drawn.points + side * spacing * drawn.normals + HALF) / spacing - 0.5).T,
            order=1, mode="nearest",
        )
        for side in (-1, 1)
    ]  # fmt: skip
    free = np.minimum(*probed) < 0.5  # one side of the surface is open
    rows = np.flatnonzero(free) if free.any() else np.arange(len(free))
    rows = np.resize(rows, count)
    return Surface(drawn.points[rows], drawn.normals[rows], drawn.colors[rows])
