"""Triangles to pixels in plain NumPy: which face covers which pixel, where in it, and how deep."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

_CANDIDATES = 1 << 20  # pixel-face pairs tested at once


@dataclass(frozen=True)
class Fragments:
    """Pixels covered by faces, k of them in no order.

    Attributes
    ----------
    pixel : ndarray, (k,) int
        Row times width plus column.
    face : ndarray, (k,) int
    weights : ndarray, (k, 3)
        Barycentric coordinates of the pixel's centre in the face.
    depth : ndarray, (k,)
        Third coordinate at the pixel's centre.
    turn : ndarray, (k,) int
        1 where the corners run clockwise in the picture (y down), else -1.
    """

    pixel: np.ndarray
    face: np.ndarray
    weights: np.ndarray
    depth: np.ndarray
    turn: np.ndarray


def fragments(points: np.ndarray, faces: np.ndarray, size: int) -> Fragments:
    """All faces that cover the centre of each pixel of a square picture.

    Parameters
    ----------
    points : ndarray, (n, 3)
        x to the right and y down in pixels (centres at half-integers), then depth, which varies
        linearly over a face (parallel projection).
    faces : ndarray, (m, 3) int
    size : int
        Side of the picture; what lies outside is left out.
    """
    corners = points[faces]  # (m, 3, 3)
    flat = corners[..., :2]
    low = np.clip(np.ceil(flat.min(axis=1) - 0.5), 0, size).astype(int)
    high = np.clip(np.floor(flat.max(axis=1) - 0.5), -1, size - 1).astype(int)
    extent = np.maximum(high - low + 1, 0)  # (m, 2) columns and rows of the bounding box
    parts = [_covered(corners, low, extent, chosen, size) for chosen in _chunks(extent.prod(1))]
    return Fragments(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def nearest(found: Fragments) -> np.ndarray:
    """Numbers of the fragments that are seen: one for each covered pixel, the least deep."""
    order = np.lexsort((found.face, found.depth, found.pixel))
    first = np.unique(found.pixel[order], return_index=True)[1]
    return order[first]


def _chunks(counts: np.ndarray) -> Iterator[np.ndarray]:
    """Faces with candidates, so many at a time that memory stays bounded."""
    faces = np.flatnonzero(counts)
    bounds = np.flatnonzero(np.diff(np.cumsum(counts[faces]) // _CANDIDATES)) + 1
    yield from np.split(faces, bounds)


def _covered(
    corners: np.ndarray, low: np.ndarray, extent: np.ndarray, chosen: np.ndarray, size: int
) -> tuple[np.ndarray, ...]:
    """Fields of `Fragments` for some faces."""
    counts = extent[chosen].prod(axis=1)
    face = np.repeat(chosen, counts)
    within = np.arange(len(face)) - np.repeat(np.cumsum(counts) - counts, counts)
    width = np.maximum(extent[face, 0], 1)
    column, row = low[face, 0] + within % width, low[face, 1] + within // width
    centre = np.stack([column, row], axis=1) + 0.5
    a, b, c = (corners[face, corner, :2] - centre for corner in range(3))
    parts = np.stack([_cross(b, c), _cross(c, a), _cross(a, b)], axis=1)  # (k, 3)
    area = parts.sum(axis=1)
    weights = parts / np.where(area == 0, 1, area)[:, None]
    inside = (area != 0) & (weights >= 0).all(axis=1)
    face, weights = face[inside], weights[inside]
    depth = (weights * corners[face, :, 2]).sum(axis=1)
    turn = np.sign(area[inside]).astype(int)
    return (row * size + column)[inside], face, weights, depth, turn


def _cross(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
