"""A small simulated BOLD experiment with known betas, as arrays and as a BIDS tree."""

import json
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter
from scipy.stats import gamma

TR, GAP, SHOWN, LEAD, TAIL = 1.6, 4.0, 2.0, 8.0, 14.0


@dataclass
class Experiment:
    """`bold` (volumes, voxels) per run, `confounds` per run, trials in order, and the truth."""

    bold: list[np.ndarray]
    confounds: list[np.ndarray]
    onsets: list[np.ndarray]
    stimulus: np.ndarray  # (trials,) int
    run: np.ndarray  # (trials,) int
    true: np.ndarray  # (trials, voxels)
    peak: np.ndarray
    tr: float = TR
    shown: float = SHOWN


def _response(peak, width):
    """SPM-like double gamma to the whole stimulus, every 0.05 s; written apart from the package."""
    time = np.arange(0, 40, 0.05)
    early = gamma.pdf(time, peak / width + 1, scale=width)
    impulse = early - gamma.pdf(time, (peak + 10) / width + 1, scale=width) / 6
    response = np.convolve(impulse, np.ones(round(SHOWN / 0.05)))[: len(time)]
    return time, response / response.max()


def simulate(stimuli=150, repeats=3, voxels=200, per_run=75, ceiling=0.35, seed=0) -> Experiment:
    """Rapid event-related design: every 4 s a stimulus of 2 s; HRFs vary, noise is AR(1)."""
    rng = np.random.default_rng([seed, 99])
    runs = stimuli * repeats // per_run
    order = [rng.permutation(stimuli) for _ in range(repeats)]
    stimulus = np.concatenate(order)
    slots = int(np.ceil(per_run * 1.05))  # one trial in twenty is blank
    volumes = int((LEAD + slots * GAP + TAIL) / TR)
    mean = np.abs(rng.normal(1.0, 0.3, voxels))
    beta = mean + rng.normal(0, 0.6, (stimuli, voxels))
    peak, width = rng.uniform(3.8, 6.5, voxels), rng.uniform(0.8, 1.3, voxels)
    courses = [_response(*shape) for shape in zip(peak, width, strict=True)]
    time = TR * np.arange(volumes)
    # Noise that gives the ceiling at all repeats, if trials could be told apart perfectly.
    level = 0.6 * np.sqrt(repeats * (1 - ceiling) / ceiling) * np.exp(rng.normal(0, 0.2, voxels))
    bold, confounds, onsets = [], [], []
    for number in range(runs):
        shown = stimulus[number * per_run : (number + 1) * per_run]
        start = LEAD + GAP * np.sort(rng.permutation(slots)[:per_run])
        signal = np.zeros((volumes, voxels))
        for voxel in range(voxels):
            design = np.interp(time[:, None] - start, *courses[voxel], left=0.0)
            signal[:, voxel] = design @ beta[shown, voxel]
        white = rng.normal(size=(volumes, voxels)) * np.sqrt(1 - 0.3**2)
        noise = level * lfilter([1], [1, -0.3], white, axis=0)
        phase = (np.arange(volumes) + 0.5) / volumes
        drift = np.stack([np.cos(np.pi * k * phase) for k in (1, 2, 3)], 1)
        motion = np.cumsum(rng.normal(0, 0.02, (volumes, 6)), axis=0)
        other = drift @ rng.normal(0, 0.6, (3, voxels)) + motion @ rng.normal(0, 1, (6, voxels))
        bold.append((1000 * (1 + (signal + noise + other) / 100)).astype(np.float32))
        confounds.append(motion)
        onsets.append(start)
    run = np.repeat(np.arange(runs), per_run)
    return Experiment(bold, confounds, onsets, stimulus, run, beta[stimulus], peak)


def write_bids(root: Path, experiment: Experiment, grid: tuple[int, int, int]) -> Path:
    """Write an experiment as sub-01 of a BIDS tree (int16 BOLD, voxels x fastest)."""
    func = root / "sub-01" / "func"
    func.mkdir(parents=True)
    (root / "task-see_bold.json").write_text(json.dumps({"RepetitionTime": experiment.tr}))
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    for number, bold in enumerate(experiment.bold):
        prefix = f"sub-01_task-see_run-{number + 1:02d}"
        # (volumes, voxels) -> (x, y, z, volumes)
        data = bold.T.reshape((*grid, len(bold)), order="F").round().astype(np.int16)
        image = nib.Nifti1Image(data, affine)
        image.set_sform(affine, code=1)
        nib.save(image, func / f"{prefix}_bold.nii.gz")
        rows = experiment.run == number
        events = pd.DataFrame({"onset": experiment.onsets[number], "duration": experiment.shown})
        events["stimulus_id"] = [f"s{code:03d}" for code in experiment.stimulus[rows]]
        events.to_csv(func / f"{prefix}_events.tsv", sep="\t", index=False)
        names = ["trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z"]
        table = pd.DataFrame(experiment.confounds[number], columns=names)
        table.to_csv(func / f"{prefix}_desc-confounds_timeseries.tsv", sep="\t", index=False)
    mask = nib.Nifti1Image(np.ones(grid, dtype=np.uint8), affine)
    mask.set_sform(affine, code=1)
    nib.save(mask, func / "sub-01_desc-brain_mask.nii.gz")
    return root


@pytest.fixture(scope="session")
def experiment() -> Experiment:
    return simulate()


@pytest.fixture(scope="session")
def bids_tree(experiment, tmp_path_factory) -> Path:
    """The experiment as a BIDS tree; tests that change it work on a copy."""
    return write_bids(tmp_path_factory.mktemp("bids"), experiment, (10, 5, 4))
