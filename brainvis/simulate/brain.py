"""One subject's brain: where its voxels lie, what they prefer, how strongly and how fast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from brainvis.simulate import calibration
from brainvis.simulate.anatomy import Cortex, make_cortex
from brainvis.simulate.channels import Channels
from brainvis.simulate.design import Run
from brainvis.simulate.noise import NoiseModel, draw_confounds, noise_model
from brainvis.simulate.tuning import tune

_NOISE_PERCENT = 1.2  # thermal noise of the median voxel, as at 3 T
_BASELINE = 3000.0  # mean signal of the median brain voxel, scanner units


@dataclass(frozen=True)
class Brain:
    """A subject's v voxels.

    `cortex`; `betas` (stimuli, v) float32, true responses in percent signal change; `function`
    (v,) str, main functional type; `peak` and `width` (v,) of the HRF, seconds; `noise`; `jitter`
    (v,), sd of the response from trial to trial, percent; `baseline` (v,); `ceiling` (v,).
    """

    cortex: Cortex
    betas: np.ndarray
    function: np.ndarray
    peak: np.ndarray
    width: np.ndarray
    noise: NoiseModel
    jitter: np.ndarray
    baseline: np.ndarray
    ceiling: np.ndarray


def make_brain(
    channels: Channels,
    domains: dict[str, str],
    run: Run,
    *,
    voxels: int,
    repeats: int,
    tr: float,
    stimulus_seconds: float,
    ceiling_median: float,
    seed: int,
    rng: np.random.Generator,
) -> Brain:
    """Draw a subject's brain; `seed` makes the types that subjects share, `rng` the subject."""
    cortex = make_cortex(voxels, rng)
    profile, function = tune(cortex, channels, domains, seed, rng)
    peak = np.clip(rng.normal(5.1, 0.45) + rng.normal(0, 0.3, voxels), *calibration.PEAKS)
    width = np.clip(rng.normal(0.92, 0.05) + rng.normal(0, 0.1, voxels), *calibration.WIDTHS)
    place = cortex.ijk @ cortex.affine[:3, :3].T + cortex.affine[:3, 3]
    noise = noise_model(place, cortex.edge, _NOISE_PERCENT, rng)
    confounds = draw_confounds(run.volumes, rng)
    estimator = calibration.reference_estimator(run, confounds, tr, stimulus_seconds, peak, width)
    wanted = calibration.wanted_ceilings(cortex.roi, ceiling_median, rng)
    wanted = np.where(profile.any(axis=0), wanted, 0.0)
    spread = calibration.amplitudes(wanted, repeats, noise, estimator)
    return Brain(
        cortex,
        betas=(spread * (profile + calibration.MEAN_OVER_SPREAD)).astype(np.float32),
        function=np.where(wanted > 0, function, "none"),
        peak=peak,
        width=width,
        noise=noise,
        jitter=calibration.trial_noise(noise),
        baseline=_BASELINE * np.exp(rng.normal(0, 0.15, voxels)),
        ceiling=wanted,
    )
