"""A codebook of flow vectors (k-means), so that flow can be classified (BrainNRDS, 2406.02659)."""

from __future__ import annotations

import numpy as np
from sklearn.cluster import KMeans

from brainvis.errors import BrainvisError

_SAMPLE = 20_000


def fit_codebook(flow: np.ndarray, count: int = 40, seed: int = 0) -> np.ndarray:
    """Centres of k-means on a sample of the training clips' flow vectors, (count, 2) float32.

    Parameters
    ----------
    flow : (n, frames, size, size, 2)
        Training clips alone.
    count : int
        Codewords.
    seed : int

    Raises
    ------
    BrainvisError
        Fewer different vectors than codewords.
    """
    vectors = flow.reshape(-1, 2)
    rng = np.random.default_rng([seed, 0xF10])
    kept = vectors[rng.choice(len(vectors), min(_SAMPLE, len(vectors)), replace=False)]
    if (distinct := len(np.unique(kept, axis=0))) < count:
        raise BrainvisError(
            f"holds too few different vectors for {count} codewords",
            field="flow",
            found=distinct,
            remedy="lower `codewords`, or give more clips that move",
        )
    model = KMeans(count, n_init="auto", random_state=seed % 2**32).fit(kept.astype(np.float64))
    order = np.lexsort(model.cluster_centers_.T)
    return model.cluster_centers_[order].astype(np.float32)


def nearest(flow: np.ndarray, codebook: np.ndarray) -> np.ndarray:
    """Number of the nearest codeword of each vector, (..., 2) -> (...) int64."""
    # |f - c|^2 without |f|^2, which is the same for all codewords
    distance = (codebook**2).sum(axis=1) - 2 * flow.reshape(-1, 2) @ codebook.T
    return distance.argmin(axis=1).reshape(flow.shape[:-1])
