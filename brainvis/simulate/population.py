"""Populations of functional types: the same types in every subject, other voxels of each."""

from __future__ import annotations

import numpy as np

_OWN = 0.7  # share of a voxel's tuning that its main type makes up


def sample_types(
    probabilities: np.ndarray, voxels: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Give every voxel a main type and a sprinkling of the others.

    Parameters
    ----------
    probabilities : (types,)
        How common each type is in the area (any positive scale).

    Returns
    -------
    main : (voxels,) int
        Number of the main type.
    weights : (voxels, types)
        Mixture, each row summing to one.
    """
    share = np.asarray(probabilities, dtype=float) / np.sum(probabilities)
    main = rng.choice(len(share), size=voxels, p=share)
    others = rng.dirichlet(2 * share + 1e-3, size=voxels)
    return main, _OWN * np.eye(len(share))[main] + (1 - _OWN) * others


def standardised(values: np.ndarray) -> np.ndarray:
    """z-scores over stimuli (axis 0); columns that do not vary become zero."""
    values = np.asarray(values, dtype=np.float64)
    spread = values.std(axis=0)
    safe = np.where(spread > 1e-9, spread, np.inf)
    return ((values - values.mean(axis=0)) / safe).astype(np.float32)


def rectified(drive: np.ndarray, gain: float = 1.5) -> np.ndarray:
    """Soft rectification, log(1 + exp(gain x)) / gain: firing rates do not go below zero."""
    return np.logaddexp(0, gain * drive) / gain
