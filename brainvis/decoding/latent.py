"""Principal axes of a set of vectors: the linear-Gaussian summary of an image or feature prior."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from brainvis.errors import BrainvisError


@dataclass(frozen=True)
class Latent:
    """Mean, orthonormal axes and variances of a set of vectors.

    Attributes
    ----------
    mean : ndarray, (p,)
    axes : ndarray, (d, p)
        Rows are orthonormal, by falling variance.
    variance : ndarray, (d,)
        Variance along each axis, positive.
    """

    mean: np.ndarray
    axes: np.ndarray
    variance: np.ndarray

    @classmethod
    def fit(cls, vectors: np.ndarray, explained: float = 0.99) -> Self:
        """Axes that hold a share of the variance of `vectors` (n, p).

        Parameters
        ----------
        vectors : ndarray, (n, p)
        explained : float
            Share of variance kept, in (0, 1].

        Raises
        ------
        BrainvisError
            All vectors are equal, or some number is not finite.
        """
        vectors = np.asarray(vectors, dtype=np.float64)
        mean = vectors.mean(axis=0)
        centred = vectors - mean
        if not np.isfinite(mean).all() or not centred.any():
            raise BrainvisError(
                "needs finite vectors that differ", field="principal components", found=len(vectors)
            )
        n, p = centred.shape
        # The smaller of the two Gram matrices has the same spectrum.
        values, sides = np.linalg.eigh(centred @ centred.T if n < p else centred.T @ centred)
        values, sides = values[::-1], sides[:, ::-1]
        kept = _count(values, explained)
        axes = sides[:, :kept].T
        if n < p:
            axes = axes @ centred / np.sqrt(values[:kept])[:, None]
        return cls(mean, axes, values[:kept] / n)

    def project(self, vectors: np.ndarray) -> np.ndarray:
        """Scores along the axes, (n, p) -> (n, d)."""
        return (np.asarray(vectors, dtype=np.float64) - self.mean) @ self.axes.T

    def restore(self, scores: np.ndarray) -> np.ndarray:
        """Vectors with the given scores, (n, d) -> (n, p)."""
        return self.mean + scores @ self.axes


def _count(values: np.ndarray, explained: float) -> int:
    """Axes needed for the share of variance, none of them numerically null."""
    positive = int((values > values[0] * 1e-10).sum())
    share = np.cumsum(values[:positive]) / values[:positive].sum()
    return min(positive, int(np.searchsorted(share, explained - 1e-12)) + 1)
