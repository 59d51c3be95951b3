"""Per-image scores of reconstructions against what was seen.

The protocol is the one of the MindEye notebooks (Scotti et al., arXiv 2305.18274, 2403.11207).
"""

from __future__ import annotations

import numpy as np
from skimage.color import rgb2gray
from skimage.metrics import structural_similarity

from brainvis.errors import BrainvisError
from brainvis.evaluate import correlation

SIGMA = 1.5  # pixels, Gaussian window of SSIM (Wang et al. 2004)
SSIM_SIDE = 11  # pixels of that window, the smallest image side it allows
_SSIM = {
    "gaussian_weights": True,
    "sigma": SIGMA,
    "use_sample_covariance": False,
    "data_range": 1.0,
}


def pixel_correlation(real: np.ndarray, made: np.ndarray) -> np.ndarray:
    """PixCorr: Pearson correlation over the flattened RGB values of each image.

    Parameters
    ----------
    real, made : ndarray, (n, height, width, 3)
        Images in [0, 1], same order.

    Returns
    -------
    ndarray, (n,)
        0 where a reconstruction is constant.
    """
    check_images(real, made)
    return correlation.paired(real, made)


def mean_squared_error(real: np.ndarray, made: np.ndarray) -> np.ndarray:
    """Mean squared difference over pixels and channels of each image, (n,)."""
    check_images(real, made)
    return np.array(
        [
            np.mean(np.square(a.astype(np.float64) - b), dtype=np.float64)
            for a, b in zip(real, made, strict=True)
        ]
    )


def ssim(real: np.ndarray, made: np.ndarray) -> np.ndarray:
    """Structural similarity of grey images with a two-dimensional Gaussian window, (n,).

    Wang et al. 2004 as scikit-image computes it (sigma 1.5, population covariance, data range 1).
    """
    pairs = _grey_pairs(real, made)
    return np.array([structural_similarity(a, b, **_SSIM) for a, b in pairs])


def ssim_legacy_columns(real: np.ndarray, made: np.ndarray) -> np.ndarray:
    """SSIM of every pixel column as a one-dimensional signal, averaged over columns, (n,).

    What `multichannel=True` on a grey image did before scikit-image 0.20; it differs from `ssim` by
    as much as published methods do. Only for comparison with older tables (Brain-Diffuser).
    """
    pairs = _grey_pairs(real, made)
    return np.array([structural_similarity(a, b, channel_axis=-1, **_SSIM) for a, b in pairs])


def grey(images: np.ndarray) -> np.ndarray:
    """Luminance of sRGB images (weights of ITU-R 709), (n, height, width) float64."""
    return rgb2gray(images.astype(np.float64))


def _grey_pairs(real: np.ndarray, made: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    check_images(real, made)
    if min(real.shape[1:3]) < SSIM_SIDE:
        raise BrainvisError(
            f"images are smaller than the SSIM window of {SSIM_SIDE} pixels",
            field="images",
            found=real.shape[1:3],
            remedy="evaluate at a larger size (setting `size`)",
        )
    return list(zip(grey(real), grey(made), strict=True))


def check_images(real: np.ndarray, made: np.ndarray) -> None:
    """Refuse images that cannot be compared: shapes, range or numbers that are not finite.

    Raises
    ------
    BrainvisError
    """
    if real.shape != made.shape or real.ndim != 4 or real.shape[-1] != 3:
        raise BrainvisError(
            "real and reconstructed images must both be (n, height, width, 3)",
            field="images",
            found=f"{real.shape} and {made.shape}",
        )
    for images in (real, made):
        low, high = (float(images.min()), float(images.max())) if images.size else (0.0, 0.0)
        if not (low >= -1e-4 and high <= 1 + 1e-4):  # also catches NaN
            raise BrainvisError(
                "images must lie in [0, 1]", field="images", found=f"{low:g} to {high:g}"
            )
