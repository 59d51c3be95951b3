"""From a brain and a run's trials to the volumes of that run."""

from __future__ import annotations

import numpy as np

from brainvis.simulate.brain import Brain
from brainvis.simulate.calibration import RUN_GAIN, TRIAL_GAIN
from brainvis.simulate.design import BLANK, Run
from brainvis.simulate.haemodynamics import regressors
from brainvis.simulate.noise import Confounds, draw_noise

_AIR = 2  # noise outside the brain takes the values 0 and 1


def scan_run(
    brain: Brain,
    run: Run,
    basis: np.ndarray,
    coefficients: np.ndarray,
    confounds: Confounds,
    tr: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Simulate one run of BOLD.

    Parameters
    ----------
    basis : (b, time), coefficients : (v, b)
        Each voxel's HRF, from `brainvis.simulate.haemodynamics.hrf_basis`.

    Returns
    -------
    (x, y, z, volumes) int16
    """
    percent = _evoked(brain, run, basis, coefficients, tr, rng)
    percent += draw_noise(brain.noise, confounds, tr, rng)
    signal = np.rint(brain.baseline * (1 + percent / 100))
    volumes = rng.integers(0, _AIR, (*brain.cortex.grid, run.volumes), dtype=np.int16)
    i, j, k = brain.cortex.ijk.T
    volumes[i, j, k] = np.clip(signal.T, 0, np.iinfo(np.int16).max).astype(np.int16)
    return volumes


def _evoked(
    brain: Brain,
    run: Run,
    basis: np.ndarray,
    coefficients: np.ndarray,
    tr: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Response to a run's trials, (volumes, v) float32 percent."""
    shown = run.stimulus != BLANK
    gain = (1 + rng.normal(0, RUN_GAIN)) * (1 + rng.normal(0, TRIAL_GAIN, (int(shown.sum()), 1)))
    trial = brain.betas[run.stimulus[shown]] * gain.astype(np.float32)
    active = (brain.ceiling > 0) * brain.jitter
    trial += rng.standard_normal(trial.shape, dtype=np.float32) * active.astype(np.float32)
    evoked = np.zeros((run.volumes, trial.shape[1]), dtype=np.float32)
    for course, weight in zip(basis, coefficients.T, strict=True):
        design = regressors(course, run.onset[shown], run.volumes, tr).astype(np.float32)
        evoked += design @ (trial * weight.astype(np.float32))
    return evoked
