"""From BOLD of a block of voxels to betas: HRF, shrinkage, ridge; arrays in, arrays out."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from brainvis.preprocess.design import orthonormal, subspace_regressors, trial_regressors
from brainvis.preprocess.glm import System, on_off, system
from brainvis.preprocess.selection import choose_hrf, find_repeats
from brainvis.preprocess.shrinkage import choose_fraction

_CACHE_BYTES = 1 << 28
_TEST_COURSES = 3  # time courses per trial that span the library to 99 % of its variance


@dataclass(frozen=True)
class RunInputs:
    """One run: `times` of its volumes, `onsets` and `durations` of its trials (seconds),
    `train` (trials,) bool, `nuisance` (volumes, k) orthonormal."""

    times: np.ndarray
    onsets: np.ndarray
    durations: np.ndarray
    train: np.ndarray
    nuisance: np.ndarray


@dataclass(frozen=True)
class Estimate:
    """`betas` (trials, voxels); `hrf_index`, `shrinkage_fraction`, `r2` (voxels,)."""

    betas: np.ndarray
    hrf_index: np.ndarray
    shrinkage_fraction: np.ndarray
    r2: np.ndarray


@dataclass
class Estimator:
    """Single-trial betas of one subject, block of voxels by block of voxels.

    Parameters
    ----------
    library : (hrfs, 320)
        Impulse responses to choose from.
    runs : list of RunInputs
    stimulus : (trials,)
        What each trial of all runs showed.
    shrink : bool
        Choose a ridge fraction per voxel; least squares otherwise, or without repeats.
    """

    library: np.ndarray
    runs: list[RunInputs]
    stimulus: np.ndarray
    shrink: bool = True
    _cache: dict[tuple[int, bool], list[System]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        number = np.repeat(np.arange(len(self.runs)), [len(run.onsets) for run in self.runs])
        train = np.concatenate([run.train for run in self.runs])
        code = np.unique(self.stimulus[train], return_inverse=True)[1]
        self.repeats = find_repeats(code, number[train])
        self.shrink = self.shrink and self.repeats.exist
        self._selecting = [self._selection_nuisance(run) for run in self.runs]

    def estimate(self, data: list[np.ndarray]) -> Estimate:
        """Betas of a block of voxels; `data` (volumes, voxels) per run, as `Estimator.runs`."""
        index, gain = choose_hrf(
            lambda number: self._systems(number, selecting=True),
            len(self.library),
            data,
            self.repeats,
        )
        variance = sum(
            np.square(part).sum(axis=0) - np.square(basis.T @ part).sum(axis=0)
            for basis, part in zip(self._selecting, data, strict=True)
        )
        betas = np.empty((len(self.stimulus), len(index)), dtype=np.float32)
        fraction = np.ones(len(index), dtype=np.float32)
        for number in np.unique(index):
            voxels = np.flatnonzero(index == number)
            part = [run[:, voxels] for run in data]
            betas[:, voxels], fraction[voxels] = self._with_hrf(int(number), part)
        r2 = (gain / np.maximum(variance, 1e-12)).astype(np.float32)
        return Estimate(betas, index.astype(np.int32), fraction, r2)

    def _with_hrf(self, number: int, data: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Betas (trials, voxels) and shrinkage fraction (voxels,) under one HRF."""
        selecting = self._systems(number, selecting=True)
        projected = [model.project(part) for model, part in zip(selecting, data, strict=True)]
        mean, _ = on_off(selecting, projected)
        fraction, penalty = np.ones(len(mean), np.float32), np.zeros(len(mean), np.float32)
        if self.shrink:
            rest = _without_mean(selecting, projected, mean)
            fraction, penalty = choose_fraction(selecting, rest, self.repeats)
        models = self._systems(number, selecting=False)
        projected = [model.project(part) for model, part in zip(models, data, strict=True)]
        rest = _without_mean(models, projected, mean)
        betas = [model.ridge(part, penalty) for model, part in zip(models, rest, strict=True)]
        return np.concatenate(betas) + mean, fraction

    def _systems(self, number: int, *, selecting: bool) -> list[System]:
        """Designs of all runs under one HRF; kept for the next block while there is room."""
        selecting = selecting and not all(run.train.all() for run in self.runs)
        key = (number, selecting)
        if key in self._cache:
            return self._cache[key]
        made = []
        for run, wide in zip(self.runs, self._selecting, strict=True):
            shown = run.train if selecting else np.ones(len(run.onsets), dtype=bool)
            design = trial_regressors(
                self.library[number], run.onsets[shown], run.durations[shown], run.times
            )
            made.append(system(design, wide if selecting else run.nuisance))
        size = sum(model.nbytes for model in made)
        if size * (len(self._cache) + 1) < _CACHE_BYTES:
            self._cache[key] = made
        return made

    def _selection_nuisance(self, run: RunInputs) -> np.ndarray:
        """Nuisance and all that trials of other than training stimuli may have evoked."""
        if run.train.all():
            return run.nuisance
        test = ~run.train
        size = int(np.clip(len(run.times) // (2 * test.sum()), 1, _TEST_COURSES))
        courses = subspace_regressors(
            self.library, run.onsets[test], run.durations[test], run.times, size
        )
        return orthonormal(np.hstack([run.nuisance, courses]))


def _without_mean(
    systems: list[System], projected: list[np.ndarray], mean: np.ndarray
) -> list[np.ndarray]:
    """A'(Y - A 1 mean) per run."""
    return [c - model.total[:, None] * mean for model, c in zip(systems, projected, strict=True)]
