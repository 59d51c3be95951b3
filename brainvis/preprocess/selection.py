"""Choice of each voxel's HRF by variance explained in runs that were left out.

The model of a run is the mean response to all trials plus what the same stimuli evoked in other
runs, so noise, which runs do not share, cannot drive the choice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from brainvis.preprocess.glm import System, on_off

_SELECTION_PENALTY = 1.0  # of the mean eigenvalue of a run's Gram matrix


@dataclass(frozen=True)
class Repeats:
    """Which trials show the same stimulus in another run.

    `others` (trials, trials) sparse averages them; `partner` (trials,) is one of them, a different
    one for each trial of a stimulus where possible, -1 where there is none.
    """

    others: sparse.csr_matrix
    partner: np.ndarray

    @property
    def exist(self) -> bool:
        return bool((self.partner >= 0).any())


def find_repeats(stimulus: np.ndarray, run: np.ndarray) -> Repeats:
    """Repeats across runs of each trial's stimulus; `stimulus`, `run` are (trials,) int."""
    count = len(stimulus)
    partner = np.full(count, -1)
    rows, columns, weights = [], [], []
    order = np.argsort(stimulus, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(stimulus[order])) + 1):
        for place, trial in enumerate(members):
            following = np.roll(members, -place - 1)
            elsewhere = following[run[following] != run[trial]]
            if elsewhere.size:
                partner[trial] = elsewhere[0]
                rows += [trial] * elsewhere.size
                columns += elsewhere.tolist()
                weights += [1 / elsewhere.size] * elsewhere.size
    values = np.array(weights, dtype=np.float32)
    return Repeats(sparse.csr_matrix((values, (rows, columns)), (count, count)), partner)


def split_runs(stacked: np.ndarray, systems: list[System]) -> list[np.ndarray]:
    """Rows of all runs' trials, run by run."""
    ends = np.cumsum([model.design.shape[1] for model in systems])
    return np.split(stacked, ends[:-1])


def explained(systems: list[System], data: list[np.ndarray], repeats: Repeats) -> np.ndarray:
    """Sum of squares that one HRF's model explains in left-out runs, (voxels,).

    Parameters
    ----------
    systems : one per run
    data : (volumes, voxels) per run
    repeats : Repeats of the trials of all runs, in order
    """
    projected = [model.project(part) for model, part in zip(systems, data, strict=True)]
    mean, gain = on_off(systems, projected)
    if not repeats.exist:
        return gain
    rest = [c - model.total[:, None] * mean for model, c in zip(systems, projected, strict=True)]
    penalty = _SELECTION_PENALTY * float(np.mean(np.concatenate([m.values for m in systems])))
    betas = [model.ridge(c, penalty) for model, c in zip(systems, rest, strict=True)]
    predicted = split_runs(repeats.others @ np.concatenate(betas), systems)
    pairs = list(zip(systems, rest, predicted, strict=True))
    match = np.stack([np.einsum("tv,tv->v", c, m) for _, c, m in pairs]).astype(float)
    power = np.stack([model.energy(m) for model, _, m in pairs]).astype(float)
    # Ridge estimates are too small or too noisy to be predictions as they are: one factor scales
    # them, learnt on the other runs.
    left_match, left_power = match.sum(axis=0) - match, power.sum(axis=0) - power
    scale = np.clip(left_match / np.maximum(left_power, 1e-12), 0, None)
    return gain + (2 * scale * match - np.square(scale) * power).sum(axis=0)


def choose_hrf(
    systems: Callable[[int], list[System]],
    count: int,
    data: list[np.ndarray],
    repeats: Repeats,
) -> tuple[np.ndarray, np.ndarray]:
    """Best of `count` HRFs for every voxel.

    Parameters
    ----------
    systems : function of the HRF's number
        The runs' designs under it.
    data : (volumes, voxels) per run
    repeats : Repeats

    Returns
    -------
    index : (voxels,) int
    gain : (voxels,)
        Sum of squares that the chosen one explains in left-out runs.
    """
    gains = np.stack([explained(systems(number), data, repeats) for number in range(count)])
    index = gains.argmax(axis=0)
    return index, np.take_along_axis(gains, index[None], axis=0)[0]
