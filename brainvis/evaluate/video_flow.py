"""Errors of optical flow: end point and direction, on the object and on the whole image.

All flow is (n, frames, rows, columns, 2) in pixels of its own grid per frame step of the clip.
Scores are of all pairs, (n, n): entry (i, j) is that of made flow j if true flow i were its own, on
the cells of i; the diagonal holds the true pairing, the rest is what permutation tests draw from.
"""

from __future__ import annotations

import numpy as np

from brainvis.errors import BrainvisError

OBJECT = 0.5  # share of a cell that the object covers, above which the cell is of the object
MOVING = 0.1  # pixels of the grid per step: slower objects and cells have no direction to decode


def object_cells(mask: np.ndarray) -> np.ndarray:
    """Cells of the object from the share that it covers, (n, frames, rows, columns) bool."""
    return np.asarray(mask) > OBJECT


def object_speed(true: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Mean length of the true flow over the object's cells, (n,); NaN where there is none."""
    return _mean(np.linalg.norm(true.astype(np.float64), axis=-1), cells)


def endpoint_errors(true: np.ndarray, made: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Mean Euclidean distance between true and made flow vectors, (n, n).

    Parameters
    ----------
    true, made : ndarray, (n, frames, rows, columns, 2)
    cells : ndarray, (n, frames, rows, columns) bool
        Where each true flow counts; rows of the result are NaN where it counts nowhere.

    Raises
    ------
    BrainvisError
        Shapes that do not go together, or numbers that are not finite.
    """
    _check(true, made, cells)
    scores = np.full((len(true), len(made)), np.nan)
    x, y = (made[..., axis].reshape(len(made), -1).astype(np.float64) for axis in (0, 1))
    for i, chosen in enumerate(cells.reshape(len(cells), -1)):
        if chosen.any():
            right, down = true[i].reshape(-1, 2)[chosen].T
            scores[i] = np.hypot(x[:, chosen] - right, y[:, chosen] - down).mean(axis=1)
    return scores


def direction_cosines(true: np.ndarray, made: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Mean cosine of the angle between true and made vectors, over cells that truly move, (n, n).

    A made vector of no length has no direction and scores 0. Parameters as `endpoint_errors`.
    """
    _check(true, made, cells)
    moving = cells & (np.linalg.norm(true.astype(np.float64), axis=-1) > MOVING)
    count = moving.sum(axis=(1, 2, 3))[:, None]
    towards = np.where(moving[..., None], _unit(true.astype(np.float64)), 0)
    rows, columns = (v.reshape(len(v), -1) for v in (towards, _unit(made.astype(np.float64))))
    return np.where(count > 0, rows @ columns.T / np.maximum(count, 1), np.nan)


def flow_pairs(true: np.ndarray, made: np.ndarray, mask: np.ndarray) -> dict[str, np.ndarray]:
    """All metrics of flow, each (n, n).

    ``epe_object`` and ``epe_whole``: end-point error on the object's cells, and everywhere;
    ``epe_moving``: on the object's cells of clips whose object moves (`MOVING`), else NaN;
    ``direction_cosine_object``, ``direction_cosine_whole``.
    """
    cells, every = object_cells(mask), np.ones(mask.shape, dtype=bool)
    on_object = endpoint_errors(true, made, cells)
    moves = np.nan_to_num(object_speed(true, cells)) > MOVING
    return {
        "epe_object": on_object,
        "epe_moving": np.where(moves[:, None], on_object, np.nan),
        "epe_whole": endpoint_errors(true, made, every),
        "direction_cosine_object": direction_cosines(true, made, cells),
        "direction_cosine_whole": direction_cosines(true, made, every),
    }


def _mean(values: np.ndarray, cells: np.ndarray) -> np.ndarray:
    count = cells.sum(axis=(1, 2, 3))
    total = np.where(cells, values, 0).sum(axis=(1, 2, 3))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _unit(vectors: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(length > 1e-9, length, np.inf)


def _check(true: np.ndarray, made: np.ndarray, cells: np.ndarray) -> None:
    if true.shape != made.shape or true.ndim != 5 or cells.shape != true.shape[:-1]:
        raise BrainvisError(
            "true flow, made flow and mask must have one shape (n, frames, rows, columns)",
            field="flow",
            found=f"{true.shape}, {made.shape}, {cells.shape}",
        )
    if not (np.isfinite(true).all() and np.isfinite(made).all()):
        raise BrainvisError("flow is not finite", field="flow", found="NaN or infinity")
