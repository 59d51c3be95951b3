"""Single-trial GLM of one run, by its normal equations.

Data enter only as C = A'Y, where A is the design with nuisance projected out; so one
factorisation per run and HRF serves every voxel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_RANK_TOLERANCE = 1e-5


@dataclass(frozen=True)
class System:
    """Design (volumes, trials) without nuisance, and its Gram matrix G = V diag(w) V'.

    `inverse` (trials,) holds 1 / w, and 0 where the design has no rank.
    """

    design: np.ndarray
    vectors: np.ndarray
    values: np.ndarray
    inverse: np.ndarray
    total: np.ndarray  # G 1: (trials,)

    @property
    def nbytes(self) -> int:
        return self.design.nbytes + self.vectors.nbytes

    def project(self, data: np.ndarray) -> np.ndarray:
        """C = A'Y of data (volumes, voxels), (trials, voxels)."""
        return self.design.T @ data

    def ridge(self, projected: np.ndarray, penalty: np.ndarray | float) -> np.ndarray:
        """Betas (trials, voxels) of C = A'Y for a penalty per voxel (voxels,) or one for all.

        ``V (w + penalty)^-1 V'C``: the minimum of ||Y - A b||^2 + penalty ||b||^2.
        """
        # coordinates: (trials, voxels)
        coordinates = self.vectors.T @ projected
        return self.vectors @ (coordinates * self.gains(penalty))

    def gains(self, penalty: np.ndarray | float) -> np.ndarray:
        """1 / (w + penalty), (trials, voxels) or (trials, 1); 1 / w where the penalty is 0."""
        penalty = np.atleast_1d(np.asarray(penalty, dtype=np.float32))
        with np.errstate(divide="ignore", invalid="ignore"):
            gains = 1.0 / (self.values[:, None] + penalty)
        return np.where(self.inverse[:, None] > 0, gains, 0.0).astype(np.float32)

    def energy(self, betas: np.ndarray) -> np.ndarray:
        """||A b||^2 of betas (trials, voxels), per voxel (voxels,)."""
        return self.values @ np.square(self.vectors.T @ betas)


def system(design: np.ndarray, nuisance: np.ndarray) -> System:
    """Project an orthonormal nuisance basis (volumes, k) out of a design (volumes, trials)."""
    clean = design - nuisance @ (nuisance.T @ design)
    gram = clean.T @ clean
    values, vectors = np.linalg.eigh(gram)
    kept = values > _RANK_TOLERANCE * max(values.max(initial=0.0), 1e-12)
    values = np.where(kept, values, 0.0)
    inverse = np.divide(1.0, values, out=np.zeros_like(values), where=kept)
    single = np.float32
    return System(
        clean.astype(single),
        vectors.astype(single),
        values.astype(single),
        inverse.astype(single),
        gram.sum(axis=1).astype(single),
    )


def least_squares_all(data: np.ndarray, design: np.ndarray, nuisance: np.ndarray) -> np.ndarray:
    """Plain least squares with one regressor per trial ("least squares all").

    Parameters
    ----------
    data : (volumes, voxels)
    design : (volumes, trials)
    nuisance : (volumes, k), orthonormal

    Returns
    -------
    (trials, voxels) float32
    """
    model = system(design, nuisance)
    return model.ridge(model.project(data), 0.0)


def on_off(systems: list[System], projected: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Mean response to all trials, and the variance it explains in runs left out.

    Parameters
    ----------
    systems : one per run
    projected : one (trials, voxels) per run
        C = A'Y.

    Returns
    -------
    mean : (voxels,)
        Amplitude of one regressor for all trials of all runs.
    gain : (voxels,)
        Reduction of the sum of squares; with several runs the amplitude comes from the others.
    """
    match = np.stack([part.sum(axis=0, dtype=float) for part in projected])  # (runs, voxels)
    power = np.array([float(model.total.sum(dtype=float)) for model in systems])[:, None]
    mean = match.sum(axis=0) / max(power.sum(), 1e-12)
    if len(systems) == 1:
        return mean.astype(np.float32), mean * match[0]
    others = (match.sum(axis=0) - match) / np.maximum(power.sum() - power, 1e-12)
    gain = (2 * others * match - np.square(others) * power).sum(axis=0)
    return mean.astype(np.float32), gain
