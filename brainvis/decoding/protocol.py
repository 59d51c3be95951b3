"""What every decoder offers: fit on training responses and targets, predict targets."""

from __future__ import annotations

from typing import Protocol, Self

import numpy as np


class Decoder(Protocol):
    """Map from responses to target vectors (flat images or features), learned from pairs."""

    def fit(
        self, responses: np.ndarray, targets: np.ndarray, groups: np.ndarray | None = None
    ) -> Self:
        """Learn from training pairs alone.

        Parameters
        ----------
        responses : ndarray, (n, v) float32
            One row per training trial (or per stimulus, averaged over repeats).
        targets : ndarray, (n, p) float32
            What was shown on each row.
        groups : ndarray, (n,) int, optional
            Stimulus of each row, so that inner validation never splits repeats; by default each
            row is a stimulus of its own.
        """
        ...

    def predict(self, responses: np.ndarray) -> np.ndarray:
        """Targets for new responses, (m, v) -> (m, p) float32. Rows do not affect each other."""
        ...


def inner_folds(groups: np.ndarray, folds: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Shuffled folds of training rows in which rows of one group stay together.

    Parameters
    ----------
    groups : ndarray, (n,)
        Stimulus of each row.
    folds : int
        Number of folds; at most the number of groups.
    seed : int
        Drives the shuffle.

    Returns
    -------
    list of (train, validation) row-number arrays
    """
    unique, inverse = np.unique(groups, return_inverse=True)
    fold = np.random.default_rng([seed, 101]).permutation(len(unique)) % min(folds, len(unique))
    rows = fold[inverse]
    return [(np.flatnonzero(rows != f), np.flatnonzero(rows == f)) for f in range(fold.max() + 1)]
