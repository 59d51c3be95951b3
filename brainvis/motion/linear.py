"""Kernel ridge from fMRI to several targets, and its predictions for left-out segments.

A network that learns from ridge predictions must see them as noisy as they will be in the test:
for each training clip they come from a fit without the clip's whole movie segment.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

from brainvis.encoding.folds import make_folds
from brainvis.errors import BrainvisError

ALPHAS = 10.0 ** np.arange(-3, 2.5, 0.5)  # in units of the mean squared norm of a response
FOLDS = 10


@dataclass(frozen=True)
class Ridge:
    """Fitted by `fit_ridge`: training responses, dual weights, mean targets, `alpha` per target."""

    known: np.ndarray  # (n, v)
    scale: float
    dual: np.ndarray  # (n, t)
    mean: np.ndarray  # (t,)
    alpha: np.ndarray  # (t,)
    left_out: np.ndarray  # (n, t) predictions for training rows, their segment left out

    def predict(self, x: np.ndarray) -> np.ndarray:
        """(m, v) -> (m, t) float32; rows do not affect each other."""
        return ((x @ self.known.T / self.scale) @ self.dual + self.mean).astype(np.float32)


def fit_ridge(x: np.ndarray, targets: np.ndarray, segments: np.ndarray) -> Ridge:
    """Ridge whose penalty, one for each target, predicts left-out segments best.

    Parameters
    ----------
    x : (n, v)
        Standardised training responses.
    targets : (n, t)
    segments : (n,)
        Movie segment of each row.

    Raises
    ------
    BrainvisError
        A single segment, or values that are not finite.
    """
    if not (np.isfinite(x).all() and np.isfinite(targets).all()):
        raise BrainvisError("responses or targets are not finite", field="ridge")
    x, targets = x.astype(np.float64), targets.astype(np.float64)
    kernel = x @ x.T
    scale = float(np.trace(kernel)) / len(x) or 1.0
    kernel /= scale
    folds = min(FOLDS, len(np.unique(segments)))
    guesses = np.zeros((len(ALPHAS), *targets.shape))
    for train, test in make_folds(len(x), folds, segments):
        mean = targets[train].mean(axis=0)
        values, vectors = eigh(kernel[np.ix_(train, train)])
        left = kernel[np.ix_(test, train)] @ vectors
        right = vectors.T @ (targets[train] - mean)
        for number, alpha in enumerate(ALPHAS):
            guesses[number, test] = (left / (np.maximum(values, 0) + alpha)) @ right + mean
    error = ((guesses - targets) ** 2).sum(axis=1)  # (alphas, t)
    best = error.argmin(axis=0)
    mean = targets.mean(axis=0)
    values, vectors = eigh(kernel)
    right = vectors.T @ (targets - mean)
    dual = vectors @ (right / (np.maximum(values, 0)[:, None] + ALPHAS[best]))
    left_out = guesses[best, :, np.arange(targets.shape[1])].T
    return Ridge(x, scale, dual, mean, ALPHAS[best], left_out.astype(np.float32))
