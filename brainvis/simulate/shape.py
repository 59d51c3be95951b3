"""Shape of the object's silhouette: descriptors of region, contour and coarse outline."""

from __future__ import annotations

import numpy as np
from skimage.filters import threshold_otsu
from skimage.measure import regionprops
from skimage.transform import resize

_REGION = ("area", "eccentricity", "solidity", "extent", "tilt_cos", "tilt_sin", "compactness")
_HARMONICS = 6
_ANGLES = 32
OUTLINE = 6  # cells per side of the size-normalised silhouette
DESCRIPTORS = (*_REGION, *(f"contour_{k}" for k in range(1, _HARMONICS + 1)))
NAMES = (*DESCRIPTORS, *(f"outline_{r}_{c}" for r in range(OUTLINE) for c in range(OUTLINE)))


def silhouettes(images: np.ndarray) -> np.ndarray:
    """Object masks for stimuli that come without any: pixels unlike the image's border.

    Parameters
    ----------
    images : (n, height, width, 3) float in [0, 1]

    Returns
    -------
    (n, height, width) bool
    """
    masks = []
    for image in images:
        border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
        distance = np.linalg.norm(image - np.median(border, axis=0), axis=-1)
        even = np.ptp(distance) < 1e-6
        masks.append(
            np.zeros(distance.shape, bool) if even else distance > threshold_otsu(distance)
        )
    return np.array(masks)


def shape_descriptors(masks: np.ndarray) -> np.ndarray:
    """Descriptors of each silhouette, in the order of `NAMES`.

    Region moments, Fourier descriptors of the radial contour (Zahn & Roskies 1972; invariant to
    place, size and rotation) and the outline cropped to its bounding box. An empty mask gives
    zeros.

    Parameters
    ----------
    masks : (n, height, width) bool

    Returns
    -------
    (n, 49) float32
    """
    return np.array([_describe(mask) for mask in masks], dtype=np.float32)


def _describe(mask: np.ndarray) -> np.ndarray:
    if mask.sum() < 4:
        return np.zeros(len(NAMES))
    region = regionprops(mask.astype(np.uint8))[0]
    tilt = 2 * region.orientation
    perimeter = max(region.perimeter, 1.0)
    moments = [
        np.log(region.area / mask.size),
        region.eccentricity,
        region.solidity,
        region.extent,
        region.eccentricity * np.cos(tilt),
        region.eccentricity * np.sin(tilt),
        min(4 * np.pi * region.area / perimeter**2, 1.5),
    ]
    outline = np.asarray(resize(region.image.astype(float), (OUTLINE, OUTLINE), anti_aliasing=True))
    return np.concatenate([moments, _contour(region.coords - region.centroid), outline.ravel()])


def _contour(offsets: np.ndarray) -> np.ndarray:
    """Harmonics of the contour's distance from the centroid; `offsets` is (pixels, 2)."""
    angle = np.arctan2(offsets[:, 0], offsets[:, 1])
    sector = ((angle + np.pi) / (2 * np.pi) * _ANGLES).astype(int) % _ANGLES
    radius = np.full(_ANGLES, 0.5)  # half a pixel where a sector is empty
    np.maximum.at(radius, sector, np.hypot(*offsets.T))
    return np.abs(np.fft.rfft(radius))[1 : _HARMONICS + 1] / radius.sum()
