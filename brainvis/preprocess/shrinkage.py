"""Ridge shrinkage per voxel, chosen by prediction across repeats.

The penalty is told as a fraction, the length of the ridge betas relative to least squares
(fractional ridge regression; Rokem & Kay 2020, GigaScience 9:giaa133): fractions are comparable
between voxels where penalties are not.
"""

from __future__ import annotations

import numpy as np

from brainvis.preprocess.glm import System
from brainvis.preprocess.selection import Repeats, split_runs

FRACTIONS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.25, 0.2, 0.15, 0.1, 0.07, 0.05, 0.03, 0.02)
_GRID = np.concatenate([[0.0], np.logspace(-4, 4, 49)]).astype(np.float32)  # of mean eigenvalue


def penalties(
    systems: list[System], projected: list[np.ndarray], fractions: tuple[float, ...]
) -> np.ndarray:
    """Penalty at which the betas of all runs together have each fraction of their full length.

    Parameters
    ----------
    systems : one per run
    projected : (trials, voxels) per run

    Returns
    -------
    (fractions, voxels) float32; the lengths are computed on a grid and interpolated
    """
    unit = float(np.mean(np.concatenate([model.values for model in systems])))
    grid = unit * _GRID
    squared = np.zeros((len(grid), projected[0].shape[1]))
    for model, part in zip(systems, projected, strict=True):
        # weights: (grid, trials) of squared coordinates along eigenvectors
        squared += np.square(model.gains(grid).T) @ np.square(model.vectors.T @ part)
    share = np.sqrt(squared / np.maximum(squared[:1], 1e-30))
    chosen = np.empty((len(fractions), share.shape[1]), dtype=np.float32)
    for voxel in range(share.shape[1]):
        chosen[:, voxel] = np.interp(fractions, share[::-1, voxel], grid[::-1])
    return chosen


def choose_fraction(
    systems: list[System],
    projected: list[np.ndarray],
    repeats: Repeats,
    fractions: tuple[float, ...] = FRACTIONS,
) -> tuple[np.ndarray, np.ndarray]:
    """Fraction whose single-trial betas best predict the same stimuli in another run.

    Each trial's BOLD is predicted from the beta of one repeat in another run; the squared error,
    up to a constant that no fraction changes, estimates the error of a single-trial beta.

    Parameters
    ----------
    systems : one per run, under one HRF
    projected : (trials, voxels) per run
        A'Y, with the mean response taken out.
    repeats : Repeats of the trials of all runs, in order

    Returns
    -------
    fraction, penalty : (voxels,)
    """
    candidates = penalties(systems, projected, fractions)
    coordinates = [m.vectors.T @ c for m, c in zip(systems, projected, strict=True)]
    paired = (repeats.partner >= 0)[:, None]
    gains = np.zeros(candidates.shape)
    for number, penalty in enumerate(candidates):
        betas = np.concatenate(
            [m.vectors @ (c * m.gains(penalty)) for m, c in zip(systems, coordinates, strict=True)]
        )
        predicted = split_runs(betas[repeats.partner] * paired, systems)
        for model, part, beta in zip(systems, projected, predicted, strict=True):
            gains[number] += 2 * np.einsum("tv,tv->v", part, beta) - model.energy(beta)
    best = gains.argmax(axis=0)
    return (
        np.asarray(fractions, dtype=np.float32)[best],
        np.take_along_axis(candidates, best[None], axis=0)[0],
    )
