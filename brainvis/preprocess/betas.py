"""The betas stage: BOLD of one subject in BIDS to single-trial responses."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Collection
from pathlib import Path
from typing import Literal

import h5py
import numpy as np
import pandas as pd
from tqdm import tqdm

from brainvis.artifacts import hdf5
from brainvis.datasets.bids import BidsSubject, find_subject
from brainvis.datasets.bids_tables import DEFAULT_CONFOUNDS, read_confounds, read_events
from brainvis.datasets.nifti import Image, check_same_grid, open_image, read_mask
from brainvis.errors import BrainvisError
from brainvis.preprocess import hrf as haemodynamics
from brainvis.preprocess.design import frame_times, nuisance_regressors, orthonormal
from brainvis.preprocess.estimate import Estimator, RunInputs
from brainvis.preprocess.series import Series, brain_from_signal

_BLOCK_BYTES = 1 << 28  # of BOLD held at a time, whatever `block_voxels` says
_CHOSEN = {"hrf_index": np.int32, "shrinkage_fraction": np.float32, "r2": np.float32}


def estimate_betas(
    bids: Path,
    out: Path,
    *,
    subject: str,
    dataset: str,
    kind: str,
    task: str | None = None,
    space: str | None = None,
    train_ids: Collection[str] | None = None,
    hrf: Literal["library", "canonical"] = "library",
    confounds: tuple[str, ...] = DEFAULT_CONFOUNDS,
    high_pass: float = 0.008,
    shrink: bool = True,
    trial: Literal["event", "block"] = "event",
    block_voxels: int = 2000,
) -> None:
    """Estimate one beta per trial and voxel and write a Responses file.

    BOLD is turned into percent signal change per run. Drift (cosines), confounds and a constant
    are projected out. With the library, each voxel takes the HRF whose model explains most
    variance in left-out runs; with `shrink`, betas are pulled towards the voxel's mean response
    by a fraction chosen by prediction across repeats. Both choices are made from trials of
    training stimuli; what other trials evoked is projected out before, whatever its size.

    Parameters
    ----------
    bids : Path
        Root of a BIDS tree or of fMRIPrep derivatives.
    out : Path
        Responses file to be written. Columns of trials: stimulus_id, trial_type, run (1, 2, ...
        over all sessions), repeat, onset and duration (s), session; of voxels: i, j, k, x, y, z
        (mm), roi, hrf_index (-1 canonical), shrinkage_fraction, r2 (share of variance that the
        chosen model explains in left-out runs). Attributes count dropped voxels.
    subject : str
        Label without ``sub-``.
    dataset, kind : str
        Attributes of the file.
    task, space : str, optional
        BIDS labels, where there are several.
    train_ids : collection of str, optional
        Stimuli that may steer the choices; None for all, for data that have no test stimuli.
    hrf : {"library", "canonical"}
    confounds : tuple of str
        Columns of the confounds table; of the default ones, those present.
    high_pass : float
        Drift cut-off in Hz; 0 leaves only the constant.
    shrink : bool
        False gives least squares.
    trial : {"event", "block"}
        One beta per event, or per block of consecutive events of one type.
    block_voxels : int
        Voxels processed at a time.

    Raises
    ------
    BrainvisError
        Any fault of the tree, its tables and images; see `brainvis.datasets`.
    """
    found = find_subject(bids, subject, task=task, space=space)
    images = _images(found)
    trials = _trials(found, images, trial)
    mask, attributes = _mask(found, images[0])
    train = _training(trials, train_ids, bids)
    nuisance, attributes["confounds"] = _nuisance(found, images, tuple(confounds), high_pass)
    library = haemodynamics.library() if hrf == "library" else haemodynamics.canonical()
    runs = _run_inputs(found, trials, train, nuisance)
    estimator = Estimator(library, runs, trials["stimulus_id"].to_numpy(dtype=str), shrink)
    if shrink and not estimator.shrink:
        warnings.warn(
            f"{bids}: no training stimulus is repeated in another run, so betas are not shrunk",
            stacklevel=2,
        )
    attributes |= {
        "schema": "responses",
        "dataset": dataset,
        "subject": subject,
        "kind": kind,
        "units": "percent signal change",
        "hrf": hrf,
        "shrinkage": "cross-validated over repeats" if estimator.shrink else "none",
        "n_runs": len(runs),
    }
    with tempfile.TemporaryDirectory(prefix=".tmp-betas-", dir=out.parent) as scratch:
        series = Series(Path(scratch) / "bold.h5", images, mask)
        usable, dropped = _usable(series, images[0])
        voxels = _voxel_table(found, images[0], np.flatnonzero(mask)[usable])
        with hdf5.create(out, attributes | dropped) as file:
            hdf5.put_table(file, "trials", trials)
            target = hdf5.dataset(file, "betas", (len(trials), len(usable)), "f4")
            volumes = sum(image.shape[3] for image in images)
            step = max(1, min(block_voxels, _BLOCK_BYTES // (4 * volumes)))
            chosen = _fill(target, estimator, series, usable, step)
            if hrf == "canonical":
                chosen["hrf_index"][:] = -1
            hdf5.put_table(file, "voxels", voxels.assign(**chosen))


def _fill(
    target: h5py.Dataset, estimator: Estimator, series: Series, usable: np.ndarray, step: int
) -> dict[str, np.ndarray]:
    """Write betas block by block of voxels; returns what was chosen per voxel."""
    chosen = {name: np.empty(len(usable), dtype) for name, dtype in _CHOSEN.items()}
    for first in tqdm(range(0, len(usable), step), disable=None, desc="betas"):
        part = slice(first, first + step)
        result = estimator.estimate(series.read(usable[part]))
        target[:, part] = result.betas
        for name, column in chosen.items():
            column[part] = getattr(result, name)
    return chosen


def _usable(series: Series, image: Image) -> tuple[np.ndarray, dict[str, int]]:
    """Voxels with signal in every run, and how many were dropped for what."""
    usable, dropped = series.usable()
    if len(usable) < sum(dropped.values()):
        raise BrainvisError(
            "most voxels of the mask have no signal (NaN, constant, or mean not above 0)",
            file=image.path,
            found=dropped,
            remedy="give BOLD with its mean signal, and a mask that fits it",
        )
    return usable, dropped


def _images(found: BidsSubject) -> list[Image]:
    images = [open_image(run.bold, dimensions=4) for run in found.runs]
    for image in images[1:]:
        check_same_grid(image, images[0])
    return images


def _trials(found: BidsSubject, images: list[Image], trial: str) -> pd.DataFrame:
    """Trials of all runs, in order of run and onset."""
    tables = []
    for run, image in zip(found.runs, images, strict=True):
        seconds = run.start + run.tr * image.shape[3]
        table = read_events(run.events, seconds, trial=trial, stimuli=found.stimuli)
        tables.append(table.assign(run=run.number, session=run.session))
    trials = pd.concat(tables, ignore_index=True)
    trials["repeat"] = trials.groupby("stimulus_id").cumcount()
    order = ["stimulus_id", "trial_type", "run", "repeat", "onset", "duration", "session"]
    return trials.reindex(columns=order)


def _training(trials: pd.DataFrame, train_ids: Collection[str] | None, bids: Path) -> np.ndarray:
    stimulus = trials["stimulus_id"].to_numpy(dtype=str)
    if train_ids is None:
        return np.ones(len(trials), dtype=bool)
    train = np.isin(stimulus, np.asarray(sorted(train_ids), dtype=str))
    if not train.any():
        raise BrainvisError(
            "no trial shows a training stimulus",
            file=bids,
            field="stimulus_id",
            found=f"{stimulus[0]!r}, ...",
            remedy="make splits from the stimuli of the events files",
        )
    return train


def _mask(found: BidsSubject, like: Image) -> tuple[np.ndarray, dict[str, object]]:
    """Voxels inside every run's brain mask, and what to report of it."""
    paths = sorted({run.mask for run in found.runs if run.mask is not None})
    if paths:
        mask = np.logical_and.reduce([read_mask(path, like) for path in paths])
    else:
        mask = brain_from_signal(like)
    if not mask.any():
        raise BrainvisError("no brain voxel", file=paths[0] if paths else like.path)
    source = f"{len(paths)} file(s)" if paths else "computed from the first run's mean signal"
    facts = {"affine": like.affine, "grid": np.array(like.grid)}
    return mask, {**facts, "mask": source, "n_mask": int(mask.sum())}


def _nuisance(
    found: BidsSubject, images: list[Image], confounds: tuple[str, ...], high_pass: float
) -> tuple[list[np.ndarray], str]:
    """Orthonormal drift and confounds per run, and the names of the confounds."""
    bases, names = [], ()
    for run, image in zip(found.runs, images, strict=True):
        values = np.zeros((image.shape[3], 0))
        if run.confounds is not None and confounds:
            values, names = read_confounds(run.confounds, confounds, image.shape[3])
        times = frame_times(image.shape[3], run.tr, run.start)
        bases.append(orthonormal(nuisance_regressors(times, high_pass, values)))
    return bases, ", ".join(names) or "none"


def _run_inputs(
    found: BidsSubject, trials: pd.DataFrame, train: np.ndarray, nuisance: list[np.ndarray]
) -> list[RunInputs]:
    inputs = []
    for run, basis in zip(found.runs, nuisance, strict=True):
        rows = (trials["run"] == run.number).to_numpy()
        inputs.append(
            RunInputs(
                frame_times(len(basis), run.tr, run.start),
                trials["onset"].to_numpy()[rows],
                trials["duration"].to_numpy()[rows],
                train[rows],
                basis,
            )
        )
    return inputs


def _voxel_table(found: BidsSubject, image: Image, flat: np.ndarray) -> pd.DataFrame:
    """Grid indices, position in mm and ROI of voxels given by their number, x fastest."""
    ijk = np.stack(np.unravel_index(flat, image.grid, order="F"), axis=1)
    xyz = ijk @ image.affine[:3, :3].T + image.affine[:3, 3]
    table = pd.DataFrame(ijk.astype(np.int32), columns=["i", "j", "k"])
    table[["x", "y", "z"]] = xyz.astype(np.float32)
    table["roi"] = ""
    masks = {name: read_mask(path, image) for name, path in found.rois.items()}
    # The smaller of two overlapping ROIs is the more specific one: it is written last.
    for name, mask in sorted(masks.items(), key=lambda item: -item[1].sum()):
        table.loc[mask[flat], "roi"] = name
    return table
