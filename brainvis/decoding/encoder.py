"""Ridge encoding with exact leave-one-stimulus-out errors: weights, noise and voxel selection."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

ALPHAS = tuple(np.logspace(-2, 3, 11).tolist())  # in units of the targets' total variance


@dataclass(frozen=True)
class Encoding:
    """Linear encoding model of every voxel, response = mean + (z - z_mean) weights + noise.

    Attributes
    ----------
    weights : ndarray, (d, v)
    z_mean : ndarray, (d,)
    mean : ndarray, (v,)
    residuals : ndarray, (n, v)
        Error on each training row when its stimulus is left out.
    r2 : ndarray, (v,)
        Share of variance explained in left-out rows; at most 1, negative for silent voxels.
    """

    weights: np.ndarray
    z_mean: np.ndarray
    mean: np.ndarray
    residuals: np.ndarray
    r2: np.ndarray


def encode(
    z: np.ndarray,
    responses: np.ndarray,
    groups: np.ndarray | None = None,
    alphas: tuple[float, ...] = ALPHAS,
) -> Encoding:
    """Fit ridge from stimulus scores to voxels; the penalty of each voxel minimises left-out error.

    For hat matrix H of a linear smoother and a group g of rows, the error on g when g is left out
    of the fit is (I - H_gg)^-1 e_g, with e the errors of the full fit (Cook & Weisberg
    1982); one factorisation serves all groups.

    Parameters
    ----------
    z : ndarray, (n, d)
        Stimulus scores (principal components), one row per training row.
    responses : ndarray, (n, v)
        Voxel responses.
    groups : ndarray, (n,), optional
        Stimulus of each row; rows of one stimulus are left out together.
    alphas : tuple of float
        Penalties to choose from, in units of the mean squared norm of the rows of `z`.
    """
    z, y = np.asarray(z, dtype=np.float64), np.asarray(responses, dtype=np.float64)
    n = len(z)
    z_mean, mean = z.mean(axis=0), y.mean(axis=0)
    u, s, vt = np.linalg.svd(z - z_mean, full_matrices=False)
    uy = u.T @ (y - mean)  # (r, v)
    unit = (s**2).sum() / n or 1.0
    best = np.full(y.shape[1], np.inf)
    chosen, residuals = np.zeros(y.shape[1]), np.zeros_like(y)
    for alpha in np.asarray(alphas) * unit:
        shrunk = s**2 / (s**2 + alpha)
        hat = (u * shrunk) @ u.T + 1.0 / n  # the intercept is not penalised
        errors = _left_out(y - mean - u @ (shrunk[:, None] * uy), hat, groups)
        loss = (errors**2).sum(axis=0)
        better = loss < best
        best[better], chosen[better] = loss[better], alpha
        residuals[:, better] = errors[:, better]
    weights = vt.T @ (s[:, None] / (s[:, None] ** 2 + chosen) * uy)  # (d, v)
    total = ((y - mean) ** 2).sum(axis=0)
    r2 = 1.0 - best / np.where(total > 0, total, 1.0)
    return Encoding(weights, z_mean, mean, residuals, np.where(total > 0, r2, -np.inf))


def select_voxels(r2: np.ndarray, count: int | None) -> np.ndarray:
    """Voxels that the encoding model predicts better than their mean, at most the `count` best.

    Parameters
    ----------
    r2 : ndarray, (v,)
        Left-out share of variance explained, from training data.
    count : int or None
        Upper limit; None for no limit.

    Returns
    -------
    ndarray of int
        Column numbers, increasing; may be empty.
    """
    ranked = np.argsort(-r2, kind="stable")[: count or len(r2)]
    return np.sort(ranked[r2[ranked] > 0])


def _left_out(errors: np.ndarray, hat: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
    """Errors of the full fit -> errors with each row's group left out, (n, v)."""
    if groups is None or len(np.unique(groups)) == len(errors):
        return errors / (1.0 - np.diag(hat))[:, None]
    left_out = np.empty_like(errors)
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        block = np.eye(len(rows)) - hat[np.ix_(rows, rows)]
        left_out[rows] = np.linalg.solve(block, errors[rows])
    return left_out
