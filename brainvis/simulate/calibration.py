"""How strong each voxel's tuning must be for its noise ceiling to come out as wanted.

The ceiling is that of single-trial betas as a good GLM estimates them. The reference is ridge
regression on single-trial regressors, each voxel shrunk as suits it best towards its mean response
(the idea of GLMsingle, Prince et al. 2022, from which NSD's ceilings come). Noise reaches a beta
through the estimator L, and so do the responses to neighbouring trials. Both are linear in the
data, so for one run with design X, nuisance projected out, noise covariance S and A = L X:

- own response in a beta: mean diagonal of A, squared, times the signal variance
- leakage from other trials: the rest of A's mean row sum of squares, times the signal variance
- noise variance of a beta: mean diag(L S L')
- ceiling of the mean over R repeats: g / (g + 1 / R), g = own response over leakage and noise
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import RegularGridInterpolator
from scipy.linalg import toeplitz
from scipy.special import expit, logit
from scipy.stats import norm

from brainvis.simulate.design import BLANK, Run
from brainvis.simulate.haemodynamics import hrf, regressors
from brainvis.simulate.noise import AUTOCORRELATION, Confounds, NoiseModel, drift_basis

TRIAL_SHARE = 0.2  # response variability per trial, as a share of the thermal noise variance
TRIAL_GAIN, RUN_GAIN = 0.10, 0.04  # sd of gains common to all voxels
MEAN_OVER_SPREAD = 1.2  # mean response over its standard deviation across stimuli
PEAKS, WIDTHS = (4.2, 6.4), (0.6, 1.3)  # range of haemodynamic responses, seconds
# NSD's nsdgeneral: median about .35, 10th percentile .08, 90th .70, on the logit scale.
_BELOW, _ABOVE = (
    (logit(0.35) - logit(0.08)) / norm.ppf(0.9),
    (logit(0.70) - logit(0.35)) / norm.ppf(0.9),
)
_HIGHEST = 0.92
_PENALTIES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)  # for regressors with a peak of one
_ROI_SHIFT = {"V1": 0.5, "V2": 0.4, "V3": 0.3, "hV4": 0.2, "PPA": 0.2, "MTL": -1.5}
_ROI_SHIFT |= {"words": -0.3, "food": -0.2}


@dataclass(frozen=True)
class Estimator:
    """What the reference GLM makes of a run, per voxel and penalty, (v, 7): `own` and `leak`
    per unit of signal variance, `noise` per unit of noise variance (see the module)."""

    own: np.ndarray
    leak: np.ndarray
    noise: np.ndarray


def ridge_estimator(design: np.ndarray, nuisance: np.ndarray, penalty: float) -> np.ndarray:
    """Ridge estimator of single-trial betas, as deviations from the run's mean response.

    Parameters
    ----------
    design : (volumes, trials)
    nuisance : (volumes, k)
    penalty : float

    Returns
    -------
    (trials, volumes), which times the data gives the deviations
    """
    fixed = np.column_stack([nuisance, design.sum(axis=1)])
    clean = design - fixed @ (np.linalg.pinv(fixed) @ design)
    return np.linalg.solve(clean.T @ clean + penalty * np.eye(clean.shape[1]), clean.T)


def reference_estimator(
    run: Run,
    confounds: Confounds,
    tr: float,
    stimulus_seconds: float,
    peak: np.ndarray,
    width: np.ndarray,
) -> Estimator:
    """Noise and leakage of the reference GLM's betas, for voxels' own HRFs.

    Computed for a grid of HRFs on one run, with drift and confounds as nuisance, and
    interpolated to `peak` and `width` (v,).
    """
    onsets = run.onset[run.stimulus != BLANK]
    known = (confounds.motion, confounds.tissue)
    nuisance = np.hstack([np.ones((run.volumes, 1)), drift_basis(run.volumes, tr), *known])
    covariance = toeplitz(AUTOCORRELATION ** np.arange(run.volumes))
    peaks, widths = np.linspace(*PEAKS, 4), np.linspace(*WIDTHS, 3)
    values = np.zeros((len(peaks), len(widths), len(_PENALTIES), 3))
    for p, w in np.ndindex(len(peaks), len(widths)):
        course = hrf(peaks[p : p + 1], widths[w : w + 1], stimulus_seconds)[0]
        design = regressors(course, onsets, run.volumes, tr)
        for number, penalty in enumerate(_PENALTIES):
            rows = ridge_estimator(design, nuisance, penalty)
            mixing = rows @ design
            own = np.diag(mixing).mean() ** 2
            leak = np.square(mixing).sum(axis=1).mean() - own
            values[p, w, number] = own, leak, np.sum((rows @ covariance) * rows) / len(rows)
    found = RegularGridInterpolator((peaks, widths), values)(np.stack([peak, width], axis=1))
    return Estimator(*np.moveaxis(found, -1, 0))


def wanted_ceilings(roi: np.ndarray, median: float, rng: np.random.Generator) -> np.ndarray:
    """Noise ceiling each voxel shall have, (v,).

    Over the voxels of all areas the distribution is that of NSD's nsdgeneral, shifted to the
    given median; early areas tend to lie higher in it, MTL lower. Half of the voxels outside any
    area do not respond, the others hardly.
    """
    ceiling = np.zeros(len(roi))
    inside = roi != ""
    shift = np.array([_ROI_SHIFT.get(name, 0.0) for name in roi[inside]])
    rank = np.argsort(np.argsort(shift + rng.normal(size=len(shift)), kind="stable"))
    z = norm.ppf((rank + 0.5) / len(rank))
    spread = np.where(z < 0, _BELOW, _ABOVE)
    ceiling[inside] = np.minimum(expit(logit(median) + spread * z), _HIGHEST)
    outside = np.flatnonzero(~inside)
    ceiling[outside] = rng.uniform(0.01, 0.08, len(outside)) * (rng.random(len(outside)) < 0.5)
    return ceiling


def trial_noise(noise: NoiseModel) -> np.ndarray:
    """Standard deviation of a voxel's response from trial to trial, (v,) percent."""
    return noise.thermal * np.sqrt(TRIAL_SHARE)


def amplitudes(
    ceiling: np.ndarray, repeats: int, noise: NoiseModel, estimator: Estimator
) -> np.ndarray:
    """Strength of tuning that gives each ceiling with the penalty that suits the voxel best.

    Returns
    -------
    (v,)
        Standard deviation over stimuli of the true betas, percent signal change.
    """
    ratio = (ceiling / (repeats * (1 - ceiling)))[:, None]  # signal over noise, single trial
    passed = estimator.own + estimator.leak
    gains = (TRIAL_GAIN**2 + RUN_GAIN**2) * (1 + MEAN_OVER_SPREAD**2)
    fixed = noise.thermal[:, None] ** 2 * estimator.noise
    fixed = fixed + trial_noise(noise)[:, None] ** 2 * passed
    room = estimator.own - ratio * (estimator.leak + gains * passed)
    needed = np.where(room > 0, ratio * fixed / np.maximum(room, 1e-9), np.inf)
    return np.sqrt(needed.min(axis=1))
