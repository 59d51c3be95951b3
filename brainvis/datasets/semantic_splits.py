"""Leave one semantic cluster or category out, and a random control of the same sizes.

A decoder that only tells trained categories apart fails on clusters it never saw, yet not on random
stimuli as many (Shirakawa et al., arXiv 2405.10078). The two splits differ in nothing but that.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from brainvis.datasets.splits import Fold
from brainvis.errors import BrainvisError

_STARTS = 10  # of k-means; the best is kept
SMALLEST = 2  # stimuli of a cluster: identification needs another item


def clusters_of(embeddings: np.ndarray, count: int = 40, *, seed: int = 0) -> np.ndarray:
    """K-means on image embeddings of unit length.

    Parameters
    ----------
    embeddings : ndarray, (n, d)
        Of all stimuli, test ones included: clusters define the split, nothing is fitted with them.
    count : int
        Clusters.
    seed : int

    Returns
    -------
    ndarray, (n,) int
        Cluster of each stimulus, numbered by falling size.

    Raises
    ------
    BrainvisError
        Embeddings that are not finite, or too few for that many clusters.
    """
    from sklearn.cluster import KMeans

    rows = np.asarray(embeddings, dtype=np.float64).reshape(len(embeddings), -1)
    if not np.isfinite(rows).all():
        raise BrainvisError("are not finite", field="embeddings")
    if not 2 <= count <= len(np.unique(rows, axis=0)):
        raise BrainvisError(
            "needs two clusters or more, and no more than different embeddings",
            field="clusters",
            found=f"{count} for {len(rows)} stimuli",
        )
    norm = np.linalg.norm(rows, axis=1, keepdims=True)
    units = rows / np.where(norm > 0, norm, 1.0)
    starts: Any = _STARTS  # scikit-learn annotates only the "auto" that it also takes
    labels = KMeans(count, n_init=starts, random_state=seed).fit_predict(units)
    sizes = np.bincount(labels, minlength=count)
    rank = np.empty(count, dtype=int)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(count)
    return rank[labels]


def leave_one_cluster_out(
    ids: np.ndarray, clusters: np.ndarray, *, only: int | str | None = None
) -> list[Fold]:
    """One fold for each cluster (or category), which is held out whole.

    Parameters
    ----------
    ids : ndarray of str, (n,)
    clusters : ndarray, (n,)
        Cluster or category of each stimulus.
    only : int or str, optional
        Hold out this one alone, in a single fold.

    Returns
    -------
    list of Fold
        In the order of the sorted clusters. Clusters of one stimulus are always trained on, since
        alone they cannot be told from others.

    Raises
    ------
    BrainvisError
        Lengths differ, identifiers repeat, fewer than two clusters can be held out, or `only` is
        none of these.
    """
    names, clusters = _checked(ids, clusters), np.asarray(clusters)
    labels, sizes = np.unique(clusters, return_counts=True)
    held_out = labels[sizes >= SMALLEST]
    if len(held_out) < 2:
        raise BrainvisError(
            f"needs two clusters of {SMALLEST} stimuli or more",
            field="clusters",
            found=len(held_out),
        )
    if only is not None:
        if only not in held_out.tolist():
            raise BrainvisError(
                "cannot be held out",
                field="only",
                found=repr(only),
                remedy=f"one of {held_out.tolist()}",
            )
        held_out = held_out[held_out == only]
    return [_fold(names, clusters == one) for one in held_out]


def size_matched(ids: np.ndarray, folds: list[Fold], *, seed: int = 0) -> list[Fold]:
    """Random folds that hold out as many stimuli as `folds` do, each stimulus at most once.

    Parameters
    ----------
    ids : ndarray of str, (n,)
    folds : list of Fold
        Of `leave_one_cluster_out` on the same stimuli.
    seed : int

    Raises
    ------
    BrainvisError
        Folds of other stimuli, or that hold out one twice.
    """
    names = np.sort(np.asarray(ids, dtype=str))
    sizes = [len(fold.test) for fold in folds]
    held_out = [name for fold in folds for name in fold.test]
    if len(set(held_out)) != len(held_out) or not set(held_out) <= set(names.tolist()):
        raise BrainvisError("folds hold out other stimuli, or one twice", field="folds")
    order = np.random.default_rng([seed, 5]).permutation(len(names))
    ends = np.cumsum([0, *sizes])
    found = []
    for start, end in pairwise(ends):
        out = np.zeros(len(names), dtype=bool)
        out[order[start:end]] = True
        found.append(_fold(names, out))
    return found


def _fold(names: np.ndarray, out: np.ndarray) -> Fold:
    return Fold(names[~out].tolist(), names[out].tolist())


def _checked(ids: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    names = np.asarray(ids, dtype=str)
    if len(names) != len(clusters) or len(np.unique(names)) != len(names):
        raise BrainvisError(
            "needs one cluster for each stimulus, every stimulus once",
            field="ids",
            found=f"{len(names)} stimuli, {len(clusters)} clusters",
        )
    return names
