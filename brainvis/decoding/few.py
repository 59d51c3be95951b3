"""A new subject's voxels from few trials: their tuning, and where it places them among known ones.

Brain-IT (arXiv 2510.25976) starts a new voxel at the nearest known one and learns from there. From
a handful of trials nothing can be learned by gradient and the nearest voxel is a guess. So the
voxel's tuning is estimated first, with the population of known voxels as its prior (the in-context
encoder), and the embedding is what known voxels of that tuning have on average: linear regression
from tuning to learned embedding, over known voxels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from brainvis.errors import BrainvisError

_PENALTY = 1e-3  # of the map from tuning to embeddings, in variances of the tuning
_LEAST = 1e-6  # standard deviation of responses that counts as none


@dataclass(frozen=True)
class Tuning:
    """Linear tuning of v voxels, on d image features, as an encoder estimated it.

    `weights` (v, d) and `intercept` (v,) in units of the responses; `noise` (v,) variance of a
    single response around it.
    """

    weights: np.ndarray
    intercept: np.ndarray
    noise: np.ndarray


def units(tuning: Tuning, features: np.ndarray, repeats: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each voxel's mean response to images, as the tuning has them.

    A handful of responses tells neither; the tuning and the features of all training images do.

    Parameters
    ----------
    tuning : Tuning
    features : (n, d)
        Of training images, whether the subject saw them or not.
    repeats : float
        Trials that a response is the mean of.

    Returns
    -------
    mean, scale : (v,)
        `scale` is infinite for a voxel that does not vary.
    """
    answers = features @ tuning.weights.T  # (n, v)
    mean = answers.mean(axis=0) + tuning.intercept
    scale = np.sqrt(answers.var(axis=0) + tuning.noise / repeats)
    return mean, np.where(scale > _LEAST, scale, np.inf)


def place(weights: np.ndarray, known: np.ndarray, learned: np.ndarray) -> np.ndarray:
    """Embeddings of voxels by their tuning, (v, e) float32.

    Parameters
    ----------
    weights : (v, d)
        Tuning of the new voxels, per standard deviation of their responses.
    known : (k, d)
        Tuning of known voxels in the same units.
    learned : (k, e)
        Their embeddings.

    Raises
    ------
    BrainvisError
        Tables that do not belong together, or fewer than two known voxels.
    """
    if len(known) != len(learned) or len(known) < 2 or known.shape[1] != weights.shape[1]:
        raise BrainvisError(
            "needs tuning and embedding of the same known voxels, on the features of the new ones",
            field="known, learned, weights",
            found=(known.shape, learned.shape, weights.shape),
        )
    centre, middle = known.mean(axis=0), learned.mean(axis=0)
    x = (known - centre).astype(np.float64)
    gram = x.T @ x
    gram += _PENALTY * len(x) * np.mean(np.diag(gram) / len(x)) * np.eye(len(gram))
    found = np.linalg.solve(gram, x.T @ (learned - middle))
    return ((weights - centre) @ found + middle).astype(np.float32)
