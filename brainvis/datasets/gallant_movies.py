"""Movies of the Gallant laboratory: shortclips (Huth 2012) and vim-2 (Nishimoto 2011), in HDF5.

shortclips (gin gallantlab/shortclips, doi 10.12751/g-node.vy1zjd), TR 2 s::

    responses/S01_responses.hdf     Y_train (3600, v); Y_test (10, 270, v), or (270, v) averaged;
                                    run_onsets (12,), first volume of each training run
    stimuli/train_00.hdf .. train_11.hdf, test.hdf    stimuli (frames, 512, 512, 3) uint8
    mappers/S01_mappers.hdf         roi_mask_NAME (v,), optional

vim-2 (CRCNS, doi 10.6080/K00Z715X), TR 1 s, MATLAB 7.3 (axes are reversed as h5py reads them)::

    Stimuli.mat                     st (108000, 3, 128, 128), sv (8100, 3, 128, 128) uint8
    VoxelResponses_subject1.mat     rt (v, 7200); rv (v, 540), mean of 10 passes; rva (v, 10, 540),
                                    the passes; roi/NAME (18, 64, 64) masks, flattened as voxels

Both films have 15 frames a second, both responses come preprocessed and without drift. Training
segments were shown once, so there is no noise ceiling from them; test passes give
`test_noise_ceiling`, for reporting alone. Voxels with missing values anywhere are left out.
Assumed for vim-2: training is 12 runs of equal length, and pictures' axes are colour, column, row.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from brainvis.datasets import splits as split_files
from brainvis.datasets.cc2017 import resized
from brainvis.datasets.movie_series import Segment, published_split, write_clips, write_series
from brainvis.errors import BrainvisError

RATE = 15  # frames a second of both films
_BLOCK = 256  # rows at a time, where all are looked at
SHORTCLIPS, VIM2 = "shortclips", "vim2"
_TR = {SHORTCLIPS: 2.0, VIM2: 1.0}
_OBTAIN = {
    SHORTCLIPS: "get it with datalad from gin.g-node.org/gallantlab/shortclips",
    VIM2: "get it from crcns.org (vc/vim-2)",
}


def import_shortclips(
    folder: Path, stimuli: Path, responses: Path, splits: Path, *, subject: str, size: int = 64,
    frames: int = 16,
) -> None:  # fmt: skip
    """Bring shortclips of one subject ("01" to "05") into brainvis files.

    Parameters
    ----------
    folder : Path
        See the module.
    stimuli, responses, splits : Path
        `Stimuli`, `MovieResponses`, splits file (split "published": 12 training runs, one test).
    size, frames : int
        Side of frames in pixels, and frames of a clip of 2 s (of 30 in the film).

    Raises
    ------
    BrainvisError
        Files or arrays that are absent, damaged or of another layout; fMRI and film of different
        length.
    """
    with ExitStack() as files:
        source = _open(folder / f"responses/S{subject}_responses.hdf", SHORTCLIPS, files)
        train, test = _array(source, "Y_train", 2), _array(source, "Y_test", 2, 3)
        onsets = [int(n) for n in _array(source, "run_onsets", 1)[...]]
        ends = [*onsets[1:], len(train)]
        if onsets[:1] != [0] or any(b <= a for a, b in zip(onsets, ends, strict=True)):
            raise BrainvisError(
                "needs rising first volumes of runs, from 0", file=source.filename,
                field="run_onsets", found=onsets,
            )  # fmt: skip
        names = [f"train_{n:02d}" for n in range(len(onsets))]
        films = {name: _film(folder, name, files) for name in [*names, "test"]}
        lengths = [b - a for a, b in zip(onsets, ends, strict=True)]
        segments = [Segment(n, True, k) for n, k in zip(names, lengths, strict=True)]
        segments.append(Segment("test", False, test.shape[-2]))
        starts = dict(zip(names, onsets, strict=True))
        kept = _complete(_finite(train, -1), _finite(test, -1))
        voxels = pd.DataFrame({"i": -1, "j": -1, "k": -1, "roi": _roi_names(folder, subject, kept)})

        def passes(one: Segment) -> Iterator[np.ndarray]:
            if one.training:
                yield train[starts[one.name] : starts[one.name] + one.volumes][:, kept]
            elif test.ndim == 2:
                yield test[...][:, kept]
            else:
                yield from (test[number][:, kept] for number in range(len(test)))

        def shown() -> Iterator[np.ndarray]:
            for one in segments:
                yield from _clips(films[one.name], one, SHORTCLIPS, size, frames, (0, 1, 2, 3))

        _write(
            (stimuli, responses, splits), SHORTCLIPS, subject, segments, shown(), passes,
            voxels.assign(column=kept),
        )  # fmt: skip


def import_vim2(
    folder: Path, stimuli: Path, responses: Path, splits: Path, *, subject: str, size: int = 64,
    frames: int = 8, runs: int = 12,
) -> None:  # fmt: skip
    """Bring vim-2 of one subject ("1" to "3") into brainvis files.

    Parameters
    ----------
    folder : Path
        See the module.
    stimuli, responses, splits : Path
        As in `import_shortclips`.
    size, frames : int
        Side of frames in pixels, and frames of a clip of 1 s (of 15 in the film).
    runs : int
        Training runs, of equal length.

    Raises
    ------
    BrainvisError
        See `import_shortclips`.
    """
    with ExitStack() as files:
        source = _open(folder / f"VoxelResponses_subject{subject}.mat", VIM2, files)
        films = _open(folder / "Stimuli.mat", VIM2, files)
        train = _array(source, "rt", 2)
        several = "rva" in source
        test = _array(source, "rva", 3) if several else _array(source, "rv", 2)
        if train.shape[1] % runs:
            raise BrainvisError(
                f"needs {runs} runs of one length", file=source.filename, field="rt",
                found=f"{train.shape[1]} volumes",
            )  # fmt: skip
        length = train.shape[1] // runs
        segments = [Segment(f"train_{n:02d}", True, length) for n in range(runs)]
        segments.append(Segment("test", False, test.shape[-1]))
        kept = _complete(_finite(train, 0), _finite(test, 0))
        voxels = _places(source, kept)

        def passes(one: Segment) -> Iterator[np.ndarray]:
            if one.training:
                start = length * int(one.name[-2:])
                yield train[:, start : start + length][kept].T
            elif several:
                yield from (test[:, number][kept].T for number in range(test.shape[1]))
            else:
                yield test[...][kept].T

        def shown() -> Iterator[np.ndarray]:
            for n, one in enumerate(segments):
                film = _array(films, "st" if one.training else "sv", 4)
                first = n * length if one.training else 0
                whole = length * runs if one.training else one.volumes
                yield from _clips(film, one, VIM2, size, frames, (0, 3, 2, 1), first, whole)

        _write((stimuli, responses, splits), VIM2, subject, segments, shown(), passes, voxels)


def _write(outputs, name, subject, segments, shown, passes, voxels) -> None:
    ids = [identifier for one in segments for identifier in one.ids]
    labels = [one.name for one in segments for _ in one.ids]
    stimuli, responses, splits = outputs
    cut = write_clips(stimuli, shown, ids, segments=labels, seconds=_TR[name], dataset=name)
    write_series(
        responses, segments, passes, voxels=voxels, cut=cut, tr=_TR[name], dataset=name,
        subject=subject, units="z-score over training volumes",
    )  # fmt: skip
    split_files.write(splits, {"published": published_split(segments)})


def _open(path: Path, name: str, files: ExitStack) -> h5py.File:
    if not path.is_file():
        raise BrainvisError("no such file", file=path, remedy=_OBTAIN[name])
    try:
        return files.enter_context(h5py.File(path, "r"))
    except OSError as error:
        raise BrainvisError(
            "cannot be read as HDF5", file=path, found=error, remedy=_OBTAIN[name]
        ) from error


def _array(file: h5py.File, name: str, *dimensions: int) -> h5py.Dataset:
    found = file.get(name)
    if not isinstance(found, h5py.Dataset) or found.ndim not in dimensions:
        raise BrainvisError(
            f"needs an array of {' or '.join(map(str, dimensions))} dimensions",
            file=file.filename, field=name, found=getattr(found, "shape", sorted(file)),
        )  # fmt: skip
    return found


def _film(folder: Path, name: str, files: ExitStack) -> h5py.Dataset:
    return _array(_open(folder / f"stimuli/{name}.hdf", SHORTCLIPS, files), "stimuli", 4)


def _clips(
    film: h5py.Dataset, one: Segment, name: str, size: int, frames: int,
    axes: tuple[int, int, int, int], first: int = 0, whole: int | None = None,
) -> Iterator[np.ndarray]:  # fmt: skip
    """A segment's clips; `first` is its first volume in the film, `whole` the film's volumes."""
    step, volumes = round(RATE * _TR[name]), whole or one.volumes
    if film.dtype != np.uint8 or film.shape[axes[3]] != 3:
        raise BrainvisError(
            "needs uint8 frames of 3 colours", file=film.file.filename, field=film.name,
            found=f"{film.dtype} {film.shape}",
        )  # fmt: skip
    if len(film) != step * volumes:
        raise BrainvisError(
            "fMRI and stimulus differ in length", file=film.file.filename, field=film.name,
            found=f"{len(film)} frames at {RATE} a second for {volumes} volumes of {_TR[name]} s",
        )  # fmt: skip
    chosen = np.arange(frames) * step // frames  # on screen when each part of the volume begins
    for volume in range(first, first + one.volumes):
        clip = film[volume * step : (volume + 1) * step][chosen]
        yield resized(np.ascontiguousarray(clip.transpose(axes)), size)


def _finite(data: h5py.Dataset, axis: int) -> np.ndarray:
    """Voxels (on the first or last axis) that have all their values, read in blocks."""
    starts = range(0, len(data), _BLOCK)
    blocks = (np.isfinite(data[start : start + _BLOCK]) for start in starts)
    if axis == 0:
        return np.concatenate([block.reshape(len(block), -1).all(axis=1) for block in blocks])
    parts = [block.reshape(-1, data.shape[-1]).all(axis=0) for block in blocks]
    return np.all(parts, axis=0)


def _complete(train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Numbers of the voxels that have all values on both sides."""
    if len(train) != len(test):
        found = [len(train), len(test)]
        raise BrainvisError("training and test volumes have different voxels", found=found)
    kept = np.flatnonzero(train & test)
    if not len(kept):
        raise BrainvisError("no voxel without missing values", found=f"{len(train)} voxels")
    return kept


def _roi_names(folder: Path, subject: str, kept: np.ndarray) -> list[str]:
    """Name of the first region that holds each voxel, "" where none does."""
    path, names = folder / f"mappers/S{subject}_mappers.hdf", np.full(len(kept), "", object)
    if path.is_file():
        with ExitStack() as files:
            file = _open(path, SHORTCLIPS, files)
            for key in sorted(file):
                if key.startswith("roi_mask_"):
                    inside = _array(file, key, 1)[...].astype(bool)[kept]
                    names[inside & (names == "")] = key.removeprefix("roi_mask_")
    return names.tolist()


def _places(source: h5py.File, kept: np.ndarray) -> pd.DataFrame:
    """Grid indices and regions of voxels; the masks' shape is the grid's."""
    masks = source.get("roi")
    if not isinstance(masks, h5py.Group) or not len(masks):
        raise BrainvisError("has no masks of regions", file=source.filename, field="roi")
    found = {key: np.asarray(masks[key]) for key in sorted(masks)}
    grid = next(iter(found.values())).shape
    count = len(_array(source, "rt", 2))
    if int(np.prod(grid)) != count:
        raise BrainvisError(
            "masks do not fit the voxels", file=source.filename, field="roi",
            found=f"{grid} for {count} voxels",
        )  # fmt: skip
    names = np.full(len(kept), "", object)
    for key, mask in found.items():
        names[(mask.ravel()[kept] > 0) & (names == "")] = key
    k, j, i = np.unravel_index(kept, grid)
    return pd.DataFrame({"i": i, "j": j, "k": k, "roi": names.tolist(), "column": kept})
