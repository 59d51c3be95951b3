"""cc2017 as distributed by Purdue (Wen et al. 2018, Cereb Cortex 28): CIFTI series and films.

Folder, as unpacked (or with these parts directly below it)::

    Stimuli/video_fmri_dataset/stimuli/seg1.mp4 .. seg18.mp4, test1.mp4 .. test5.mp4
    Subject01/video_fmri_dataset/subject1/fmri/seg1/cifti/seg1_1_Atlas.dtseries.nii, seg1_2_...
    Subject01/video_fmri_dataset/subject1/fmri/test1/cifti/test1_1_Atlas.dtseries.nii, .. _10_...

Runs are 8 minutes at a TR of 2 s. As the authors' scripts do, the first volume is left out for
training segments and test1, the first two for test2 to test5, then 240 volumes are kept. Series of
both hemispheres' cortex (the first 59,412 grayordinates) are turned into percent of each run's
mean, a polynomial of degree 4 is taken out of each run, passes (2 of training segments, 10 of test
segments) are averaged. Runs that are absent (test2 of subject 3 lacks one) lower the number of
passes, which the table of volumes states.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from nibabel.filebasedimages import ImageFileError

from brainvis.datasets import splits as split_files
from brainvis.datasets.cc2017 import NAME, TR
from brainvis.datasets.movie_series import Segment, published_split, write_clips, write_series
from brainvis.datasets.video_files import windows
from brainvis.errors import BrainvisError

SEGMENTS, TESTS, VOLUMES, DEGREE = 18, 5, 240, 4
CORTEX = ("CIFTI_STRUCTURE_CORTEX_LEFT", "CIFTI_STRUCTURE_CORTEX_RIGHT")
OBTAIN = "unpack the Purdue archives (purr.purdue.edu, publication 2809)"


def skipped(name: str) -> int:
    """Volumes before the film begins in runs of a segment ("seg1", "test2")."""
    return 1 if name.startswith("seg") or name == "test1" else 2


def import_cifti(
    folder: Path, stimuli: Path, responses: Path, splits: Path, *, subject: str, size: int = 64,
    frames: int = 16, variable: bool = False, segments: int = SEGMENTS, tests: int = TESTS,
    volumes: int = VOLUMES,
) -> None:  # fmt: skip
    """Bring films and series of one subject into brainvis files.

    Parameters
    ----------
    folder : Path
        See the module.
    stimuli, responses, splits : Path
        `Stimuli`, `MovieResponses` and splits file (split "published": segments against tests).
    subject : str
        "1" to "3".
    size, frames : int
        Side of frames in pixels, and frames of a clip of 2 s.
    variable : bool
        Sample films of a variable rate by their timestamps (else refused).
    segments, tests, volumes : int
        Of the data set.

    Raises
    ------
    BrainvisError
        Films or runs that are absent, unreadable, too short, or of another TR or other
        grayordinates; see `video_files.windows`.
    """
    films = _below(folder, ("Stimuli/video_fmri_dataset/stimuli", "stimuli"))
    scans = _below(
        folder,
        (f"Subject{int(subject):02d}/video_fmri_dataset/subject{subject}", f"subject{subject}"),
    )
    names = [f"seg{n + 1}" for n in range(segments)] + [f"test{n + 1}" for n in range(tests)]
    runs = {name: _runs(scans / "fmri" / name / "cifti", name) for name in names}
    parts = [Segment(name, name.startswith("seg"), volumes) for name in names]
    voxels = cortex(runs[names[0]][0])
    ids = [identifier for part in parts for identifier in part.ids]
    options = {"seconds": TR, "frames": frames, "size": size, "variable": variable}
    shown = (
        clip for name in names for clip in windows(films / f"{name}.mp4", count=volumes, **options)
    )
    labels = [part.name for part in parts for _ in part.ids]
    cut = write_clips(stimuli, shown, ids, segments=labels, seconds=TR, dataset=NAME)
    write_series(
        responses, parts, lambda part: _passes(runs[part.name], part, voxels), voxels=voxels,
        cut=cut, tr=TR, dataset=NAME, subject=subject, detrend=DEGREE,
        units="z-score over training volumes", source="CIFTI of Purdue",
    )  # fmt: skip
    split_files.write(splits, {"published": published_split(parts)})


def _below(folder: Path, places: tuple[str, ...]) -> Path:
    found = [folder / place for place in places if (folder / place).is_dir()]
    if not found:
        raise BrainvisError("no such folder", file=folder / places[0], remedy=OBTAIN)
    return found[0]


def _runs(folder: Path, name: str) -> list[Path]:
    """Runs of a segment by their number."""
    pattern = re.compile(rf"{name}_(\d+)_Atlas\.dtseries\.nii")
    found = {p: pattern.fullmatch(p.name) for p in folder.glob("*.nii")}
    numbered = {int(match[1]): path for path, match in found.items() if match}
    if not numbered:
        wanted = folder / f"{name}_1_Atlas.dtseries.nii"
        raise BrainvisError("no such file", file=wanted, remedy=OBTAIN)
    return [numbered[number] for number in sorted(numbered)]


def _open(path: Path) -> nib.Cifti2Image:
    try:
        image = nib.load(path)
    except (ImageFileError, OSError, ValueError) as error:
        raise BrainvisError("cannot be read as CIFTI", file=path, found=error) from error
    if not isinstance(image, nib.Cifti2Image):
        raise BrainvisError("is not CIFTI-2", file=path, found=type(image).__name__)
    step = getattr(image.header.get_axis(0), "step", None)
    if step is None or abs(step - TR) > 1e-3:
        raise BrainvisError(f"needs a series with a TR of {TR} s", file=path, found=step)
    return image


def cortex(path: Path) -> pd.DataFrame:
    """Table of a run's cortical grayordinates: hemisphere, vertex and place in the file.

    Raises
    ------
    BrainvisError
        No CIFTI series, or none of cortex before anything else.
    """
    tables, first = [], 0
    for name, part, axis in _open(path).header.get_axis(1).iter_structures():
        if name in CORTEX:
            rows = np.arange(part.start, part.start + len(axis))
            sides = {"hemisphere": name[-5:].strip("_").lower(), "vertex": axis.vertex}
            tables.append(pd.DataFrame({"i": -1, "j": -1, "k": -1, "roi": "", **sides}, rows))
            first += len(axis)
    if not tables or tables[-1].index[-1] + 1 != first:
        raise BrainvisError(
            "needs the cortex of both hemispheres first", file=path, found=f"{first} grayordinates"
        )
    return pd.concat(tables).rename_axis("grayordinate").reset_index()


def _passes(paths: list[Path], part: Segment, voxels: pd.DataFrame) -> Iterator[np.ndarray]:
    for path in paths:
        image, start = _open(path), skipped(part.name)
        if image.shape[0] < start + part.volumes:
            raise BrainvisError(
                "fMRI and stimulus differ in length", file=path, found=f"{image.shape[0]} volumes",
                remedy=f"{start} to leave out and {part.volumes} of the film are needed",
            )  # fmt: skip
        if image.shape[1] < len(voxels) or not cortex(path).equals(voxels):
            raise BrainvisError("has other grayordinates than the first run", file=path)
        yield np.asarray(image.dataobj[start : start + part.volumes, : len(voxels)], np.float32)
