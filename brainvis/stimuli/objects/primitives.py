"""Solids that objects are assembled from: all closed, all with normals that look right.

Edges that should look sharp have their vertices doubled, so that normals averaged at vertices
stay flat on each side; merging vertices by position makes every solid watertight again.
Axes: x right, y away from the viewer, z up; objects face the viewer along -y.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import trimesh
from scipy.spatial.transform import Rotation

SPACING = 0.16  # edge length that a texture painted on vertices needs, in object units

Vector = Sequence[float] | np.ndarray


def solid(vertices: np.ndarray, faces: np.ndarray | list) -> trimesh.Trimesh:
    """Mesh of exactly these vertices and faces, without merging."""
    return trimesh.Trimesh(np.asarray(vertices, float), np.asarray(faces), process=False)


def joined(parts: Sequence[trimesh.Trimesh]) -> trimesh.Trimesh:
    """Several meshes as one, without merging."""
    starts = np.cumsum([0, *(len(part.vertices) for part in parts[:-1])])
    faces = [part.faces + start for part, start in zip(parts, starts, strict=True)]
    return solid(np.concatenate([part.vertices for part in parts]), np.concatenate(faces))


def _grid_faces(rows: int, columns: int) -> np.ndarray:
    """Two triangles per cell of a (rows, columns) grid of vertices, row-major."""
    corner = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    right, above = corner + 1, corner + columns
    return np.concatenate(
        [np.stack([corner, right, above + 1], 1), np.stack([corner, above + 1, above], 1)]
    )


def sheet(
    surface: Callable[[np.ndarray, np.ndarray], tuple], rows: int, columns: int
) -> trimesh.Trimesh:
    """Open surface from a function of two coordinates in [0, 1] to x, y, z."""
    v, u = np.meshgrid(np.linspace(0, 1, rows), np.linspace(0, 1, columns), indexing="ij")
    points = np.stack([np.broadcast_to(axis, u.shape) for axis in surface(u, v)], axis=-1)
    return solid(points.reshape(-1, 3), _grid_faces(rows, columns))


def box(size: Vector, spacing: float = SPACING) -> trimesh.Trimesh:
    """Box centred at the origin with sharp edges and gridded faces."""
    parts, half = [], np.asarray(size, float) / 2
    counts = [max(2, min(9, int(np.ceil(2 * side / spacing)) + 1)) for side in half]
    for axis in range(3):
        i, j = (axis + 1) % 3, (axis + 2) % 3
        for sign in (-1, 1):
            b, a = np.meshgrid(
                np.linspace(-half[j], half[j], counts[j]),
                sign * np.linspace(-half[i], half[i], counts[i]),
                indexing="ij",
            )
            points = np.empty((a.size, 3))
            points[:, axis], points[:, i], points[:, j] = sign * half[axis], a.ravel(), b.ravel()
            parts.append(solid(points, _grid_faces(*a.shape)))
    return joined(parts)


def lathe(
    profile: Sequence[Vector] | np.ndarray, sections: int = 16, *, sharp: bool = False
) -> trimesh.Trimesh:
    """Solid of revolution about z.

    Parameters
    ----------
    profile : sequence of (radius, z), from bottom to top
        Radius 0 at either end closes the solid.
    sections : int
        Vertices around the axis.
    sharp : bool
        Whether the profile's corners are edges.
    """
    points = np.asarray(profile, float)
    if sharp:
        rings = [points[k : k + 2] for k in range(len(points) - 1)]
        return joined([lathe(ring, sections) for ring in rings])
    angle = np.linspace(0, 2 * np.pi, sections, endpoint=False)
    around = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    vertices, index = [], []
    for radius, z in points:
        ring = np.array([[0, 0, z]]) if radius < 1e-9 else np.c_[radius * around, [z] * sections]
        index.append(np.arange(len(ring)) % len(ring) + sum(map(len, vertices)))
        vertices.append(ring)
    return solid(np.concatenate(vertices), _bridge(index, sections))


def _bridge(rings: Sequence[np.ndarray], sections: int) -> np.ndarray:
    """Triangles between consecutive rings of vertex numbers (a single number is a pole)."""
    faces, here = [], np.arange(sections)
    ahead = (here + 1) % sections
    for low, high in pairwise(rings):
        if len(low) == sections:
            faces.append(np.stack([low[here], low[ahead], high[ahead % len(high)]], 1))
        if len(high) == sections:
            faces.append(np.stack([low[here % len(low)], high[ahead], high[here]], 1))
    return np.concatenate(faces)


def ball(radii: Vector | float = 1.0, sections: int = 16, rings: int = 10) -> trimesh.Trimesh:
    """Ellipsoid with the given radii along x, y, z."""
    angle = np.linspace(-np.pi / 2, np.pi / 2, rings + 1)
    profile = np.c_[np.cos(angle), np.sin(angle)]
    profile[[0, -1], 0] = 0
    mesh = lathe(profile, sections)
    mesh.vertices = mesh.vertices * np.broadcast_to(np.asarray(radii, float), 3)
    return mesh


def cylinder(
    radius: float, height: float, top: float | None = None, sections: int = 16
) -> trimesh.Trimesh:
    """Cylinder (or, with another `top` radius, frustum or cone) centred at the origin, z axis."""
    top, half = radius if top is None else top, height / 2
    steps = np.linspace(0, 1, max(2, min(8, int(np.ceil(height / SPACING)))))
    side = np.c_[radius + (top - radius) * steps, -half + height * steps]
    parts = [lathe(side, sections), lathe([(0, -half), (radius, -half)], sections)]
    if top > 1e-9:
        parts.append(lathe([(top, half), (0, half)], sections))
    return joined(parts)


def tube(path: np.ndarray, radius: float | np.ndarray, sections: int = 10) -> trimesh.Trimesh:
    """Tube with round ends along a polyline, with one radius or a radius per point."""
    path = np.asarray(path, float)
    radius = np.broadcast_to(np.asarray(radius, float), len(path))
    tangent = np.gradient(path, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    side = _carried_normals(tangent)
    angle = np.linspace(0, 2 * np.pi, sections, endpoint=False)
    across = np.cross(tangent, side)
    around = np.cos(angle)[:, None] * side[:, None] + np.sin(angle)[:, None] * across[:, None]
    rings = path[:, None] + radius[:, None, None] * around  # (points, sections, 3)
    caps = [_cap(path[k], s * tangent[k], radius[k], around[k]) for k, s in ((0, -1), (-1, 1))]
    stack = [*caps[0][::-1], *rings, *caps[1]]
    starts = np.cumsum([0, *map(len, stack)])
    index = [np.arange(len(ring)) + start for ring, start in zip(stack, starts[:-1], strict=True)]
    return solid(np.concatenate(stack), _bridge(index, sections))


def _carried_normals(tangent: np.ndarray) -> np.ndarray:
    """A unit vector across the path at every point, carried along without twist."""
    helper = np.eye(3)[np.argmin(np.abs(tangent[0]))]
    sides = []
    for direction in tangent:
        helper = helper - direction * (helper @ direction)
        helper = helper / np.linalg.norm(helper)
        sides.append(helper)
    return np.array(sides)


def _cap(centre: np.ndarray, outward: np.ndarray, radius: float, around: np.ndarray) -> list:
    """Half a sphere as two rings and a pole, from the tube's end outwards."""
    tilt = np.array([0.6, 1.1])
    rings = [centre + radius * (np.cos(t) * around + np.sin(t) * outward) for t in tilt]
    return [*rings, (centre + radius * outward)[None]]


def limb(
    start: Vector, end: Vector, radius: float, end_radius: float | None = None
) -> trimesh.Trimesh:
    """Straight tube with round ends between two points."""
    steps = np.linspace(0, 1, 4)[:, None]
    path = np.asarray(start, float) * (1 - steps) + np.asarray(end, float) * steps
    last = radius if end_radius is None else end_radius
    return tube(path, radius + (last - radius) * steps[:, 0], sections=10)


def prism(outline: np.ndarray, depth: float) -> trimesh.Trimesh:
    """Flat shape in x and z, star-shaped about its centroid, with thickness along y.

    `outline` (n, 2) runs counter-clockwise as seen by the viewer.
    """
    outline, n = np.asarray(outline, float), len(outline)
    here, ahead = np.arange(n), (np.arange(n) + 1) % n
    rim = np.vstack([outline, outline.mean(axis=0)])
    front, back = (np.insert(rim, 1, y, axis=1) for y in (-depth / 2, depth / 2))
    fan = np.stack([here, ahead, np.full(n, n)], 1)
    parts = [solid(front, fan), solid(back, fan[:, ::-1])]
    for a, b in zip(here, ahead, strict=True):
        wall = np.array([front[a], front[b], back[b], back[a]])
        parts.append(solid(wall, np.array([[0, 2, 1], [0, 3, 2]])))
    return joined(parts)


def placed(
    mesh: trimesh.Trimesh,
    at: Vector = (0, 0, 0),
    turned: Vector = (0, 0, 0),
    scaled: Vector | float = 1.0,
) -> trimesh.Trimesh:
    """Copy that is scaled, turned (degrees about x, then y, then z) and moved."""
    turn = Rotation.from_euler("xyz", turned, degrees=True)
    points = turn.apply(mesh.vertices * np.broadcast_to(np.asarray(scaled, float), 3))
    return solid(points + np.asarray(at, float), mesh.faces)
