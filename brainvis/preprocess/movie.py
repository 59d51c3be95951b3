"""Stage: BOLD of a movie in BIDS to averaged segments and one response per clip."""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from brainvis.containers import Stimuli
from brainvis.datasets.bids import BidsSubject, find_subject
from brainvis.datasets.bids_tables import DEFAULT_CONFOUNDS, read_events
from brainvis.datasets.nifti import Image
from brainvis.errors import BrainvisError
from brainvis.movies import write_movie_responses
from brainvis.preprocess import hrf
from brainvis.preprocess.betas import _images, _mask, _nuisance, _voxel_table
from brainvis.preprocess.design import frame_times, nuisance_regressors, orthonormal
from brainvis.preprocess.movie_series import Passes, clean, clip_model
from brainvis.preprocess.series import Series

_BLOCK_BYTES = 1 << 28  # of BOLD held at a time
_SHARP = 1e-3  # seconds within which two times are one


def movie_responses(
    bids: Path,
    out: Path,
    *,
    subject: str,
    stimuli: Path,
    test_ids: Collection[str],
    dataset: str,
    kind: str,
    task: str = "movie",
    high_pass: float = 0.008,
) -> None:
    """Write `brainvis.movies.MovieResponses` of one subject.

    Runs with the same events are passes of one segment. Percent signal change of each pass has
    drift (cosines) and confounds projected out; passes are averaged; volumes and clip responses are
    z-scored with statistics of training segments alone.

    Parameters
    ----------
    bids : Path
        Root of a BIDS tree; its events name clips in stimulus_id.
    out : Path
    subject, dataset, kind, task : str
    stimuli : Path
        `Stimuli` that holds the clips.
    test_ids : collection of str
        A segment with one of these clips is a test segment and may show no others.
    high_pass : float
        Drift cut-off, Hz.

    Raises
    ------
    BrainvisError
        Any fault of the tree; clips that the stimuli lack; a segment that shows both training and
        test clips; passes of different length; no training or no test segment.
    """
    found = find_subject(bids, subject, task=task)
    images = _images(found)
    events = _events(found, images)
    shown = [stimulus for table in events for stimulus in table["stimulus_id"]]
    Stimuli.open(stimuli).rows(np.unique(np.asarray(shown, dtype=str)))
    segments = _segments(found, images, events, set(test_ids))
    nuisance, confounds = _nuisance(found, images, DEFAULT_CONFOUNDS, high_pass)
    models = [clip_model(part, hrf.canonical()[0], _drift(part, high_pass)) for part in segments]
    mask, facts = _mask(found, images[0])
    tr = found.runs[0].tr
    with tempfile.TemporaryDirectory(prefix=".tmp-movie-", dir=out.parent) as scratch:
        series = Series(Path(scratch) / "bold.h5", images, mask)
        usable, dropped = series.usable()
        if not len(usable):
            raise BrainvisError("no voxel has signal", file=images[0].path, found=dropped)
        step = max(1, _BLOCK_BYTES // (4 * sum(image.shape[3] for image in images)))
        blocks = [usable[first : first + step] for first in range(0, len(usable), step)]
        parts = [
            clean(series.read(block), nuisance, segments, models)
            for block in tqdm(blocks, disable=None, desc=f"sub-{subject} movie")
        ]
    voxels = _voxel_table(found, images[0], np.flatnonzero(mask)[usable])
    voxels["noise_ceiling"] = np.concatenate([part.ceiling for part in parts])
    voxels["test_noise_ceiling"] = np.concatenate([part.test_ceiling for part in parts])
    write_movie_responses(
        out,
        np.concatenate([part.bold for part in parts], axis=1),
        np.concatenate([part.betas for part in parts], axis=1),
        volumes=pd.concat([_volume_table(part, tr) for part in segments], ignore_index=True),
        clips=_clip_table(segments),
        voxels=voxels,
        dataset=dataset,
        subject=subject,
        kind=kind,
        tr=tr,
        units="z-score over training volumes",
        n_runs=len(images),
        confounds=confounds,
        **facts,
        **dropped,
    )


def _events(found: BidsSubject, images: list[Image]) -> list[pd.DataFrame]:
    """Events of every run; all runs must have one TR."""
    tables = []
    for run, image in zip(found.runs, images, strict=True):
        if abs(run.tr - found.runs[0].tr) > _SHARP:
            raise BrainvisError(
                "runs differ in their TR", file=run.bold, field="RepetitionTime", found=run.tr
            )
        tables.append(read_events(run.events, run.start + run.tr * image.shape[3]))
    return tables


def _segments(
    found: BidsSubject, images: list[Image], events: list[pd.DataFrame], test: set[str]
) -> list[Passes]:
    """Runs with the same events are one segment; in the order of their first run."""
    alike: dict[tuple, list[int]] = {}
    for number, table in enumerate(events):
        times = (table[["onset", "duration"]].to_numpy() / _SHARP).round().astype(int)
        key = (*table["stimulus_id"], *times.ravel().tolist())
        alike.setdefault(key, []).append(number)
    segments = []
    for runs in alike.values():
        lengths = {images[number].shape[3] for number in runs}
        if len(lengths) > 1:
            raise BrainvisError(
                "passes of one segment differ in length",
                file=images[runs[-1]].path,
                found=f"{sorted(lengths)} volumes",
                remedy="cut them to the same volumes",
            )
        segments.append(_passes(found, runs, lengths.pop(), events[runs[0]], test))
    if len({part.training for part in segments}) < 2:
        raise BrainvisError(
            "needs training and test segments",
            file=found.runs[0].bold,
            found=f"{len(segments)} segments of one kind",
            remedy="show the split's test clips in segments of their own",
        )
    return segments


def _passes(
    found: BidsSubject, runs: list[int], volumes: int, table: pd.DataFrame, test: set[str]
) -> Passes:
    run = found.runs[runs[0]]
    stimulus = table["stimulus_id"].to_numpy(dtype=str)
    held = np.isin(stimulus, sorted(test))
    if held.any() and not held.all():
        raise BrainvisError(
            "segment shows training and test clips",
            file=run.events,
            field="stimulus_id",
            found=f"{int(held.sum())} of {len(held)} events show test clips",
            remedy="split by whole segments",
        )
    names, first, clip = np.unique(stimulus, return_index=True, return_inverse=True)
    place = np.argsort(np.argsort(first))  # clips are numbered in the order of the film
    return Passes(
        tuple(runs),
        not held.any(),
        table["onset"].to_numpy(dtype=float),
        table["duration"].to_numpy(dtype=float),
        place[clip],
        frame_times(volumes, run.tr, run.start),
        names[np.argsort(first)],
    )


def _drift(part: Passes, high_pass: float) -> np.ndarray:
    none = np.zeros((len(part.times), 0))
    return orthonormal(nuisance_regressors(part.times, high_pass, none))


def _volume_table(part: Passes, tr: float) -> pd.DataFrame:
    """What is on screen at every volume, and whether the picture changes before the next one."""
    begin, end = part.onset, part.onset + part.duration
    time = part.times[:, None]
    on = (time >= begin - _SHARP) & (time < end - _SHARP)  # (volumes, events)
    edges = np.concatenate([begin, end])
    cut = ((edges > time + _SHARP) & (edges < time + tr - _SHARP)).any(axis=1)
    shown = part.ids[part.clip[on.argmax(axis=1)]]
    return pd.DataFrame(
        {
            "segment": part.name,
            "volume": np.arange(len(part.times), dtype=np.int32),
            "seconds": part.times,
            "stimulus_id": np.where(on.any(axis=1), shown, ""),
            "cut": cut,
            "repeats": np.int32(len(part.runs)),
        }
    )


def _clip_table(segments: list[Passes]) -> pd.DataFrame:
    """First showing of every clip, and the volume that begins with it or next."""
    tables, before = [], 0
    for part in segments:
        first = np.unique(part.clip, return_index=True)[1]
        begin = part.onset[first]
        until = [
            float((part.onset + part.duration)[part.clip == n].max()) for n in range(len(first))
        ]
        row = np.searchsorted(part.times, begin - _SHARP)
        tables.append(
            pd.DataFrame(
                {
                    "stimulus_id": part.ids,
                    "segment": part.name,
                    "onset": begin,
                    "duration": until - begin,
                    "row": before + np.minimum(row, len(part.times) - 1),
                }
            )
        )
        before += len(part.times)
    return pd.concat(tables, ignore_index=True)
