"""Score one set of reconstructions on every metric, with its permutation null."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from brainvis.evaluate import correlation, identification, metrics, pairs
from brainvis.evaluate.catalogue import describe
from brainvis.evaluate.statistics import permuted_means


@dataclass(frozen=True)
class Score:
    """Values of one metric.

    Attributes
    ----------
    metric : str
    values : ndarray, (n,)
        Per stimulus; NaN where undefined (a class with one item).
    null : ndarray, (draws,)
        Means under permuted pairings.
    null_mean : float
        Mean of the true pairing over the stimuli that the null was drawn from.
    """

    metric: str
    values: np.ndarray
    null: np.ndarray
    null_mean: float

    @property
    def chance(self) -> float:
        """Exact chance where it is known, else the mean over permuted pairings."""
        exact = describe(self.metric).chance
        return exact(len(self.values)) if exact else float(self.null.mean())


def score_images(
    real: np.ndarray,
    made: np.ndarray,
    classes: np.ndarray | None = None,
    *,
    permutations: int = 1000,
    null_items: int = 100,
    seed: int = 0,
) -> list[Score]:
    """Pixel metrics of reconstructions.

    Parameters
    ----------
    real, made : ndarray, (n, height, width, 3)
        In [0, 1], same order and size.
    classes : ndarray, (n,), optional
        Category of each stimulus, for identification within a class.
    permutations : int
        Random pairings for the null.
    null_items : int
        SSIM of all pairs grows with n squared: its null uses a random subset of this many.
    seed : int

    Returns
    -------
    list of Score
    """
    chosen = np.sort(np.random.default_rng([seed, 4]).permutation(len(real))[:null_items])
    few = (real[chosen], made[chosen])
    measured = {
        "ssim": (metrics.ssim(real, made), pairs.ssim_pairs(*few)),
        "ssim_legacy_columns": (
            metrics.ssim_legacy_columns(real, made),
            pairs.ssim_pairs(*few, columns=True),
        ),
        "mse": (
            metrics.mean_squared_error(real, made),
            pairs.mean_squared_error_pairs(real, made),
        ),
    }
    scores = []
    for name, (values, matrix) in measured.items():
        null = permuted_means(matrix, draws=permutations, seed=seed)
        scores.append(Score(name, values, null, float(np.diagonal(matrix).mean())))
    vectors = score_vectors(real, made, classes, "pixel", permutations=permutations, seed=seed)
    return vectors + scores


def score_vectors(
    real: np.ndarray,
    made: np.ndarray,
    classes: np.ndarray | None,
    space: str,
    *,
    measures: tuple[str, ...] | None = None,
    permutations: int = 1000,
    seed: int = 0,
) -> list[Score]:
    """Correlation and identification in one feature space.

    Parameters
    ----------
    real, made : ndarray, (n, ...)
        Feature vectors (or pixels) of seen and reconstructed items, same order; n >= 2.
    classes : ndarray, (n,), optional
    space : str
        First part of the metric names.
    measures : tuple of str, optional
        Last parts of the metric names wanted; None for all but "distance", which is only the other
        side of "correlation".
    permutations, seed : int

    Returns
    -------
    list of Score
        Ten-way only where there are ten items, within-class only where a class has two.
    """
    similarity = correlation.all_pairs(real, made)
    wanted = measures or tuple(name for name in _MEASURES if name != "distance")
    return score_similarity(
        similarity, classes, space, wanted, permutations=permutations, seed=seed
    )


def score_similarity(
    similarity: np.ndarray,
    classes: np.ndarray | None,
    space: str,
    measures: tuple[str, ...],
    *,
    permutations: int = 1000,
    seed: int = 0,
) -> list[Score]:
    """Scores that follow from how similar each real item is to each reconstruction.

    Parameters
    ----------
    similarity : ndarray, (n, n)
        Real items in rows, reconstructions in columns; n >= 2.
    classes, space, permutations, seed
        See `score_vectors`.
    measures : tuple of str
        Last parts of the metric names; those that cannot be taken are left out.
    """
    scores = []
    for measure in measures:
        matrix = _MEASURES[measure](similarity, classes)
        if matrix is None:
            continue
        strata = classes if measure == "two_way_within_class" else None
        null = permuted_means(matrix, draws=permutations, strata=strata, seed=seed)
        values = np.diagonal(matrix).copy()
        scores.append(Score(f"{space}_{measure}", values, null, float(np.nanmean(values))))
    return scores


def _ten_way(similarity: np.ndarray, _: np.ndarray | None) -> np.ndarray | None:
    return identification.n_way(similarity, 10) if len(similarity) >= 10 else None


def _within_class(similarity: np.ndarray, classes: np.ndarray | None) -> np.ndarray | None:
    if classes is None or not 1 < len(np.unique(classes)) < len(classes):
        return None
    return identification.two_way_within_class(similarity, classes)


_MEASURES: dict[str, Callable[[np.ndarray, np.ndarray | None], np.ndarray | None]] = {
    "correlation": lambda similarity, _: similarity,
    "distance": lambda similarity, _: 1 - similarity,
    "two_way": lambda similarity, _: identification.two_way(similarity),
    "top1": lambda similarity, _: identification.retrieval(similarity),
    "top1_reverse": lambda similarity, _: identification.reverse_retrieval(similarity),
    "ten_way": _ten_way,
    "two_way_within_class": _within_class,
}
