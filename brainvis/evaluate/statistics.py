"""Uncertainty and tests on per-stimulus scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import false_discovery_control, norm


@dataclass(frozen=True)
class Difference:
    """Mean paired difference with its bootstrap interval and sign-flip p."""

    mean: float
    low: float
    high: float
    p: float


def mean_score(scores: np.ndarray) -> float:
    """Mean over stimuli in each subject, then over subjects; `scores` is (n[, subjects])."""
    table = _two_dimensional(scores)
    return float(_weighted(table, np.ones((1, len(table))))[0])


def bootstrap_interval(
    scores: np.ndarray,
    *,
    draws: int = 1000,
    level: float = 0.95,
    method: str = "percentile",
    resample_subjects: bool = False,
    seed: int = 0,
) -> tuple[float, float]:
    """Bootstrap interval of the mean over stimuli (Efron & Tibshirani 1993).

    Parameters
    ----------
    scores : ndarray, (n,) or (n, subjects)
        One row per stimulus; NaN where a subject lacks it. A stimulus is drawn together with its
        scores in all subjects.
    draws : int
        Bootstrap samples.
    level : float
        Coverage.
    method : {"percentile", "bca"}
        BCa corrects for bias and skew; it falls back to percentile where all draws are equal.
    resample_subjects : bool
        Also draw subjects with replacement, for claims about other people.
    seed : int
        Same seed, same interval.

    Returns
    -------
    low, high : float
    """
    rng = np.random.default_rng([seed, 1])
    table = _two_dimensional(scores)
    weights = _weights(len(table), draws, rng)
    people = _weights(table.shape[1], draws, rng) if resample_subjects else None
    means = _weighted(table, weights, people)
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    if method == "bca" and not resample_subjects:
        tails = _bca_tails(table, means, tails)
    elif method not in ("percentile", "bca"):
        raise ValueError(f"unknown bootstrap method {method!r}")
    low, high = np.nanquantile(means, tails)
    return float(low), float(high)


def paired_difference(
    first: np.ndarray, second: np.ndarray, *, draws: int = 1000, level: float = 0.95, seed: int = 0
) -> Difference:
    """Compare two methods on the same stimuli (and subjects).

    Parameters
    ----------
    first, second : ndarray, (n,) or (n, subjects)
        Scores of the two methods, same rows.

    Returns
    -------
    Difference
        `first` minus `second`; p is two-sided, from flipping the sign of whole stimuli.
    """
    table = _two_dimensional(first) - _two_dimensional(second)
    low, high = bootstrap_interval(table, draws=draws, level=level, seed=seed)
    observed = mean_score(table)
    rng = np.random.default_rng([seed, 2])
    signs = rng.choice([-1.0, 1.0], size=(draws, len(table)))
    counted = ~np.isnan(table)
    flipped = signs @ np.where(counted, table, 0) / np.maximum(counted.sum(0), 1)  # (draws, subj)
    null = np.abs(flipped[:, counted.any(0)].mean(axis=1))
    return Difference(observed, low, high, permutation_p(abs(observed), null))


def permuted_means(
    pairs: np.ndarray, *, draws: int = 1000, strata: np.ndarray | None = None, seed: int = 0
) -> np.ndarray:
    """Mean score under random pairings of real items and reconstructions.

    Parameters
    ----------
    pairs : ndarray, (n, n)
        Score of reconstruction j (column) if real item i (row) were its own; NaN is left out.
    draws : int
        Random permutations.
    strata : ndarray, (n,), optional
        Permute only within equal values.
    seed : int
        Same seed and n, same permutations, for any `pairs`.

    Returns
    -------
    ndarray, (draws,)
    """
    n = len(pairs)
    rng = np.random.default_rng([seed, 3, n])
    groups = [np.arange(n)]
    if strata is not None:
        groups = [np.flatnonzero(strata == name) for name in np.unique(strata)]
    means = np.empty(draws)
    rows = np.empty(n, dtype=int)
    for draw in range(draws):
        for members in groups:
            rows[members] = rng.permutation(members)
        means[draw] = np.nanmean(pairs[rows, np.arange(n)])
    return means


def permutation_p(observed: float, null: np.ndarray, *, higher_is_better: bool = True) -> float:
    """One-sided p with the observed value counted among the draws (Phipson & Smyth 2010)."""
    tolerance = 1e-12
    as_good = null >= observed - tolerance if higher_is_better else null <= observed + tolerance
    return float((1 + as_good.sum()) / (1 + len(null)))


def false_discovery_rate(p: np.ndarray) -> np.ndarray:
    """Benjamini-Hochberg adjusted p (q), NaN where p is NaN."""
    p = np.asarray(p, dtype=float)
    q, known = np.full(p.shape, np.nan), ~np.isnan(p)
    if known.any():
        q[known] = false_discovery_control(p[known], method="bh")
    return q


def _two_dimensional(scores: np.ndarray) -> np.ndarray:
    scores = np.asarray(scores, dtype=float)
    return scores[:, None] if scores.ndim == 1 else scores


def _weights(n: int, draws: int, rng: np.random.Generator) -> np.ndarray:
    """How often each of n items occurs in each bootstrap sample, (draws, n)."""
    return rng.multinomial(n, np.full(n, 1 / n), size=draws).astype(float)


def _weighted(
    table: np.ndarray, weights: np.ndarray, people: np.ndarray | None = None
) -> np.ndarray:
    """Mean over stimuli, then over subjects, for each row of weights, (draws,)."""
    counted = ~np.isnan(table)
    total, count = weights @ np.where(counted, table, 0), weights @ counted  # (draws, subjects)
    share = (count > 0) * (1.0 if people is None else people)
    means = total / np.where(count > 0, count, 1)
    held = share.sum(axis=1)
    return np.where(held > 0, (means * share).sum(axis=1) / np.where(held > 0, held, 1), np.nan)


def _bca_tails(table: np.ndarray, means: np.ndarray, tails: np.ndarray) -> np.ndarray:
    """Quantile levels corrected for bias and acceleration (Efron 1987, eq. 6.6)."""
    observed, n = mean_score(table), len(table)
    below = np.mean(means < observed) + np.mean(means == observed) / 2
    left_out = _weighted(table, 1.0 - np.eye(n))  # jackknife means, (n,)
    spread = np.nanmean(left_out) - left_out
    scale = np.nansum(spread**2)
    if scale == 0 or not 0 < below < 1:
        return tails
    bias, acceleration = norm.ppf(below), np.nansum(spread**3) / (6 * scale**1.5)
    shifted = bias + norm.ppf(tails)
    return norm.cdf(bias + shifted / (1 - acceleration * shifted))
