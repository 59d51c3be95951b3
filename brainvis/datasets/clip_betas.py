"""Short clips shown apart, one response each: Algonauts 2021 and BOLD Moments (Lahner et al. 2024).

Algonauts 2021::

    AlgonautsVideos268_All_30fpsmax/0001_....mp4 .. 1102_....mp4
    participants_data_v2021/mini_track/sub01/V1.pkl ...    {"train": (1000, 3, voxels)}
    participants_data_v2021/full_track/sub01/WB.pkl        the same and voxel_mask

Responses to clips 1001 to 1102 were never published, so the split "published" is that of the
organisers' own code: the first 900 of the 1,000 clips train, the last 100 are held out.

BOLD Moments (OpenNeuro ds005165)::

    derivatives/versionB/MNI152/GLM/sub-01/prepared_betas/
        sub-01_organized_betas_task-train_normalized.pkl   (betas (1000, 3, v), names, ...)
        sub-01_organized_betas_task-test_normalized.pkl    (betas (102, 10, v), names, ...)
    stimuli/**/vid0001.mp4, or 0001.mp4      (assumed; the films come by a form of their own)

Both publish pickles, which run code when they are opened; brainvis opens none. `CONVERT` below, in
every error about it, makes a file of arrays beside each: .npz with `train` (and voxel_mask), or
with `betas` and `stimuli`; an .h5 with the same names is read block by block.

`MovieResponses` then holds one volume per clip (bold and betas alike) in a segment of its own, so
that a window around a clip is that clip's response and never a neighbour's.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from tqdm import tqdm

from brainvis.containers import MEASURED
from brainvis.datasets import splits as split_files
from brainvis.datasets.movie_moments import Moments, Repeats
from brainvis.datasets.movie_series import write_clips
from brainvis.datasets.splits import Fold
from brainvis.datasets.video_files import windows
from brainvis.errors import BrainvisError
from brainvis.movies import write_movie_responses

ALGONAUTS, BOLD_MOMENTS, SECONDS = "algonauts2021", "bold_moments", 3.0
TRAIN, HELD_OUT = 1000, 100
CONVERT = {
    ALGONAUTS: "convert it once, if you trust it: python -c \"import pickle, sys, numpy; "
    "d = pickle.load(open(sys.argv[1], 'rb')); keys = {'train', 'voxel_mask'} & set(d); "
    "numpy.savez(sys.argv[1][:-4], **{k: d[k] for k in keys})\" FILE.pkl",
    BOLD_MOMENTS: "convert it once, if you trust it: python -c \"import pickle, sys, numpy; "
    "d = pickle.load(open(sys.argv[1], 'rb')); numpy.savez(sys.argv[1][:-4], betas=d[0], "
    "stimuli=numpy.array([str(s) for s in d[1]]))\" FILE.pkl",
}  # fmt: skip
_BLOCK = 4096  # voxels at a time


def import_algonauts(
    folder: Path, stimuli: Path, responses: Path, splits: Path, *, subject: str, size: int = 64,
    frames: int = 24, variable: bool = False, track: str = "mini_track", train: int = TRAIN,
    held_out: int = HELD_OUT,
) -> None:  # fmt: skip
    """Bring clips and converted responses of one subject ("01" to "10") into brainvis files.

    Parameters
    ----------
    folder : Path
        See the module.
    stimuli, responses, splits : Path
        `Stimuli`, `MovieResponses` and splits file (split "published").
    size, frames : int
        Side of frames in pixels, and frames of a clip of 3 s.
    variable : bool
        Sample films of a variable rate by their timestamps (else refused).
    track : {"mini_track", "full_track"}
        Regions, or the whole brain.
    train, held_out : int
        Clips with responses, and the last of them that are held out.

    Raises
    ------
    BrainvisError
        Pickles that were not converted; files that are absent, damaged or of another layout;
        responses and clips of different number; see `video_files.windows`.
    """
    films = sorted((folder / "AlgonautsVideos268_All_30fpsmax").glob("*.mp4"))[:train]
    if len(films) < train:
        raise BrainvisError(
            "lacks clips", file=folder / "AlgonautsVideos268_All_30fpsmax",
            found=f"{len(films)} of {train} .mp4 files", remedy="unpack the challenge's archive",
        )  # fmt: skip
    below = folder / "participants_data_v2021" / track / f"sub{subject}"
    sources, tables = [], []
    for path in _files(below, ALGONAUTS):
        values = _arrays(path, ("train",))
        sources.append([values["train"]])
        tables.append(_region(path, values["train"].shape[-1], values.get("voxel_mask")))
    ids = [path.stem for path in films]
    count = len(ids) - held_out
    _write(
        (stimuli, responses, splits), ALGONAUTS, subject, films, [ids[:count], ids[count:]],
        sources, pd.concat(tables, ignore_index=True), {"size": size, "frames": frames},
        variable=variable,
    )  # fmt: skip


def import_bold_moments(
    folder: Path, stimuli: Path, responses: Path, splits: Path, *, subject: str, size: int = 64,
    frames: int = 24, variable: bool = False,
) -> None:  # fmt: skip
    """Bring clips and converted betas of one subject ("01" to "10") into brainvis files.

    Parameters and errors as in `import_algonauts`; the split "published" has the 1,000 training
    and 102 test clips.
    """
    below = folder / "derivatives/versionB/MNI152/GLM" / f"sub-{subject}" / "prepared_betas"
    betas, names = [], []
    for task in ("train", "test"):
        stem = f"sub-{subject}_organized_betas_task-{task}_normalized"
        path = _files(below, BOLD_MOMENTS, stem)[0]
        values = _arrays(path, ("betas", "stimuli"))
        betas.append(values["betas"])
        names.append([n.decode() if isinstance(n, bytes) else str(n) for n in values["stimuli"][:]])
    held = {path.stem: path for path in sorted((folder / "stimuli").rglob("*.mp4"))}
    films = [held.get(n) or held.get(n.removeprefix("vid")) for part in names for n in part]
    missing = [n for n, film in zip([*names[0], *names[1]], films, strict=True) if film is None]
    if missing:
        raise BrainvisError(
            "lacks the film of a clip", file=folder / "stimuli", found=f"no {missing[0]}.mp4",
            remedy="ask for the films at boldmomentsdataset.csail.mit.edu and unpack them there",
        )  # fmt: skip
    voxels = pd.DataFrame({"i": -1, "j": -1, "k": -1, "roi": ""}, range(betas[0].shape[-1]))
    _write(
        (stimuli, responses, splits), BOLD_MOMENTS, subject, [film for film in films if film],
        names, [betas], voxels, {"size": size, "frames": frames}, variable=variable,
    )  # fmt: skip


def _files(folder: Path, dataset: str, stem: str = "*") -> list[Path]:
    """Converted files, .h5 before .npz; refuses a pickle that has none beside it."""
    found = {path.stem: path for kind in (".npz", ".h5") for path in folder.glob(stem + kind)}
    pickles = [path for path in sorted(folder.glob(f"{stem}.pkl")) if path.stem not in found]
    if pickles:
        raise BrainvisError(
            "is a pickle, which runs code when it is opened", file=pickles[0],
            remedy=CONVERT[dataset],
        )  # fmt: skip
    if not found:
        raise BrainvisError(
            "no such file", file=folder / f"{stem}.npz",
            remedy=f"obtain the pickles, then {CONVERT[dataset]}",
        )  # fmt: skip
    return [found[name] for name in sorted(found)]


def _arrays(path: Path, names: Sequence[str]) -> dict:
    """Arrays of a converted file; those of an .h5 stay on disk."""
    held: dict
    try:
        if path.suffix == ".h5":
            held = dict(h5py.File(path, "r"))
        else:
            with np.load(path, allow_pickle=False) as source:
                held = {name: source[name] for name in source.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise BrainvisError("cannot be read as arrays", file=path, found=error) from error
    if missing := [name for name in names if name not in held]:
        raise BrainvisError("lacks an array", file=path, field=missing[0], found=sorted(held))
    if held[names[0]].ndim != 3:
        raise BrainvisError(
            "needs (clips, repeats, voxels)", file=path, field=names[0], found=held[names[0]].shape
        )
    return held


def _region(path: Path, count: int, mask: np.ndarray | None) -> pd.DataFrame:
    """Voxel table of a region's file; indices where a mask of the brain says them."""
    table = pd.DataFrame({"i": -1, "j": -1, "k": -1, "roi": path.stem}, range(count))
    if mask is not None:
        places = np.argwhere(np.asarray(mask) > 0)
        if len(places) != count:
            raise BrainvisError(
                "mask does not fit the voxels", file=path, field="voxel_mask",
                found=f"{len(places)} for {count} voxels",
            )  # fmt: skip
        table[["i", "j", "k"]] = places
    return table


def _write(
    outputs: tuple[Path, Path, Path], dataset: str, subject: str, films: Sequence[Path],
    sides: list[list[str]], sources: list[list], voxels: pd.DataFrame, picture: dict, *,
    variable: bool,
) -> None:  # fmt: skip
    """Write all three files; `sources` has, per group of voxels, arrays that hold all clips."""
    ids = [*sides[0], *sides[1]]
    for arrays in sources:
        if sum(len(a) for a in arrays) != len(ids) or len({a.shape[-1] for a in arrays}) > 1:
            raise BrainvisError(
                "fMRI and stimulus differ in length", field="betas",
                found=f"{[tuple(a.shape) for a in arrays]} for {len(ids)} clips",
            )  # fmt: skip
    split = split_files.checked([Fold(*sides)], np.array(ids))
    stimuli, responses, splits = outputs
    options = {"seconds": SECONDS, "count": 1, "variable": variable, **picture}
    shown = (next(windows(film, **options)) for film in films)
    cut = write_clips(stimuli, shown, ids, segments=ids, seconds=SECONDS, dataset=dataset)
    made = [_scaled(arrays, len(sides[0])) for arrays in sources]
    betas = np.concatenate([one[0] for one in made], axis=1)
    for column, place in (("noise_ceiling", 1), ("test_noise_ceiling", 2)):
        if all(one[place] is not None for one in made):
            voxels[column] = np.concatenate([np.asarray(one[place]) for one in made])
    repeats = np.concatenate([[a.shape[1]] * len(a) for a in sources[0]]).astype(np.int32)
    rows = np.arange(len(ids))
    shared = {"segment": ids, "stimulus_id": ids}
    volumes = {"volume": np.int32(0), "seconds": 0.0, "cut": cut, "repeats": repeats}
    times = {"onset": 0.0, "duration": SECONDS, "row": rows}
    write_movie_responses(
        responses, betas, betas, volumes=pd.DataFrame({**shared, **volumes}),
        clips=pd.DataFrame({**shared, **times}), voxels=voxels, dataset=dataset, subject=subject,
        kind=MEASURED, tr=SECONDS, units="z-score over training clips",
    )  # fmt: skip
    split_files.write(splits, {"published": split})


def _scaled(arrays: list, train: int) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """Mean responses (clips, v) z-scored by training clips, ceilings of both sides."""
    blocks, ceilings = [], ([], [])
    width = arrays[0].shape[-1]
    for first in tqdm(range(0, width, _BLOCK), disable=None, desc="voxels"):
        means, known, repeats = [], Moments(), (Repeats(), Repeats())
        for values in _sides(arrays, train, slice(first, first + _BLOCK)):
            if not np.isfinite(values).all():
                raise BrainvisError("holds values that are not finite", field="betas")
            side = min(len(means), 1)
            means.append(repeats[side].average(iter(values.transpose(1, 0, 2)))[0])
        known.add(means[0])
        blocks.append(np.concatenate([known.scaled(part) for part in means]))
        for found, one in zip(ceilings, repeats, strict=True):
            found.append(one.ceiling())
    joined = [None if c[0] is None else np.concatenate(c) for c in ceilings]
    return np.concatenate(blocks, axis=1), joined[0], joined[1]


def _sides(arrays: list, train: int, block: slice) -> list[np.ndarray]:
    """Training and test responses, (clips, repeats, v), from one array or one of each."""
    read = [np.asarray(a[:, :, block], dtype=np.float32) for a in arrays]
    return read if len(read) == 2 else [read[0][:train], read[0][train:]]
