"""Handwritten 6s and 9s seen by one person at 3 T (van Gerven, de Lange & Heskes 2010).

Neural Computation 22, 3127-3142. Two MATLAB files hold the data: ``69dataset2.mat`` (100 stimuli,
their responses in V1 to V3, masks, and 2,000 further digits that were not shown) and
``digit69_28x28.mat`` (the same trials as the 90/10 split that papers report on). Images are stored
column-major, and so is the order of voxels over the ``primary`` mask.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.io import loadmat

from brainvis.artifacts.files import sha256
from brainvis.containers import MEASURED, write_responses, write_stimuli
from brainvis.datasets import splits as split_files
from brainvis.datasets.splits import Fold
from brainvis.errors import BrainvisError

NAME = "vangerven_digits"
TRIALS = "69dataset2.mat"
SPLIT = "digit69_28x28.mat"
SHA256 = {
    TRIALS: "1544e704114bab975b69e9a0921362cc4104f8e4a902e8d572a70a4418c73dd3",
    SPLIT: "44513e09ad2398566aedd550088b817a3c0bf9cd7873f87078ecd7fdf170b22d",
}
OBTAIN = (
    "request collection DSC_2018.00112_485 of the Donders repository (data use agreement) and put "
    f"{TRIALS} and {SPLIT} into this folder"
)
_GRID = (110, 110, 37)
_CONTENT: dict[str, dict[str, tuple[tuple[int, ...], str]]] = {  # shape and NumPy kinds allowed
    TRIALS: {
        "X": ((100, 784), "u"),
        "X_prior": ((2000, 784), "u"),
        "Y": ((100, 3092), "f"),
        "stimulus_label": ((100, 1), "u"),
        "region_of_interest_mask": ((1, 13), "O"),
        "region_of_interest_label": ((1, 13), "O"),
    },
    SPLIT: {"stimTest": ((10, 784), "u")},
}
_CATEGORIES = {1: ("six", "6"), 2: ("nine", "9")}


class Digits(NamedTuple):
    """Contents of ``69dataset2.mat``.

    Attributes
    ----------
    images : ndarray, (100, 28, 28) uint8
        Upright grey images in trial order.
    prior : ndarray, (2000, 28, 28) uint8
        Upright images of further 6s and 9s, none of which was shown.
    betas : ndarray, (100, 3092) float32
        One response per image, in the file's own arbitrary unit (not z-scored).
    categories, ids : ndarray, (100,) str
        "six" or "nine"; "digit6-000" to "digit9-049".
    voxels : DataFrame, 3092 rows
        i, j, k, roi ("V1d", ..., or ""), hemisphere ("lh", "rh" or "").
    """

    images: np.ndarray
    prior: np.ndarray
    betas: np.ndarray
    categories: np.ndarray
    ids: np.ndarray
    voxels: pd.DataFrame


def import_digits(
    folder: Path,
    stimuli: Path,
    responses: Path,
    splits: Path | None = None,
    prior: Path | None = None,
) -> None:
    """Bring the digits into brainvis files.

    Parameters
    ----------
    folder : Path
        Where the two ``.mat`` files lie.
    stimuli : Path
        `Stimuli` file to write, 100 images of 28 x 28, grey in all three channels.
    responses : Path
        `Responses` file to write, subject "01", 100 trials x 3,092 voxels. The data come without
        an affine: the one written is the identity, that is, positions are grid indices.
    splits : Path, optional
        Splits file to write, with the published 90/10 split as "published".
    prior : Path, optional
        `Stimuli` file to write with the 2,000 digits that nobody saw (see `extra_images`).

    Raises
    ------
    BrainvisError
        A file is absent, differs from the one known by checksum, or holds something else.
    """
    digits = read_digits(folder)
    table = pd.DataFrame({"stimulus_id": digits.ids, "category": digits.categories})
    write_stimuli(stimuli, _rgb(digits.images), table, dataset=NAME, kind=MEASURED)
    trials = pd.DataFrame({"stimulus_id": digits.ids, "run": 0, "repeat": 0})
    write_responses(
        responses,
        digits.betas,
        trials,
        digits.voxels,
        dataset=NAME,
        kind=MEASURED,
        subject="01",
        units="arbitrary",
        affine=np.eye(4),
        grid=np.array(_GRID),
    )
    if splits is not None:
        split_files.write(splits, {"published": [published_split(folder, digits)]})
    if prior is not None:
        extra_images(folder, prior, digits)


def extra_images(folder: Path, out: Path, digits: Digits | None = None) -> None:
    """Write the 2,000 digits that were not shown as a `Stimuli` file, the image prior.

    Raises
    ------
    BrainvisError
        See `import_digits`; also when one of them equals a stimulus.
    """
    digits = digits or read_digits(folder)
    shown = {image.tobytes() for image in digits.images}
    if overlap := sum(image.tobytes() in shown for image in digits.prior):
        raise BrainvisError(
            "holds images that were shown", file=folder / TRIALS, field="X_prior", found=overlap
        )
    ids = [f"prior-{number:04d}" for number in range(len(digits.prior))]
    table = pd.DataFrame({"stimulus_id": ids, "category": "six or nine"})
    write_stimuli(out, _rgb(digits.prior), table, dataset=NAME, kind=MEASURED)


def published_split(folder: Path, digits: Digits | None = None) -> Fold:
    """The 90/10 split of ``digit69_28x28.mat``, found by matching its test images to stimuli.

    Raises
    ------
    BrainvisError
        See `import_digits`; also when a test image matches no stimulus or several.
    """
    digits = digits or read_digits(folder)
    test_images = _upright(_checked_mat(folder, SPLIT)["stimTest"])
    equal = (test_images[:, None] == digits.images[None]).all(axis=(2, 3))  # (10, 100)
    if not (equal.sum(axis=1) == 1).all():
        raise BrainvisError(
            "does not match the stimuli one to one",
            file=folder / SPLIT,
            field="stimTest",
            found=f"{equal.sum(axis=1).tolist()} matches",
            remedy=OBTAIN,
        )
    held_out = equal.any(axis=0)
    return Fold(digits.ids[~held_out].tolist(), digits.ids[held_out].tolist())


def read_digits(folder: Path) -> Digits:
    """Check and read ``69dataset2.mat``.

    Raises
    ------
    BrainvisError
        See `import_digits`.
    """
    content = _checked_mat(folder, TRIALS)
    labels = content["stimulus_label"].ravel()
    if not np.isin(labels, list(_CATEGORIES)).all():
        raise BrainvisError(
            "holds unknown classes",
            file=folder / TRIALS,
            field="stimulus_label",
            found=np.unique(labels).tolist(),
        )
    within = np.array([np.sum(labels[:row] == label) for row, label in enumerate(labels)])
    return Digits(
        images=_upright(content["X"]),
        prior=_upright(content["X_prior"]),
        betas=content["Y"].astype(np.float32),
        categories=np.array([_CATEGORIES[label][0] for label in labels]),
        ids=np.array(
            [f"digit{_CATEGORIES[c][1]}-{n:03d}" for c, n in zip(labels, within, strict=True)]
        ),
        voxels=_voxel_table(content, folder / TRIALS),
    )


def _checked_mat(folder: Path, name: str) -> dict[str, np.ndarray]:
    path = folder / name
    if not path.is_file():
        raise BrainvisError("no such file", file=path, remedy=OBTAIN)
    if (found := sha256(path)) != SHA256[name]:
        raise BrainvisError(
            "is not the known file: truncated, altered or another version",
            file=path,
            field="sha256",
            found=f"{found}, not {SHA256[name]}",
            remedy=OBTAIN,
        )
    return read_mat(path, _CONTENT[name])


def read_mat(path: Path, content: dict[str, tuple[tuple[int, ...], str]]) -> dict[str, np.ndarray]:
    """Read named arrays of a MATLAB 5 file, each of one shape and kind of number.

    Parameters
    ----------
    path : Path
        File to read; the parser knows numbers, text and cells, and executes nothing.
    content : dict
        Variable name -> (shape, NumPy kind codes allowed, such as "uf"; "O" is a cell array).

    Raises
    ------
    BrainvisError
        Unreadable, or a variable is missing, of another shape or kind, or not finite.
    """
    try:
        found = loadmat(path, variable_names=list(content), appendmat=False)
    except Exception as error:  # the parser of scipy fails in many ways on damaged files
        raise BrainvisError(
            "cannot be read as a MATLAB 5 file", file=path, found=error, remedy=OBTAIN
        ) from error
    for name, (shape, kinds) in content.items():
        array = found.get(name)
        said = None if array is None else f"{array.dtype} {array.shape}"
        if array is None or array.shape != shape or array.dtype.kind not in kinds:
            raise BrainvisError(
                f"needs shape {shape} and kind {kinds!r}",
                file=path,
                field=name,
                found=said or "nothing",
                remedy=OBTAIN,
            )
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise BrainvisError("holds numbers that are not finite", file=path, field=name)
    return {name: found[name] for name in content}


def _voxel_table(content: dict[str, np.ndarray], path: Path) -> pd.DataFrame:
    """Grid index, ROI and hemisphere of each column of Y.

    161 voxels on borders lie in two masks; they take the later one of the file.
    """
    names = [str(np.squeeze(label)) for label in content["region_of_interest_label"].ravel()]
    masks = [np.asarray(mask) for mask in content["region_of_interest_mask"].ravel()]
    wrong = [mask.shape for mask in masks if mask.shape != _GRID]
    if wrong or names[0] != "primary.nii" or np.count_nonzero(masks[0]) != content["Y"].shape[1]:
        raise BrainvisError(
            f"needs masks on the grid {_GRID}, first 'primary.nii' with one voxel per column of Y",
            file=path,
            field="region_of_interest_mask",
            found=f"{names[0]!r}, {np.count_nonzero(masks[0])} voxels, {len(wrong)} on other grids",
            remedy=OBTAIN,
        )
    voxels = np.argwhere(masks[0].T)[:, ::-1]  # column-major: i varies fastest
    roi, hemisphere = np.full(len(voxels), "", "U8"), np.full(len(voxels), "", "U2")
    for name, mask in zip(names[1:], masks[1:], strict=True):
        inside = mask[tuple(voxels.T)] > 0
        side, area, *_ = name.split(".")
        roi[inside], hemisphere[inside] = area, side
    i, j, k = voxels.T
    return pd.DataFrame({"i": i, "j": j, "k": k, "roi": roi, "hemisphere": hemisphere})


def _upright(rows: np.ndarray) -> np.ndarray:
    """(n, 784) column-major -> (n, 28, 28)."""
    return np.ascontiguousarray(rows.reshape(-1, 28, 28).transpose(0, 2, 1))


def _rgb(grey: np.ndarray) -> np.ndarray:
    """(n, h, w) -> (n, h, w, 3)."""
    return np.repeat(grey[..., None], 3, axis=-1)
