"""Identification: is a reconstruction closer to what was seen than to other real items?

All functions take a similarity matrix, real items in rows and reconstructions in columns, and
return a matrix of the same shape. Entry (i, j) is the score of reconstruction j if i were its
true item, so scores lie on the diagonal and a permuted pairing reads other entries. Only strict
wins count: a tie is a failure, as in the MindEye notebooks (arXiv 2305.18274).
"""

from __future__ import annotations

import numpy as np
from scipy.special import comb
from scipy.stats import rankdata


def two_way(similarity: np.ndarray) -> np.ndarray:
    """Share of other real items that are less similar to the reconstruction; chance 1/2.

    Parameters
    ----------
    similarity : ndarray, (n, n)
        Similarity of real item i (row) and reconstruction j (column); n >= 2.

    Returns
    -------
    ndarray, (n, n)
        In [0, 1].
    """
    return _beaten(similarity) / (len(similarity) - 1)


def two_way_within_class(similarity: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """`two_way` where only items of the true item's class are distractors; chance 1/2.

    Entries between classes, and of classes with one item, are NaN: permuting the pairing has to
    stay within a class.
    """
    scores = np.full(similarity.shape, np.nan)
    for name in np.unique(classes):
        members = np.flatnonzero(classes == name)
        if len(members) > 1:
            pool = np.ix_(members, members)
            scores[pool] = two_way(similarity[pool])
    return scores


def n_way(similarity: np.ndarray, n: int) -> np.ndarray:
    """Probability of the true item winning against n - 1 random others; chance 1/n.

    Exact over all draws of distractors without replacement, hence without sampling error: of the
    N - 1 others, b are beaten, and C(b, n - 1) of the C(N - 1, n - 1) draws hold only those.

    Raises
    ------
    ValueError
        When there are fewer than n items.
    """
    if not 2 <= n <= len(similarity):
        raise ValueError(f"{n}-way identification needs 2 <= n <= {len(similarity)} items")
    return np.asarray(comb(_beaten(similarity), n - 1) / comb(len(similarity) - 1, n - 1))


def retrieval(similarity: np.ndarray) -> np.ndarray:
    """1 where the true item is the most similar of all real items (brain to image), else 0."""
    return (_beaten(similarity) == len(similarity) - 1).astype(float)


def reverse_retrieval(similarity: np.ndarray) -> np.ndarray:
    """1 where the true reconstruction is the most similar of all (image to brain), else 0."""
    return retrieval(similarity.T).T


def _beaten(similarity: np.ndarray) -> np.ndarray:
    """Number of real items strictly less similar to reconstruction j than real item i, (n, n)."""
    return rankdata(similarity, method="min", axis=0) - 1
