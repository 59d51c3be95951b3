"""Score decoded objects against true ones on every shape metric, with permutation nulls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from brainvis.evaluate import correlation
from brainvis.evaluate.scoring import Score, score_similarity
from brainvis.evaluate.shape_distances import (
    FARTHEST,
    chamfer_pairs,
    earth_mover,
    iou_pairs,
    surface_scores,
)
from brainvis.evaluate.statistics import permuted_means
from brainvis.objects3d.mesh import EMPTY, ColoredMesh
from brainvis.objects3d.render import around, views
from brainvis.objects3d.solids import filled, visible_points

IDENTIFIED = ("two_way", "two_way_within_class", "ten_way", "top1", "top1_reverse")
SURFACE = ("chamfer", "f_score", "normal_consistency")
VIEW_SPACES = ("views_pixel", "views_visual")
# From views (b, height, width, 3) in [0, 1] to one vector each.
Read = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class ShapeProtocol:
    """How shapes are compared: no alignment, in the frame of normalised true shapes.

    Attributes
    ----------
    points, transport_points, pair_points : int
        Points of a surface for Chamfer distance, F-score and normals; for the earth mover's
        distance; and for identification, where all pairs are compared.
    threshold : float
        Of the F-score, in longest sides of the true box.
    cells : int
        Along each axis of the volume for the IoU (`brainvis.objects3d.solids.filled`).
    views, view_size : int
        Views around the object and their side in pixels.
    null_items, transport_null_items : int
        Objects in the permutation nulls of surface metrics and of the earth mover's distance.
    seed : int
        Of the points drawn, the permutations and the choice of null items.
    """

    points: int = 2048
    transport_points: int = 512
    pair_points: int = 256
    threshold: float = 0.05
    cells: int = 64
    views: int = 6
    view_size: int = 64
    null_items: int = 8
    transport_null_items: int = 4
    seed: int = 0


@dataclass(frozen=True)
class Measured:
    """One object as the metrics take it; an empty one has no points and no cells.

    Attributes
    ----------
    points, normals : ndarray, (points, 3) or (0, 3)
    cells : ndarray, (k,) int
        Numbers of the solid cells.
    views : dict
        Vector of all views by space.
    """

    points: np.ndarray
    normals: np.ndarray
    cells: np.ndarray
    views: dict[str, np.ndarray]

    @property
    def surface(self) -> tuple[np.ndarray, np.ndarray]:
        return self.points, self.normals


def measure(
    mesh: ColoredMesh, name: str, protocol: ShapeProtocol, read: Read | None = None
) -> Measured:
    """Points, cells and views of a mesh.

    Parameters
    ----------
    mesh : ColoredMesh
    name : str
        Whose object this is; with the seed it decides which points are drawn, so that the result
        does not depend on other objects.
    protocol : ShapeProtocol
    read : callable, optional
        Network that the views are read by.
    """
    if mesh.status == EMPTY:
        nothing = np.empty((0, 3))
        return Measured(nothing, nothing, np.empty(0, dtype=int), {})
    solid = filled(mesh, protocol.cells)
    seed = crc32(f"{protocol.seed} {name}".encode())
    surface = visible_points(mesh, protocol.points, seed, solid)
    pictures = views(mesh, around(protocol.views), size=protocol.view_size)
    seen = {"views_pixel": pictures.ravel()}
    if read is not None:
        seen["views_visual"] = np.asarray(read(pictures)).ravel()
    cells = np.flatnonzero(solid.ravel() >= 0.5)
    return Measured(
        surface.points.astype(np.float64), surface.normals.astype(np.float64), cells, seen
    )


def score_shapes(
    true: Sequence[Measured],
    made: Sequence[Measured],
    classes: np.ndarray | None = None,
    *,
    protocol: ShapeProtocol,
    permutations: int = 1000,
) -> list[Score]:
    """All metrics of decoded objects; an empty object gets the worst value of each.

    Parameters
    ----------
    true, made : sequence of Measured
        Same order, two or more; no true one is empty.
    classes : ndarray, (n,), optional
        Category of each object, for identification within a class.
    protocol : ShapeProtocol
    permutations : int

    Returns
    -------
    list of Score
    """
    draws = {"permutations": permutations, "seed": protocol.seed}
    scores = _surface_scores(true, made, protocol, permutations)
    scores.append(_transport_score(true, made, protocol, permutations))
    shared = iou_pairs([one.cells for one in true], [one.cells for one in made])
    scores.append(_score("volume_iou", np.diagonal(shared).copy(), shared, **draws))
    # points come in random order, so the first ones are a sample
    few = [[one.points[: protocol.pair_points] for one in objects] for objects in (true, made)]
    apart = FARTHEST - chamfer_pairs(*few)
    scores += score_similarity(apart, classes, "shape", IDENTIFIED, **draws)
    for space in VIEW_SPACES:
        if space in true[0].views:
            similarity = _alike(true, made, space)
            measures = ("correlation", *IDENTIFIED)
            scores += score_similarity(similarity, classes, space, measures, **draws)
    return scores


def sampling_floor(mesh: ColoredMesh, name: str, protocol: ShapeProtocol) -> dict[str, float]:
    """What a perfect decoder would score: one mesh against itself, other points drawn."""
    first, second = (measure(mesh, f"{name} {draw}", protocol) for draw in "ab")
    transport = protocol.transport_points
    own = surface_scores(first.surface, second.surface, protocol.threshold)
    return own | {"emd": earth_mover(first.points[:transport], second.points[:transport])}


def _surface_scores(
    true: Sequence[Measured], made: Sequence[Measured], protocol: ShapeProtocol, permutations: int
) -> list[Score]:
    def compare(row: int, column: int) -> list[float]:
        found = surface_scores(true[row].surface, made[column].surface, protocol.threshold)
        return [found[name] for name in SURFACE]

    own = np.array([compare(row, row) for row in range(len(true))])  # (n, metrics)
    chosen = _chosen(len(true), protocol.null_items, protocol.seed)
    pairs = np.array([[compare(row, column) for column in chosen] for row in chosen])
    return [
        _score(name, own[:, at], pairs[..., at], permutations, protocol.seed)
        for at, name in enumerate(SURFACE)
    ]


def _transport_score(
    true: Sequence[Measured], made: Sequence[Measured], protocol: ShapeProtocol, permutations: int
) -> Score:
    def compare(row: int, column: int) -> float:
        count = protocol.transport_points
        return earth_mover(true[row].points[:count], made[column].points[:count])

    own = np.array([compare(row, row) for row in range(len(true))])
    chosen = _chosen(len(true), protocol.transport_null_items, protocol.seed)
    pairs = np.array([[compare(row, column) for column in chosen] for row in chosen])
    return _score("emd", own, pairs, permutations, protocol.seed)


def _alike(true: Sequence[Measured], made: Sequence[Measured], space: str) -> np.ndarray:
    """Correlation of views, rows are true; -1 in the columns of empty objects."""
    real = np.stack([one.views[space] for one in true])
    empty = np.array([len(one.points) == 0 for one in made])
    none = np.zeros_like(real[0])
    seen = np.stack(
        [none if bare else one.views[space] for one, bare in zip(made, empty, strict=True)]
    )
    return np.where(empty, -1.0, correlation.all_pairs(real, seen))


def _chosen(n: int, count: int, seed: int) -> np.ndarray:
    """Numbers of the objects in a null."""
    return np.sort(np.random.default_rng([seed, 4]).permutation(n)[:count])


def _score(name: str, values: np.ndarray, pairs: np.ndarray, permutations: int, seed: int) -> Score:
    null = permuted_means(pairs, draws=permutations, seed=seed)
    return Score(name, values, null, float(np.diagonal(pairs).mean()))
