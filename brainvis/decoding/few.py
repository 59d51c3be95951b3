"""A new subject's voxels from few trials: where they lie among known ones.

Brain-IT (arXiv 2510.25976) starts a new voxel at the nearest known one and learns from there. From
a handful of trials the nearest voxel is a guess, and a gradient step a worse one. So a new voxel
takes the expected embedding over all known ones, each weighted by the probability that its tuning
is the new one's: a voxel of which the trials say little comes out between all, hence small, and
the network trusts it little.
"""

from __future__ import annotations

import numpy as np

from brainvis.errors import BrainvisError

_MOST = 0.95  # share of variance that a known voxel's tuning may be of its response
_LEAST = 1e-3
_BLOCK = 1000  # new voxels at a time


def signal_share(answers: np.ndarray, known: float, new: float) -> np.ndarray:
    """Share of variance that tuning is of a mean over `new` trials, (k,).

    Parameters
    ----------
    answers : (n, k)
        Predicted responses of known voxels to training images, in standard deviations of means over
        `known` trials; what is left of the variance is noise.
    known, new : float
    """
    share = np.clip(answers.var(axis=0), _LEAST, _MOST)
    return share / (share + known / new * (1 - share))


def chances(values: np.ndarray, answers: np.ndarray, signal: np.ndarray) -> np.ndarray:
    """Probability of each known voxel's tuning as that of each new voxel, (v, k) rows of sum 1.

    Normal noise, every known voxel alike before the first trial. The new voxel's mean and scale are
    those of its responses; its signal-to-noise ratio is that of the known voxel, so that responses
    like no known voxel's speak for the unreliable ones.

    Parameters
    ----------
    values : (n, v)
        Responses of new voxels to n images, two or more.
    answers : (n, k)
        Of known voxels to the same images, in standard deviations over all training images.
    signal : (k,)
        See `signal_share`.
    """
    count = len(values)
    spread = values.std(axis=0, ddof=1)
    z = (values - values.mean(axis=0)) / np.where(spread > 0, spread, np.inf)  # (n, v)
    expected = (answers - answers.mean(axis=0)) * np.sqrt(signal)  # (n, k)
    missed = np.square(z).sum(axis=0)[:, None] + np.square(expected).sum(axis=0)
    missed -= 2 * z.T @ expected  # (v, k)
    log = -0.5 * ((count - 1) * np.log(1 - signal) + missed / (1 - signal))
    log -= log.max(axis=1, keepdims=True)
    weights = np.exp(log)
    return weights / weights.sum(axis=1, keepdims=True)


def expected_embeddings(
    values: np.ndarray, answers: np.ndarray, signal: np.ndarray, embeddings: np.ndarray
) -> np.ndarray:
    """Expected embedding of each new voxel over known ones, (v, e) float32.

    Parameters
    ----------
    values, answers, signal
        See `chances`.
    embeddings : (k, e)
        Of the known voxels.

    Raises
    ------
    BrainvisError
        Fewer than two images, tables that do not belong together, responses that are not finite.
    """
    shapes = values.shape, answers.shape, signal.shape, embeddings.shape
    matching = len(values) == len(answers) and answers.shape[1] == len(signal) == len(embeddings)
    if len(values) < 2 or not matching:
        raise BrainvisError(
            "needs two images, and all tables of the same images and known voxels",
            field="values, answers, signal, embeddings",
            found=shapes,
        )
    if not np.isfinite(values).all():
        raise BrainvisError(
            "holds values that are not finite", field="values", found="responses to few trials"
        )
    parts = [
        chances(values[:, first : first + _BLOCK], answers, signal) @ embeddings
        for first in range(0, values.shape[1], _BLOCK)
    ]
    return np.concatenate(parts).astype(np.float32)
