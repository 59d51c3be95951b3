"""How well each voxel is predicted on held-out trials.

Every score takes responses and predictions (n, v) and gives one number a voxel, (v,) float32; it
is NaN where it is undefined (no variance).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from brainvis.errors import BrainvisError

METRICS = ("r", "r2", "explained_variance")
_ZERO = 1e-12  # of the mean square: less variance than this is rounding


def pearson_r(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Pearson correlation over trials."""
    return metrics(moments(truth, predicted))["r"]


def r2(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Coefficient of determination 1 - |y - p|^2 / |y - mean(y)|^2; a bias costs."""
    return metrics(moments(truth, predicted))["r2"]


def explained_variance(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """1 - var(y - p) / var(y), as BraInCoRL (arXiv 2505.15813) reports; a bias costs nothing."""
    return metrics(moments(truth, predicted))["explained_variance"]


def all_scores(
    truth: np.ndarray, predicted: np.ndarray, voxels_batch: int = 2000
) -> dict[str, np.ndarray]:
    """`METRICS` side by side, each (v,) float32, in batches of voxels.

    Raises
    ------
    BrainvisError
        When the shapes differ, or there are fewer than 3 trials.
    """
    check_pair(truth, predicted)
    parts = [
        metrics(moments(truth[:, batch], predicted[:, batch]))
        for batch in voxel_batches(truth.shape[1], voxels_batch)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in METRICS}


def normalised_r(r: np.ndarray, ceiling: np.ndarray, threshold: float = 0.05) -> np.ndarray:
    """r / sqrt(noise ceiling): 1 where all that can be predicted is (Algonauts 2021).

    Parameters
    ----------
    r : (v,) array
        Pearson correlation of each voxel.
    ceiling : (v,) array
        Share of the variance of the same responses (as averaged) that the stimulus explains.
    threshold : float
        Voxels whose ceiling does not exceed it are NaN: the ratio of two small numbers says
        nothing.
    """
    r, ceiling = np.asarray(r), np.asarray(ceiling)
    if r.shape != ceiling.shape:
        raise BrainvisError("one ceiling a voxel is needed", found=(r.shape, ceiling.shape))
    if threshold < 0:
        raise BrainvisError("must not be negative", field="threshold", found=threshold)
    out = np.full(r.shape, np.nan, dtype=np.float32)
    np.divide(r, np.sqrt(np.maximum(ceiling, 0)), out=out, where=ceiling > threshold)
    return out


def split_r2(truth: np.ndarray, parts: np.ndarray, intercept: np.ndarray) -> np.ndarray:
    """R2 of a sum of parts, divided among them by the product measure, (parts, v).

    With the prediction p = sum_b p_b, all as deviations from the mean of y, the share of part b
    is sum_t p_b (2y - p) / |y|^2 (Dupré la Tour et al. 2022). What the mean prediction is off by
    belongs to no part in particular and is divided equally.

    Parameters
    ----------
    truth : (n, v) array
        Responses.
    parts : (parts, n, v) array
        Prediction of each part.
    intercept : (v,) array
        Completes the prediction.
    """
    y, means = truth - truth.mean(axis=0), parts.mean(axis=1)  # (n, v), (parts, v)
    centred = parts - means[:, None]
    offset = means.sum(axis=0) + intercept - truth.mean(axis=0)  # (v,)
    rest = 2 * y - centred.sum(axis=0)
    shares = np.einsum("bnv,nv->bv", centred, rest) - len(y) * offset**2 / len(parts)
    return _divided(shares, np.einsum("nv,nv->v", y, y), truth)


def split_r(truth: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """Pearson r of a sum of parts, divided among them by covariance, (parts, v)."""
    y, centred = truth - truth.mean(axis=0), parts - parts.mean(axis=1, keepdims=True)
    whole = centred.sum(axis=0)
    spread = np.einsum("nv,nv->v", y, y) * np.einsum("nv,nv->v", whole, whole)
    return _divided(np.einsum("bnv,nv->bv", centred, y), np.sqrt(spread), truth)


@dataclass(frozen=True)
class Moments:
    """Mean of y and of p, then variance of y and of p and their covariance, each (..., v)."""

    mean_y: np.ndarray
    mean_p: np.ndarray
    var_y: np.ndarray
    var_p: np.ndarray
    cov: np.ndarray


def moments(truth: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None = None) -> Moments:
    """Moments over trials, (v,), or over trials weighted by each row of `weights`, (samples, v)."""
    centre = np.mean(truth, axis=0, dtype=np.float64)  # a common shift: sums of squares stay small
    y, p = truth - centre, predicted - centre
    share = np.ones(len(y)) if weights is None else weights
    share = share / share.sum(axis=-1, keepdims=True)
    mean_y, mean_p = share @ y, share @ p
    var_y, var_p = share @ (y * y) - mean_y**2, share @ (p * p) - mean_p**2
    return Moments(
        mean_y,
        mean_p,
        np.where(var_y > _ZERO * (centre**2 + mean_y**2), var_y, np.nan),
        np.where(var_p > _ZERO * (centre**2 + mean_p**2), var_p, 0.0),
        share @ (y * p) - mean_y * mean_p,
    )


def metrics(found: Moments) -> dict[str, np.ndarray]:
    """Every one of `METRICS` from the moments, float32, NaN where undefined."""
    residual = found.var_y + found.var_p - 2 * found.cov
    bias = found.mean_y - found.mean_p
    spread = np.sqrt(found.var_y * np.where(found.var_p > 0, found.var_p, np.nan))
    values = {
        "r": np.clip(found.cov / spread, -1, 1),
        "r2": 1 - (residual + bias**2) / found.var_y,
        "explained_variance": 1 - residual / found.var_y,
    }
    return {name: value.astype(np.float32) for name, value in values.items()}


def _divided(shares: np.ndarray, whole: np.ndarray, truth: np.ndarray) -> np.ndarray:
    constant = truth.var(axis=0) <= _ZERO * np.mean(np.square(truth), axis=0)
    return shares / np.where(constant | (whole <= 0), np.nan, whole)


def voxel_batches(v: int, size: int) -> Iterator[slice]:
    """Slices of at most `size` voxels."""
    if size < 1:
        raise BrainvisError("must be positive", field="voxels_batch", found=size)
    for start in range(0, v, size):
        yield slice(start, min(start + size, v))


def check_pair(truth: np.ndarray, predicted: np.ndarray) -> None:
    """Refuse responses and predictions that do not go together."""
    if np.shape(truth) != np.shape(predicted) or np.ndim(truth) != 2 or len(truth) < 3:
        raise BrainvisError(
            "responses and predictions must be (trials, voxels), of one shape and 3 trials or more",
            found=(np.shape(truth), np.shape(predicted)),
        )
