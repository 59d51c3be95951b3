"""Haemodynamic responses: a double gamma whose peak time and width differ between voxels."""

from __future__ import annotations

import numpy as np
from scipy.stats import gamma

STEP = 0.1  # seconds
LENGTH = 32.0  # seconds
_UNDERSHOOT = 1 / 6


def hrf(peak: np.ndarray, width: np.ndarray, stimulus_seconds: float) -> np.ndarray:
    """Responses to a stimulus of the given duration, scaled to a maximum of one.

    The form is the canonical double gamma (peak 5 s, width 1 s; undershoot 10 s later; Friston
    et al. 1998) with both numbers free.

    Parameters
    ----------
    peak, width : (v,)
        Time to peak of the impulse response and dispersion, seconds.

    Returns
    -------
    (v, 320) float32, every 0.1 s from stimulus onset
    """
    time = np.arange(0, LENGTH, STEP)
    peak, width = np.asarray(peak)[:, None], np.asarray(width)[:, None]
    impulse = gamma.pdf(time, peak / width + 1, scale=width)
    impulse = impulse - _UNDERSHOOT * gamma.pdf(time, (peak + 10) / width + 1, scale=width)
    cumulated = np.cumsum(impulse, axis=1)
    held = max(1, round(stimulus_seconds / STEP))
    response = cumulated.copy()
    response[:, held:] -= cumulated[:, :-held]
    return (response / response.max(axis=1, keepdims=True)).astype(np.float32)


def hrf_basis(responses: np.ndarray, size: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Orthonormal time courses that span the given responses.

    Returns
    -------
    basis : (b, time)
    coefficients : (v, b), such that coefficients @ basis restores `responses`
    """
    basis = np.linalg.svd(responses.T @ responses)[0][:, :size].T
    return basis, responses @ basis.T


def regressors(course: np.ndarray, onsets: np.ndarray, volumes: int, tr: float) -> np.ndarray:
    """One column per trial: a response that starts at its onset, sampled at volume times.

    Parameters
    ----------
    course : (time,), every 0.1 s
    onsets : (trials,) seconds from the first volume
    volumes : int
    tr : float
        Seconds.

    Returns
    -------
    (volumes, trials)
    """
    lag = (np.arange(volumes) * tr)[:, None] - onsets[None]
    time = np.arange(len(course)) * STEP
    return np.interp(lag, time, course, left=0.0, right=0.0) * (lag >= 0)
