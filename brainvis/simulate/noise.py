"""What else is in BOLD: thermal and physiological noise, drift, head motion.

Amounts are in percent of the voxel's mean signal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

AUTOCORRELATION = 0.3  # of noise from one volume to the next
_SHARED = 0.2  # share of noise variance that neighbours have in common
_COMPONENTS = 6
_DRIFT_PERCENT = 0.6
_DRIFT_SECONDS = 128.0  # shortest period
_STEP_MM = 0.02  # random walk of the head per volume
_JERK_SHARE, _JERK_MM = 0.01, 0.25
_HEAD_MM = 50.0  # radius that turns angles into displacements (Power et al. 2012)
_LEAK_PERCENT = 0.6  # per mm, at the sheet's border
_TISSUE_PERCENT = 0.15


@dataclass(frozen=True)
class NoiseModel:
    """How each of v voxels takes up noise: `thermal` (v,), `shared` (6, v), `drift` (v,),
    `motion` (6, v) per mm, `tissue` (2, v) for CSF and white matter."""

    thermal: np.ndarray
    shared: np.ndarray
    drift: np.ndarray
    motion: np.ndarray
    tissue: np.ndarray


@dataclass(frozen=True)
class Confounds:
    """Per volume: `motion` (volumes, 6) translations in mm and rotations in radians;
    `displacement` (volumes,) framewise, mm; `tissue` (volumes, 2) z-scored CSF, white matter."""

    motion: np.ndarray
    displacement: np.ndarray
    tissue: np.ndarray


def noise_model(
    place: np.ndarray, edge: np.ndarray, percent: float, rng: np.random.Generator
) -> NoiseModel:
    """Draw a subject's noise model.

    Parameters
    ----------
    place : (v, 3)
        Positions in mm; shared components vary smoothly with them.
    edge : (v,) in [0, 1]
        Motion shows most where signal changes fast, at the sheet's border.
    percent : float
        Median of the voxels' noise level.
    """
    voxels = len(place)
    wave = rng.normal(0, 1 / 15.0, (3, _COMPONENTS))  # waves of some 15 mm / 2 pi and longer
    smooth = np.cos(place @ wave + rng.uniform(0, 2 * np.pi, _COMPONENTS)).T
    smooth /= np.sqrt(np.square(smooth).sum(axis=0, keepdims=True)) + 1e-9
    level = percent * np.exp(rng.normal(0, 0.2, voxels))
    return NoiseModel(
        thermal=level,
        shared=level * np.sqrt(_SHARED) * smooth,
        drift=_DRIFT_PERCENT * np.exp(rng.normal(0, 0.3, voxels)),
        motion=_LEAK_PERCENT * (0.3 + edge) * rng.normal(0, 1, (6, voxels)),
        tissue=_TISSUE_PERCENT * rng.normal(0, 1, (2, voxels)),
    )


def draw_confounds(volumes: int, rng: np.random.Generator) -> Confounds:
    """Head motion as a random walk with rare jerks, and tissue signals."""
    steps = rng.normal(0, _STEP_MM, (volumes, 6))
    jerks = rng.random(volumes) < _JERK_SHARE
    steps[jerks] += rng.normal(0, _JERK_MM, (int(jerks.sum()), 6))
    # Drawn back slowly to the start.
    millimetres = np.asarray(lfilter([1.0], [1.0, -0.98], steps, axis=0))
    moved = np.abs(np.diff(millimetres, axis=0, prepend=millimetres[:1])).sum(axis=1)
    motion = millimetres / np.array([1, 1, 1, _HEAD_MM, _HEAD_MM, _HEAD_MM])
    tissue = autoregressive(rng.normal(size=(volumes, 2)), 0.6)
    return Confounds(motion, moved, (tissue - tissue.mean(axis=0)) / tissue.std(axis=0))


def autoregressive(innovation: np.ndarray, coefficient: float) -> np.ndarray:
    """AR(1) series of unit variance from unit white noise, along axis 0."""
    scaled = innovation * np.sqrt(1 - coefficient**2).astype(innovation.dtype)
    scaled[0] = innovation[0]
    series = lfilter([1.0], [1.0, -coefficient], scaled, axis=0)
    return np.asarray(series, dtype=innovation.dtype)


def draw_noise(
    model: NoiseModel, confounds: Confounds, tr: float, rng: np.random.Generator
) -> np.ndarray:
    """Everything in one run but the response to stimuli, (volumes, v) float32 percent."""
    volumes, voxels = len(confounds.motion), len(model.thermal)
    own = rng.standard_normal((volumes, voxels), dtype=np.float32)
    noise = autoregressive(own, AUTOCORRELATION)
    noise *= (model.thermal * np.sqrt(1 - _SHARED)).astype(np.float32)
    common = autoregressive(rng.standard_normal((volumes, _COMPONENTS)), AUTOCORRELATION)
    drift = drift_basis(volumes, tr)
    weight = rng.normal(0, 1, (drift.shape[1], voxels)) * model.drift
    displaced = confounds.motion * np.array([1, 1, 1, _HEAD_MM, _HEAD_MM, _HEAD_MM])
    causes = np.hstack([common, drift, displaced, confounds.tissue])
    uptake = np.vstack([model.shared, weight, model.motion, model.tissue])
    noise += causes.astype(np.float32) @ uptake.astype(np.float32)
    return noise


def drift_basis(volumes: int, tr: float) -> np.ndarray:
    """Slow cosines of falling amplitude, (volumes, k), without the constant."""
    order = np.arange(1, max(1, int(2 * volumes * tr / _DRIFT_SECONDS)) + 1)
    time = (np.arange(volumes) + 0.5) / volumes
    return np.cos(np.pi * time[:, None] * order) / order
