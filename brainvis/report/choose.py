"""Which stimuli a grid shows: by rank of a score, or at random; never by eye."""

from __future__ import annotations

import numpy as np


def best_median_worst(
    values: np.ndarray, ids: np.ndarray, count: int, *, higher_is_better: bool = True
) -> dict[str, np.ndarray]:
    """Identifiers of the best, the middle and the worst stimuli.

    Parameters
    ----------
    values : ndarray, (n,)
        Score per stimulus; NaN is left out.
    ids : ndarray, (n,) str
        Ties are ordered by identifier.
    count : int
        Of each; fewer where n is small, so that none is shown twice.
    higher_is_better : bool

    Returns
    -------
    dict
        "best", "median", "worst" to identifiers, best first.
    """
    known = np.flatnonzero(np.isfinite(values))
    signed = -values if higher_is_better else values
    order = known[np.lexsort((ids[known], signed[known]))]
    count = min(count, len(order) // 3)
    middle = (len(order) - count) // 2
    ranks = {"best": slice(0, count), "median": slice(middle, middle + count)}
    ranks["worst"] = slice(len(order) - count, len(order))
    return {name: ids[order[rank]] for name, rank in ranks.items()}


def at_random(ids: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Identifiers drawn without replacement, in sorted order; same seed and set, same draw."""
    pool = np.sort(ids)
    rng = np.random.default_rng([seed, 5])
    return np.sort(rng.choice(pool, size=min(count, len(pool)), replace=False))
