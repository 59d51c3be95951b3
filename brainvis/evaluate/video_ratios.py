"""Errors of one method as a share of another's, with intervals over clips."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Ratio:
    """Ratio of two mean scores and its 95 % interval; NaN where there is nothing to divide."""

    value: float
    low: float
    high: float


def ratio_of_means(
    first: np.ndarray, second: np.ndarray, *, draws: int = 1000, seed: int = 0
) -> Ratio:
    """Mean of `first` over mean of `second`, clips drawn with replacement together.

    Parameters
    ----------
    first, second : ndarray, (n,) or (n, subjects)
        Scores on the same clips; NaN in either leaves the clip (of that subject) out of both.
    draws, seed : int
        Of the bootstrap.
    """
    a, b = (np.asarray(one, dtype=float).reshape(len(one), -1) for one in (first, second))
    known = np.isfinite(a) & np.isfinite(b)
    a, b = np.where(known, a, 0).sum(axis=1), np.where(known, b, 0).sum(axis=1)
    if not known.any() or b.sum() == 0:
        return Ratio(*[float("nan")] * 3)
    rng = np.random.default_rng([seed, 41])
    weights = rng.multinomial(len(a), np.full(len(a), 1 / len(a)), size=draws)
    below = weights @ b
    drawn = (weights @ a)[below > 0] / below[below > 0]
    low, high = np.percentile(drawn, (2.5, 97.5))
    return Ratio(float(a.sum() / b.sum()), float(low), float(high))
