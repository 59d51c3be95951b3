"""Distances between surfaces and between solids, in units of the longest side of the true box."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import ot
from scipy.sparse import csr_array
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist

FARTHEST = float(np.sqrt(3))  # diagonal of the unit cube: distances are cut here, empty scores it
WORST = {
    "chamfer": FARTHEST,
    "emd": FARTHEST,
    "f_score": 0.0,
    "normal_consistency": 0.0,
    "volume_iou": 0.0,
}


def surface_scores(
    true: tuple[np.ndarray, np.ndarray], made: tuple[np.ndarray, np.ndarray], threshold: float
) -> dict[str, float]:
    """Chamfer distance, F-score and normal consistency of two surfaces.

    Parameters
    ----------
    true, made : (points, normals), each (n, 3)
        From `brainvis.evaluate.shape_points.sample_surface`.
    threshold : float
        Distance below which a point counts as met.

    Returns
    -------
    dict
        ``chamfer``: mean of the two mean distances to the nearest point of the other surface.
        ``f_score``: harmonic mean of the shares of points met, both ways (Knapitsch et al. 2017).
        ``normal_consistency``: mean over both ways of the absolute cosine of the normals at
        nearest points. All are the worst (`WORST`) where `made` has no points.
    """
    if len(made[0]) == 0:
        return {name: WORST[name] for name in ("chamfer", "f_score", "normal_consistency")}
    ways = [_nearest(true, made), _nearest(made, true)]
    shares = [float((distance < threshold).mean()) for distance, _ in ways]
    return {
        "chamfer": min(float(np.mean([distance.mean() for distance, _ in ways])), FARTHEST),
        "f_score": 2 * shares[0] * shares[1] / sum(shares) if sum(shares) else 0.0,
        "normal_consistency": float(np.mean([cosine.mean() for _, cosine in ways])),
    }


def _nearest(
    of: tuple[np.ndarray, np.ndarray], to: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Distance and absolute cosine of normals, of each point to the nearest of the others."""
    distance, nearest = KDTree(to[0]).query(of[0])
    return distance, np.abs((of[1] * to[1][nearest]).sum(axis=1))


def earth_mover(true: np.ndarray, made: np.ndarray) -> float:
    """Least mean way on which points of one surface become those of the other (exact, POT).

    Parameters
    ----------
    true, made : ndarray, (n, 3)
        Equally many points; the worst where `made` has none.
    """
    if len(made) == 0:
        return FARTHEST
    weights = np.full(len(true), 1 / len(true))
    cost = cdist(true, made)
    return min(float(np.asarray(ot.emd2(weights, weights, cost, check_marginals=False))), FARTHEST)


def chamfer_pairs(true: Sequence[np.ndarray], made: Sequence[np.ndarray]) -> np.ndarray:
    """Chamfer distance of every true to every made surface, (n, n): rows are true.

    Parameters
    ----------
    true, made : sequence of ndarray, (p, 3)
        Points, few: all distances are computed. Columns of surfaces without points are the worst.
    """
    real = np.stack(true).astype(np.float64)  # (n, p, 3)
    found = np.full((len(true), len(made)), FARTHEST)
    for column, points in enumerate(made):
        if len(points):
            # (n * p, p): each point of each true surface against this one
            apart = cdist(real.reshape(-1, 3), points).reshape(len(real), -1, len(points))
            both = apart.min(axis=2).mean(axis=1) + apart.min(axis=1).mean(axis=1)
            found[:, column] = np.minimum(both / 2, FARTHEST)
    return found


def iou_pairs(true: Sequence[np.ndarray], made: Sequence[np.ndarray]) -> np.ndarray:
    """Shared over joint volume of every true with every made solid, (n, n): rows are true.

    Parameters
    ----------
    true, made : sequence of ndarray, (k,) int
        Cells, from `brainvis.evaluate.shape_points.solid_cells`. 0 where both have none.
    """
    cells = np.unique(np.concatenate([*true, *made]))
    first, second = (_occupied(solids, cells) for solids in (true, made))
    shared = (first @ second.T).toarray()
    volumes = [np.array([len(solid) for solid in solids]) for solids in (true, made)]
    joint = volumes[0][:, None] + volumes[1] - shared
    return shared / np.where(joint > 0, joint, 1)


def _occupied(solids: Sequence[np.ndarray], cells: np.ndarray) -> csr_array:
    columns = np.searchsorted(cells, np.concatenate(solids))
    starts = np.cumsum([0, *(len(solid) for solid in solids)])
    return csr_array(
        (np.ones(len(columns)), columns, starts), shape=(len(solids), max(len(cells), 1))
    )
