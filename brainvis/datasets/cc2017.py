"""cc2017 (Wen et al. 2018, Cereb Cortex 28) in the arrays of MinD-Video (2305.11675).

Folder, as in the public code::

    video_train_256_3hz.npy   (18, 240, 6, 256, 256, 3) uint8: segments, clips of 2 s, frames
    video_test_256_3hz.npy    (5, 240, 6, 256, 256, 3)
    fmri_train_subject1.npy   (18, 240, voxels), one volume (TR 2 s) per clip; subjects 1 to 3
    fmri_test_subject1.npy    (5, 240, voxels)

Assumed, because the files do not say: volume i begins with clip i of its segment (no shift for the
haemodynamic delay: windows and the clip responses' model see to it), and repeats were averaged. So
there is no noise ceiling, and no voxel has a place. Public code scales test responses by their own
mean and deviation; here training volumes' are used for both.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from brainvis.datasets import splits as split_files
from brainvis.datasets.movie_series import Segment, published_split, write_clips, write_series
from brainvis.errors import BrainvisError

NAME, TR = "cc2017", 2.0
OBTAIN = "obtain it as MinD-Video's README describes"
_PARTS = (("train", "seg", True), ("test", "test", False))


def import_arrays(
    folder: Path, stimuli: Path, responses: Path, splits: Path, *, subject: str, size: int = 64
) -> None:
    """Bring the arrays of one subject into brainvis files.

    Parameters
    ----------
    folder : Path
        See the module.
    stimuli, responses, splits : Path
        `Stimuli`, `MovieResponses` and splits file (split "published": 18 segments against 5).
    subject : str
        "1" to "3".
    size : int
        Side of frames in pixels; a clip keeps its 6 frames.

    Raises
    ------
    BrainvisError
        A file is absent, no array of the layout above, or fMRI and video differ in length.
    """
    films = {p: load(folder / f"video_{p}_256_3hz.npy", 6) for p, *_ in _PARTS}
    scans = {p: load(folder / f"fmri_{p}_subject{subject}.npy", 3) for p, *_ in _PARTS}
    _check(folder, films, scans, subject)
    segments = [
        Segment(f"{label}{number + 1:02d}", training, scans[part].shape[1])
        for part, label, training in _PARTS
        for number in range(len(scans[part]))
    ]
    series = {
        f"{label}{number + 1:02d}": scan
        for part, label, _ in _PARTS
        for number, scan in enumerate(scans[part])
    }
    ids = [name for segment in segments for name in segment.ids]
    names = [segment.name for segment in segments for _ in segment.ids]
    shown = (resized(clip, size) for part, *_ in _PARTS for film in films[part] for clip in film)
    cut = write_clips(stimuli, shown, ids, segments=names, seconds=TR, dataset=NAME)
    voxels = pd.DataFrame({"i": -1, "j": -1, "k": -1, "roi": ""}, range(scans["train"].shape[2]))
    write_series(
        responses, segments, lambda one: _pass(series[one.name]), voxels=voxels, cut=cut, tr=TR,
        dataset=NAME, subject=subject, units="z-score over training volumes",
        source="arrays of MinD-Video",
    )  # fmt: skip
    split_files.write(splits, {"published": published_split(segments)})


def load(path: Path, dimensions: int) -> np.ndarray:
    """An array on disk, read where it is looked at; never a pickle.

    Raises
    ------
    BrainvisError
        Absent, damaged, of objects, or of another number of dimensions.
    """
    if not path.is_file():
        raise BrainvisError("no such file", file=path, remedy=OBTAIN)
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise BrainvisError(
            "cannot be read as an array", file=path, found=error, remedy=OBTAIN
        ) from error
    if not isinstance(found, np.ndarray) or found.ndim != dimensions:
        shape = getattr(found, "shape", type(found).__name__)
        raise BrainvisError(f"needs {dimensions} dimensions", file=path, found=shape)
    return found


def resized(clip: np.ndarray, size: int) -> np.ndarray:
    """Frames (t, height, width, 3) uint8 scaled to a square of `size`."""
    import cv2

    if clip.shape[1:3] == (size, size):
        return np.asarray(clip)
    side = (size, size)
    return np.stack([cv2.resize(frame, side, interpolation=cv2.INTER_AREA) for frame in clip])


def _pass(scan: np.ndarray) -> Iterator[np.ndarray]:
    yield np.asarray(scan, dtype=np.float32)


def _check(folder: Path, films: dict, scans: dict, subject: str) -> None:
    for part, film in films.items():
        path, scan = folder / f"video_{part}_256_3hz.npy", scans[part]
        if film.dtype != np.uint8 or film.shape[-1] != 3:
            raise BrainvisError(
                "needs uint8 frames with 3 colours last", file=path,
                found=f"{film.dtype} {film.shape}",
            )  # fmt: skip
        if film.shape[:2] != scan.shape[:2]:
            raise BrainvisError(
                "fMRI and stimulus differ in length", file=folder / f"fmri_{part}_subject{subject}",
                found=f"{scan.shape[:2]} volumes, {film.shape[:2]} clips",
            )  # fmt: skip
    widths = [scan.shape[2] for scan in scans.values()]
    if len(set(widths)) > 1:
        raise BrainvisError(
            "training and test volumes have different voxels", file=folder, found=widths
        )
