"""Haemodynamic response functions: the canonical one and a library of twenty.

The library follows the idea of GLMsingle (Prince et al. 2022, eLife 11:e77599), in which each
voxel takes the best of twenty responses; here they are double gammas (Friston et al. 1998) that
span time to peak and width, since theirs were derived from one 7T data set.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import gamma

STEP = 0.1  # seconds
LENGTH = 32.0  # seconds
PEAKS = (3.5, 4.25, 5.0, 5.75, 6.5)  # seconds
WIDTHS = (0.7, 0.9, 1.15, 1.5)  # seconds
_UNDERSHOOT_DELAY, _UNDERSHOOT = 10.0, 1 / 6


def double_gamma(peak: np.ndarray | float, width: np.ndarray | float) -> np.ndarray:
    """Response to an impulse, maximum one.

    Parameters
    ----------
    peak, width : (h,) or float
        Time to peak and dispersion in seconds; (5, 1) is the canonical response.

    Returns
    -------
    (h, 320) every 0.1 s
    """
    time = np.arange(0, LENGTH, STEP)
    peak, width = np.atleast_1d(peak)[:, None], np.atleast_1d(width)[:, None]
    late = peak + _UNDERSHOOT_DELAY
    response = gamma.pdf(time, peak / width + 1, scale=width)
    response = response - _UNDERSHOOT * gamma.pdf(time, late / width + 1, scale=width)
    return response / response.max(axis=1, keepdims=True)


def library() -> np.ndarray:
    """Twenty responses to an impulse, (20, 320): every peak time with every width."""
    peaks, widths = np.meshgrid(PEAKS, WIDTHS, indexing="ij")
    return double_gamma(peaks.ravel(), widths.ravel())


def canonical() -> np.ndarray:
    """Nilearn's SPM response to an impulse, (1, 320), maximum one."""
    from nilearn.glm.first_level import spm_hrf

    response = np.asarray(spm_hrf(STEP, oversampling=1, time_length=LENGTH))
    return (response / response.max())[None]


def response_to(impulse: np.ndarray, duration: float) -> np.ndarray:
    """Response to a stimulus of `duration` seconds, maximum one, (time,) every 0.1 s."""
    held = max(1, round(duration / STEP))
    response = np.convolve(impulse, np.ones(held))
    return response / response.max()
