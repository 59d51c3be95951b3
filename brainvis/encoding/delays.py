"""Delayed copies of features (a finite impulse response), which never cross a run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from brainvis.errors import BrainvisError


def delayed(X: np.ndarray, delays: Sequence[int], runs: np.ndarray | None = None) -> np.ndarray:
    """Features of earlier time points side by side.

    Column block d holds, at time t, the features of time t - delays[d] of the same run, and 0
    where that time is outside the run (Huth et al. 2016, doi 10.1038/nature17637).

    Parameters
    ----------
    X : (t, p) array
        Features, in units of TR along the first axis, in order of time within each run.
    delays : sequence of int
        In TRs; negative ones look ahead.
    runs : (t,) array, optional
        Run of each row; one run by default.

    Returns
    -------
    (t, len(delays) * p) array
        Block by block in the order of `delays`, in the type of X.

    Raises
    ------
    BrainvisError
        On delays that are none, repeated or fractional, or runs that do not match X.
    """
    X = np.asarray(X)
    runs = np.zeros(len(X), dtype=int) if runs is None else np.asarray(runs)
    steps = np.asarray(delays)
    if steps.ndim != 1 or not steps.size or steps.dtype.kind not in "iu":
        raise BrainvisError("must be whole numbers of TRs", field="delays", found=list(delays))
    if len(np.unique(steps)) < len(steps):
        raise BrainvisError("are repeated", field="delays", found=list(delays))
    if X.ndim != 2 or runs.shape != (len(X),):
        raise BrainvisError("one run a row is needed", field="runs", found=(X.shape, runs.shape))
    out = np.zeros((len(X), len(steps), X.shape[1]), dtype=X.dtype)
    for run in np.unique(runs):
        rows = np.flatnonzero(runs == run)
        for column, delay in enumerate(steps):
            kept = max(len(rows) - abs(int(delay)), 0)
            late, early = rows[len(rows) - kept :], rows[:kept]
            target, source = (late, early) if delay >= 0 else (early, late)
            out[target, column] = X[source]
    return out.reshape(len(X), -1)


def by_delay(coef: np.ndarray, n_delays: int) -> np.ndarray:
    """Weights (n_delays * p, v) on delayed features as (n_delays, p, v): the response over time."""
    if len(coef) % n_delays:
        raise BrainvisError("delays do not divide the weights", found=(len(coef), n_delays))
    return coef.reshape(n_delays, -1, *coef.shape[1:])
