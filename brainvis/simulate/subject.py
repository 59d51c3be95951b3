"""One simulated subject: from stimuli to a BIDS folder, and a truth file beside it."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from brainvis.artifacts import hdf5
from brainvis.containers import SIMULATED, Stimuli
from brainvis.errors import BrainvisError
from brainvis.simulate import bids as tree
from brainvis.simulate.brain import Brain, make_brain
from brainvis.simulate.channels import Channels, read_channels
from brainvis.simulate.design import BLANK, Run, make_design
from brainvis.simulate.haemodynamics import hrf, hrf_basis
from brainvis.simulate.noise import draw_confounds
from brainvis.simulate.scan import scan_run
from brainvis.simulate.selective import category_domains


def simulate_subject(
    stimuli: Path,
    channels: Path,
    bids: Path,
    truth: Path,
    *,
    subject: str = "01",
    voxels: int = 4000,
    repeats: int = 3,
    tr: float = 1.6,
    trial_seconds: float = 4.0,
    stimulus_seconds: float = 2.0,
    trials_per_run: int = 75,
    ceiling_median: float = 0.35,
    seed: int = 0,
) -> None:
    """Simulate one subject that watches all stimuli.

    Parameters
    ----------
    stimuli, channels : Path
        `Stimuli` HDF5, and its channels by `brainvis.simulate.channels.write_channels`.
    bids : Path
        Folder to make, which becomes ``sub-<subject>`` of a BIDS tree.
    truth : Path
        HDF5 to write outside the tree (schema "truth"): ``/betas`` (stimuli, v) float32, true
        responses in percent signal change; ``/ids``; ``/voxels`` with i, j, k, roi, left, prf_x,
        prf_y, prf_size (image half-widths, NaN where none), hrf_peak, hrf_width (s), function,
        noise_ceiling (at `repeats`), thermal_noise and trial_noise (sd, percent); ``/trials`` with
        run (1-based), onset (s), stimulus_id, repeat.
    subject : str
        Label without ``sub-``. With `seed` it decides every random number.
    voxels : int
        Brain voxels.
    repeats : int
        Presentations of each stimulus, each in another run.
    tr, trial_seconds, stimulus_seconds : float
        Volume to volume, trial to trial, and stimulus duration, seconds.
    trials_per_run : int
        At most; runs are equally long.
    ceiling_median : float
        Median over the voxels of all areas of the noise ceiling at `repeats`.
    seed : int
        Functional types depend on it alone and are shared by subjects.

    Raises
    ------
    BrainvisError
        When the channels belong to other stimuli, or the timing is impossible.
    """
    _check_settings(bids, truth, repeats, tr, trial_seconds, stimulus_seconds)
    source, seen = Stimuli.open(stimuli), _matching_channels(stimuli, channels)
    domains = category_domains(
        source.table["category"].to_numpy(str), source.table["supercategory"].to_numpy(str)
    )
    rng = np.random.default_rng([seed, zlib.crc32(subject.encode())])
    runs = make_design(len(seen.ids), repeats, trials_per_run, trial_seconds, tr, rng)
    brain = make_brain(
        seen,
        domains,
        runs[0],
        voxels=voxels,
        repeats=repeats,
        tr=tr,
        stimulus_seconds=stimulus_seconds,
        ceiling_median=ceiling_median,
        seed=seed,
        rng=rng,
    )
    func = bids / "func"
    func.mkdir(parents=True)
    tree.write_masks(func, subject, brain.cortex)
    basis, coefficients = hrf_basis(hrf(brain.peak, brain.width, stimulus_seconds))
    for number, run in enumerate(tqdm(runs, disable=None, desc=f"sub-{subject} BOLD"), start=1):
        confounds = draw_confounds(run.volumes, rng)
        volumes = scan_run(brain, run, basis, coefficients, confounds, tr, rng)
        start = f"{tree.prefix(subject, number)}_"
        tree.write_bold(func / f"{start}bold.nii.gz", volumes, brain.cortex.affine, tr)
        tree.write_bold_sidecar(func / f"{start}bold.json", tr)
        tree.write_table(func / f"{start}events.tsv", _events(run, seen.ids, stimulus_seconds))
        tree.write_table(
            func / f"{start}desc-confounds_timeseries.tsv", tree.confounds_table(confounds)
        )
    with hdf5.create(truth, {"schema": "truth", "kind": SIMULATED, "subject": subject}) as file:
        hdf5.put(file, "ids", seen.ids)
        hdf5.put(file, "betas", brain.betas)
        hdf5.put_table(file, "voxels", _voxel_table(brain))
        hdf5.put_table(file, "trials", _trial_table(runs, seen.ids))


def _check_settings(
    bids: Path,
    truth: Path,
    repeats: int,
    tr: float,
    trial_seconds: float,
    stimulus_seconds: float,
) -> None:
    if truth.resolve().is_relative_to(bids.resolve().parent):
        raise BrainvisError(
            "truth lies inside the BIDS tree",
            file=truth,
            remedy=f"write it outside {bids.resolve().parent}",
        )
    if not 0 < stimulus_seconds <= trial_seconds or tr <= 0 or repeats < 1:
        raise BrainvisError(
            "impossible design: a stimulus must end before the next, TR and repeats be positive",
            field="stimulus_seconds, trial_seconds, tr, repeats",
            found=(stimulus_seconds, trial_seconds, tr, repeats),
        )


def _matching_channels(stimuli: Path, channels: Path) -> Channels:
    seen = read_channels(channels)
    if not np.array_equal(Stimuli.open(stimuli).ids, seen.ids):
        raise BrainvisError(
            "belongs to other stimuli", file=channels, field="ids", remedy=f"make it from {stimuli}"
        )
    return seen


def _names(stimulus: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Stimulus identifiers of a run's trials, n/a in blank ones."""
    return np.where(stimulus == BLANK, "n/a", ids[stimulus])


def _events(run: Run, ids: np.ndarray, stimulus_seconds: float) -> pd.DataFrame:
    name, blank = _names(run.stimulus, ids), run.stimulus == BLANK
    return pd.DataFrame(
        {
            "onset": run.onset,
            "duration": np.full(len(name), stimulus_seconds),
            "trial_type": np.where(blank, "blank", "stimulus"),
            # Relative to stimuli/, as BIDS wants it.
            "stim_file": np.where(blank, "n/a", np.char.add(name, ".png")),
            "stimulus_id": name,
        }
    )


def _trial_table(runs: list[Run], ids: np.ndarray) -> pd.DataFrame:
    parts = [
        pd.DataFrame(
            {
                "run": number,
                "onset": run.onset,
                "stimulus_id": _names(run.stimulus, ids),
                "repeat": run.repeat,
            }
        )
        for number, run in enumerate(runs, start=1)
    ]
    return pd.concat(parts, ignore_index=True)


def _voxel_table(brain: Brain) -> pd.DataFrame:
    cortex = brain.cortex
    columns = dict(zip("ijk", cortex.ijk.T, strict=True))
    columns |= {"roi": cortex.roi, "left": cortex.left}
    columns |= dict(zip(("prf_x", "prf_y", "prf_size"), cortex.prf.T, strict=True))
    columns |= {
        "hrf_peak": brain.peak,
        "hrf_width": brain.width,
        "function": brain.function,
        "noise_ceiling": brain.ceiling,
        "thermal_noise": brain.noise.thermal,
        "trial_noise": brain.jitter,
    }
    return pd.DataFrame(columns)
