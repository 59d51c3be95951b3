"""Scores of every real image against every reconstruction: what the permutation tests draw from.

Entry (i, j) is the score of reconstruction j against real image i, so the diagonal holds what
`brainvis.evaluate.metrics` gives for the true pairing.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from brainvis.evaluate.metrics import SIGMA, SSIM_SIDE, check_images, grey

_TRUNCATE = 3.5  # standard deviations, gives a window of 11 pixels at sigma 1.5
_BLOCK_VALUES = 1 << 21  # float64 numbers per block of reconstructions


def mean_squared_error_pairs(real: np.ndarray, made: np.ndarray) -> np.ndarray:
    """Mean squared difference of all pairs, (n, n), by the binomial formula."""
    check_images(real, made)
    left, right = (images.reshape(len(images), -1).astype(np.float64) for images in (real, made))
    squares = np.square(left).sum(1)[:, None] + np.square(right).sum(1)[None]
    return np.maximum(squares - 2 * left @ right.T, 0) / left.shape[1]


def ssim_pairs(real: np.ndarray, made: np.ndarray, *, columns: bool = False) -> np.ndarray:
    """SSIM of all pairs, (n, n); `columns` for the legacy form (see `metrics`).

    Same window, borders and constants as scikit-image, with the local means and variances of
    each image computed once instead of once per pair.
    """
    check_images(real, made)
    left, right = grey(real), grey(made)  # (n, height, width)
    mean_left, variance_left = _moments(left, columns)
    mean_right, variance_right = _moments(right, columns)
    step = max(1, _BLOCK_VALUES // left[0].size)
    scores = np.empty((len(left), len(right)))
    for i in range(len(left)):
        for start in range(0, len(right), step):
            j = slice(start, start + step)
            product = mean_left[i] * mean_right[j]
            covariance = _blurred(left[i] * right[j], columns) - product
            scores[i, j] = _ssim_mean(
                (product, mean_left[i] ** 2 + mean_right[j] ** 2),
                (covariance, variance_left[i] + variance_right[j]),
                columns,
            )
    return scores


def _ssim_mean(
    means: tuple[np.ndarray, np.ndarray], spreads: tuple[np.ndarray, np.ndarray], columns: bool
) -> np.ndarray:
    """Equation 13 of Wang et al. 2004 averaged over the pixels with a whole window, (k,)."""
    luminance, contrast = 0.01**2, 0.03**2
    score = (2 * means[0] + luminance) * (2 * spreads[0] + contrast)
    score /= (means[1] + luminance) * (spreads[1] + contrast)
    edge = (SSIM_SIDE - 1) // 2
    inner = score[:, edge:-edge] if columns else score[:, edge:-edge, edge:-edge]
    return inner.mean(axis=(1, 2))


def _moments(images: np.ndarray, columns: bool) -> tuple[np.ndarray, np.ndarray]:
    mean = _blurred(images, columns)
    return mean, _blurred(images**2, columns) - mean**2


def _blurred(images: np.ndarray, columns: bool) -> np.ndarray:
    sigma = (0, SIGMA, 0) if columns else (0, SIGMA, SIGMA)
    return gaussian_filter(images, sigma, truncate=_TRUNCATE, mode="reflect")
