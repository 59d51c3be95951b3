"""Tuning of voxels with population receptive fields: V1, V2, V3, hV4 and MT.

Energy of the image under the receptive field, then a compressive power, as in the compressive
spatial summation model (Kay et al. 2013); MT weighs motion energy by direction and subtracts the
opposite direction (Simoncelli & Heeger 1998).
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import uniform_filter

from brainvis.simulate.channels import Channels
from brainvis.simulate.energy import GRID, OPPONENTS, ORIENTATIONS, WAVELENGTHS
from brainvis.simulate.population import rectified, sample_types, standardised

# Shares of oriented, untuned-contrast and colour or luminance types; compressive exponent.
_COMPOSITION = {
    "V1": (0.60, 0.20, 0.20, 0.60),
    "V2": (0.55, 0.20, 0.25, 0.50),
    "V3": (0.60, 0.15, 0.25, 0.45),
    "hV4": (0.25, 0.15, 0.60, 0.40),
}
_GABORS = len(WAVELENGTHS) * len(ORIENTATIONS)
_POOL, _SATURATION = 5, 0.5  # cells of the normalising neighbourhood; semi-saturation contrast
_OPPOSITE = 0.6  # weight of the direction opposite to the preferred one


def early_types() -> tuple[list[str], np.ndarray]:
    """Names and channel weights (types, 24) of the types of V1 to hV4."""
    scale, turn = np.divmod(np.arange(_GABORS), len(ORIENTATIONS))
    names, rows = [], []
    for s in range(len(WAVELENGTHS)):
        near = np.exp(-0.5 * ((scale - s) / 0.6) ** 2)
        for o, orientation in enumerate(ORIENTATIONS):
            tuned = np.exp(2 * (np.cos(2 * (ORIENTATIONS[turn] - orientation)) - 1))
            names.append(f"orientation{30 * o}_scale{s}")
            rows.append(np.append(near * tuned, np.zeros(len(OPPONENTS))))
        names.append(f"contrast_scale{s}")
        rows.append(np.append(near, np.zeros(len(OPPONENTS))))
    for c, colour in enumerate(OPPONENTS):
        names.append(colour)
        rows.append(np.append(np.zeros(_GABORS), np.eye(len(OPPONENTS))[c]))
    weights = np.array(rows)
    return names, weights / weights.sum(axis=1, keepdims=True)


def early_responses(
    channels: Channels, area: str, prf: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Noise-free responses of voxels in V1, V2, V3 or hV4.

    Parameters
    ----------
    prf : (v, 3)
        x (right), y (up) and size in image half-widths.

    Returns
    -------
    responses : (n, v) float32, z-scored over stimuli
    function : (v,) str, each voxel's main type
    """
    names, types = early_types()
    *shares, exponent = _COMPOSITION[area]
    kind = np.array(
        [0 if n.startswith("orient") else 1 if n.startswith("con") else 2 for n in names]
    )
    main, mixture = sample_types(np.array(shares)[kind] / np.bincount(kind)[kind], len(prf), rng)
    weights = mixture @ types * np.exp(rng.normal(0, 0.2, (len(prf), types.shape[1])))
    weights[:, :_GABORS] *= _scale_preference(np.hypot(prf[:, 0], prf[:, 1]))
    field = _gaussian_windows(prf)  # (v, 256)
    drive = np.zeros((len(channels.ids), len(prf)), dtype=np.float32)
    for c, energy in enumerate(_balanced(channels)):
        drive += (energy @ field.T) * weights[:, c].astype(np.float32)
    return standardised(np.maximum(drive, 0) ** exponent), np.array(names)[main]


def _scale_preference(eccentricity: np.ndarray) -> np.ndarray:
    """Fine scales near the fovea, coarse ones far out, (v, 18)."""
    scale = np.arange(_GABORS) // len(ORIENTATIONS)
    return np.exp(-0.5 * ((scale[None] - 2 * eccentricity[:, None]) / 1.5) ** 2)


def _gaussian_windows(prf: np.ndarray) -> np.ndarray:
    """Receptive fields on the channel grid, each summing to one, (v, 256) float32."""
    centre = (np.arange(GRID) + 0.5) / GRID * 2 - 1
    x, y = np.meshgrid(centre, -centre)  # rows go down, the field's y goes up
    squared = (x.ravel() - prf[:, :1]) ** 2 + (y.ravel() - prf[:, 1:2]) ** 2
    window = np.exp(-squared / (2 * prf[:, 2:] ** 2)) + 1e-12
    return (window / window.sum(axis=1, keepdims=True)).astype(np.float32)


def _balanced(channels: Channels) -> list[np.ndarray]:
    """The 24 channel maps, each (n, 256), with equal power per scale and per opponent pair.

    Gabor energy is divided by the local contrast over all orientations and scales (divisive
    normalisation, Heeger 1992).
    """
    gabor = _equal_power(channels.gabor, len(ORIENTATIONS))
    contrast = uniform_filter(gabor.mean(axis=1), _POOL, axes=(1, 2))[:, None]
    maps = [gabor / (_SATURATION + contrast), _equal_power(channels.opponent, 2)]
    flat = np.concatenate([m.reshape(len(m), -1, GRID * GRID) for m in maps], axis=1)
    return list(flat.transpose(1, 0, 2))


def _equal_power(maps: np.ndarray, group: int) -> np.ndarray:
    """Maps (n, c, 16, 16) with a root mean square of one over each `group` of channels."""
    grouped = maps.reshape(len(maps), -1, group, GRID, GRID)
    power = np.sqrt(np.square(grouped).mean(axis=(0, 2, 3, 4), keepdims=True))
    return (grouped / np.maximum(power, 1e-9)).reshape(maps.shape)


def motion_responses(
    channels: Channels, prf: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Noise-free responses of MT voxels; returns as `early_responses`."""
    given = channels.filters
    paces = np.unique(given["hertz"])
    kinds = [(angle, pace) for angle in range(0, 360, 45) for pace in paces]
    names = [f"direction{a}_{'slow' if p == paces[0] else 'fast'}" for a, p in kinds] + ["flicker"]
    types = np.array([_direction_weights(given, a, p) for a, p in kinds])
    types = np.vstack([types, np.ones(types.shape[1])])  # flicker: any direction and pace
    share = np.append(np.ones(len(kinds)), 2.0)
    main, mixture = sample_types(share, len(prf), rng)
    squared = (given["x"] - prf[:, :1]) ** 2 + (given["y"] - prf[:, 1:2]) ** 2
    window = np.exp(-squared / (2 * prf[:, 2:] ** 2)) + 1e-12  # (v, filters)
    weights = mixture @ types * window / window.sum(axis=1, keepdims=True)
    energy = np.empty_like(channels.motion)
    for group in np.unique(np.stack([given["cycles"], given["hertz"]], axis=1), axis=0):
        member = (given["cycles"] == group[0]) & (given["hertz"] == group[1])
        part = channels.motion[:, member]
        energy[:, member] = part / max(float(np.sqrt(np.mean(np.square(part)))), 1e-9)
    drive = standardised(energy @ weights.T.astype(np.float32))
    return standardised(rectified(drive)), np.array(names)[main]


def _direction_weights(filters: dict[str, np.ndarray], angle: float, pace: float) -> np.ndarray:
    """Weights (filters,) of a type that prefers one direction at one pace."""
    turned = np.deg2rad(filters["direction"] - angle)
    preferred, opposite = (np.exp(2 * (sign * np.cos(turned) - 1)) for sign in (1, -1))
    return (preferred - _OPPOSITE * opposite) * np.where(filters["hertz"] == pace, 1.0, 0.25)
