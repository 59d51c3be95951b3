"""Brain correlation: would the brain have answered so, had it seen the reconstruction?

The response that an encoder predicts to a reconstruction is compared with the measured response to
what was seen, over the voxels of a group of regions (as in the MindEye2 notebooks, arXiv
2403.11207, which use another encoder). Responses are standardised voxel by voxel with training
stimuli, so that what all stimuli share counts nothing.
"""

from __future__ import annotations

import numpy as np

from brainvis.errors import BrainvisError

GROUPS = {
    "visual": "all voxels above the noise ceiling's threshold",
    "early": "those of V1 to V4",
    "higher": "those of all other named regions",
}
_EARLY = ("V1", "V2", "V3", "hV4", "V4")


def groups_of(roi: np.ndarray, reliable: np.ndarray) -> dict[str, np.ndarray]:
    """Voxels (v,) bool of each group of `GROUPS` that has at least two.

    Parameters
    ----------
    roi : (v,) str
        Region of each voxel, "" where it has none.
    reliable : (v,) bool
    """
    named = np.asarray(roi, dtype=str)
    early = np.array([name.startswith(_EARLY) for name in named], dtype=bool)
    found = {"visual": reliable, "early": reliable & early}
    found["higher"] = reliable & ~early & (named != "")
    return {name: voxels for name, voxels in found.items() if voxels.sum() >= 2}


def pattern_ceiling(trials: np.ndarray, stimulus: np.ndarray) -> np.ndarray:
    """Correlation of each stimulus's mean pattern with its pattern without noise.

    Parameters
    ----------
    trials : (t, v)
        Responses of a group's voxels to single trials, standardised.
    stimulus : (t,) int
        Number of each trial's stimulus, 0 to n - 1.

    Returns
    -------
    (n,)
        ``sqrt(c / s)``: s the variance over voxels of the mean over repeats, c the mean covariance
        of two repeats, which noise does not enter; between 0 and 1, NaN without repeats.

    Raises
    ------
    BrainvisError
        A stimulus without a trial.
    """
    counts = np.bincount(stimulus)
    if not counts.all():
        raise BrainvisError("a stimulus has no trial", field="stimulus", found=counts.argmin())
    centred = trials - trials.mean(axis=1, keepdims=True)
    own = np.square(centred).mean(axis=1)  # (t,)
    total = np.zeros((len(counts), trials.shape[1]))
    np.add.at(total, stimulus, centred)
    of_sum = np.square(total).mean(axis=1)  # variance of the sum: own variances and covariances
    within = np.bincount(stimulus, weights=own)
    pairs = counts * (counts - 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        shared = (of_sum - within) / pairs
        ceiling = np.sqrt(np.clip(shared, 0, None) / (of_sum / counts**2))
    return np.where(pairs > 0, np.clip(ceiling, 0, 1), np.nan)
