"""What loaders of measured movies share: clips of volumes, series of segments, clip responses.

A measured movie is a list of segments; a clip is what is on screen from one volume to the next, so
clips and volumes have the same rows. Everything is streamed: memory holds one segment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from tqdm import tqdm

from brainvis.artifacts import hdf5
from brainvis.containers import MEASURED
from brainvis.datasets import splits as split_files
from brainvis.datasets.movie_moments import Moments, Repeats
from brainvis.datasets.splits import Fold
from brainvis.datasets.video_files import has_cut
from brainvis.errors import BrainvisError
from brainvis.movies import SCHEMA
from brainvis.preprocess import hrf
from brainvis.preprocess.design import frame_times
from brainvis.preprocess.movie_series import Passes, clip_model


@dataclass(frozen=True)
class Segment:
    """A stretch of the movie that was shown whole: its name, whether it is for training, its
    volumes and the passes that were measured."""

    name: str
    training: bool
    volumes: int
    passes: int = 1

    @property
    def ids(self) -> list[str]:
        """Clips, one per volume."""
        return [f"{self.name}-{number:04d}" for number in range(self.volumes)]


def published_split(segments: Sequence[Segment]) -> list[Fold]:
    """The data set's own split: training segments' clips and test segments'."""
    sides = [[i for s in segments if s.training is own for i in s.ids] for own in (True, False)]
    ids = np.array([*sides[0], *sides[1]])
    return split_files.checked([Fold(*sides)], ids)


def write_clips(
    out: Path, clips: Iterable[np.ndarray], ids: Sequence[str], *, segments: Sequence[str],
    seconds: float, dataset: str,
) -> np.ndarray:  # fmt: skip
    """Write a `Stimuli` file of clips, /images their first frames, one clip at a time.

    Parameters
    ----------
    out : Path
    clips : iterable of (frames, height, width, 3) uint8
    ids, segments : (n,) str
        Of each clip.
    seconds : float
        Length of a clip.
    dataset : str

    Returns
    -------
    (n,) bool, the column `cut`: a scene changes within the clip (`video_files.has_cut`)

    Raises
    ------
    BrainvisError
        More or fewer clips than ids.
    """
    count, cut, source = len(ids), np.zeros(len(ids), bool), iter(clips)
    first = next(source)
    attributes = {"schema": "stimuli", "dataset": dataset, "kind": MEASURED}
    with hdf5.create(out, {**attributes, "fps": len(first) / seconds}) as file:
        options = {"compress": True, "chunks": (1, *first.shape)}
        shown = hdf5.dataset(file, "clips", (count, *first.shape), "u1", **options)
        options = {"compress": True, "chunks": (1, *first.shape[1:])}
        images = hdf5.dataset(file, "images", (count, *first.shape[1:]), "u1", **options)
        bar, number, clip = tqdm(total=count, disable=None, desc="clips"), 0, first
        while clip is not None and number < count:
            shown[number], images[number], cut[number] = clip, clip[0], has_cut(clip)
            number, clip = number + 1, next(source, None)
            bar.update()
        bar.close()
        if number < count or clip is not None:
            raise BrainvisError(
                "fMRI and stimulus differ in length", file=out, field="clips",
                found=f"{count} volumes, {'more' if clip is not None else number} clips",
            )  # fmt: skip
        columns = {"stimulus_id": list(ids), "category": "", "segment": list(segments), "cut": cut}
        hdf5.put_table(file, "table", pd.DataFrame(columns))
    return cut


def write_series(
    out: Path, segments: Sequence[Segment], passes: Callable[[Segment], Iterator[np.ndarray]], *,
    voxels: pd.DataFrame, cut: np.ndarray, tr: float, dataset: str, subject: str,
    detrend: int | None = None, **attributes,
) -> None:  # fmt: skip
    """Write `MovieResponses` of segments shown at one clip per volume.

    Passes are averaged; volumes are z-scored with the mean and deviation over volumes of training
    segments; clip responses come from a ridge regression with one regressor per clip (as in
    `brainvis.preprocess.movie`), shrunk towards the mean response to training clips and z-scored
    with training clips' statistics. Test segments enter no statistic of anything else.

    Parameters
    ----------
    out : Path
    segments : sequence of Segment
        In the order of rows.
    passes : callable
        Gives each pass of a segment, (volumes, v).
    voxels : table
        See `brainvis.containers.Responses`. `noise_ceiling` is added where training segments were
        shown twice, `test_noise_ceiling` (for reporting alone) where test segments were.
    cut : (volumes of all segments,) bool
    tr : float
        Seconds.
    detrend : int, optional
        Degree of the polynomial that is taken out of each pass alone; none by default (the data
        come without drift).
    """
    rows = np.cumsum([0, *(segment.volumes for segment in segments)])
    places = [slice(*ends) for ends in pairwise(rows)]
    shape = (int(rows[-1]), len(voxels))
    labels = {"dataset": dataset, "subject": subject, "kind": MEASURED, "tr": float(tr)}
    known, repeats, counts = Moments(), {True: Repeats(), False: Repeats()}, []
    with hdf5.create(out, {"schema": SCHEMA, **labels, **attributes}) as file:
        chunks = (min(64, shape[0]), min(2048, shape[1]))
        bold = hdf5.dataset(file, "bold", shape, "f4", chunks=chunks)
        betas = hdf5.dataset(file, "betas", shape, "f4", chunks=chunks)
        for segment, place in tqdm(
            list(zip(segments, places, strict=True)), disable=None, desc=f"sub-{subject} movie"
        ):
            parts = (_detrended(one, detrend) for one in _checked(segment, passes, shape[1]))
            mean, count = repeats[segment.training].average(parts)
            bold[place] = mean
            counts.append(count)
            if segment.training:
                known.add(mean)
        for place in places:
            bold[place] = known.scaled(bold[place])
        _clip_responses(bold, betas, segments, places, tr, detrend)
        hdf5.put_table(file, "volumes", _volumes(segments, counts, cut, tr))
        hdf5.put_table(file, "clips", _clips(segments, tr))
        hdf5.put_table(file, "voxels", _with_ceilings(voxels, repeats))


def _checked(segment: Segment, passes: Callable, width: int) -> Iterator[np.ndarray]:
    for values in passes(segment):
        if values.shape != (segment.volumes, width):
            raise BrainvisError(
                "fMRI and stimulus differ in length", field=segment.name,
                found=f"{values.shape} for {segment.volumes} clips and {width} voxels",
            )  # fmt: skip
        if not np.isfinite(values).all():
            raise BrainvisError("holds values that are not finite", field=segment.name)
        yield values


def _drift(volumes: int, degree: int | None) -> np.ndarray:
    """Orthonormal polynomials, (volumes, degree + 1); the constant alone for None."""
    grid = np.linspace(-1, 1, volumes)
    return np.linalg.qr(np.polynomial.legendre.legvander(grid, min(degree or 0, volumes - 1)))[0]


def _detrended(values: np.ndarray, degree: int | None) -> np.ndarray:
    """One pass in percent of its mean without its own drift; as it is where `degree` is None."""
    if degree is None:
        return values
    mean = values.mean(axis=0, dtype=float)
    there = mean > 0
    percent = np.where(there, 100 * (values / np.where(there, mean, 1) - 1), 0)
    basis = _drift(len(values), degree)
    return percent - basis @ (basis.T @ percent)


def _clip_responses(
    bold: h5py.Dataset, betas: h5py.Dataset, segments: Sequence[Segment], places: list[slice],
    tr: float, degree: int | None,
) -> None:  # fmt: skip
    """Fill `betas` (c, v) from `bold` (t, v), both z-scored by training segments."""
    models = {n: _model(n, tr, degree) for n in {segment.volumes for segment in segments}}
    common = {n: model.design.sum(axis=1) for n, model in models.items()}
    both = list(zip(segments, places, strict=True))
    training = [(one.volumes, place) for one, place in both if one.training]
    power = sum(float(np.square(common[n]).sum()) for n, _ in training)
    mean = sum(common[n] @ bold[place] for n, place in training) / max(power, 1e-12)
    known = Moments()
    for segment, place in both:
        n = segment.volumes
        made = mean + models[n].inverse @ (bold[place] - np.outer(common[n], mean))
        betas[place] = made
        if segment.training:
            known.add(made)
    for place in places:
        betas[place] = known.scaled(betas[place])


def _model(volumes: int, tr: float, degree: int | None):
    onset, clip = frame_times(volumes, tr), np.arange(volumes)
    every = Passes((0,), True, onset, np.full(volumes, tr), clip, onset, clip.astype(str))
    return clip_model(every, hrf.canonical()[0], _drift(volumes, degree))


def _volumes(
    segments: Sequence[Segment], counts: list[int], cut: np.ndarray, tr: float
) -> pd.DataFrame:
    tables = [
        pd.DataFrame(
            {
                "segment": segment.name,
                "volume": np.arange(segment.volumes, dtype=np.int32),
                "seconds": frame_times(segment.volumes, tr),
                "stimulus_id": segment.ids,
                "repeats": np.int32(count),
            }
        )
        for segment, count in zip(segments, counts, strict=True)
    ]
    table = pd.concat(tables, ignore_index=True)
    table.insert(4, "cut", np.asarray(cut, dtype=bool))
    return table


def _clips(segments: Sequence[Segment], tr: float) -> pd.DataFrame:
    table = _volumes(segments, [1] * len(segments), np.zeros(sum(s.volumes for s in segments)), tr)
    columns = {"stimulus_id": table["stimulus_id"], "segment": table["segment"]}
    times = {"onset": table["seconds"], "duration": float(tr), "row": np.arange(len(table))}
    return pd.DataFrame({**columns, **times})


def _with_ceilings(voxels: pd.DataFrame, repeats: dict[bool, Repeats]) -> pd.DataFrame:
    made = {
        "noise_ceiling": repeats[True].ceiling(),
        "test_noise_ceiling": repeats[False].ceiling(),
    }
    return voxels.assign(**{name: value for name, value in made.items() if value is not None})
