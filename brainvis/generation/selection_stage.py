"""Choice among generated samples by predicted brain responses, file to file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from brainvis.artifacts import hdf5
from brainvis.containers import Reconstructions, Responses
from brainvis.datasets.splits import Fold
from brainvis.errors import BrainvisError
from brainvis.generation.batches import fold_numbers
from brainvis.generation.selection import choose

_PLACE = ["i", "j", "k"]


def select_images(
    samples: Sequence[Path],
    predicted: Sequence[Path],
    responses: Path,
    split: Sequence[Fold],
    out: Path,
    *,
    name: str | None = None,
    weighted: bool = True,
) -> None:
    """Keep the sample of each stimulus whose predicted response is most like the measured one.

    Responses are standardised per voxel by the training stimuli of each fold. The stimuli
    themselves are not read. The file is a `Reconstructions` file with ``/sample`` (n,) int, the
    sample kept, and ``/scores`` (k, n) float32, the correlations, besides.

    Parameters
    ----------
    samples : sequence of Path
        `Reconstructions` files of the same stimuli, from `stage.generate_images`.
    predicted : sequence of Path
        For each of them a `Responses` file of what an encoder predicts to its images.
    responses : Path
        Measured `Responses` of the same subject.
    split : sequence of Fold
        The split that the samples were decoded by.
    out : Path
        File to write.
    name : str, optional
        What the file calls the method; that of the samples by default.
    weighted : bool
        Weigh voxels by their noise ceiling, where the responses have one.

    Raises
    ------
    BrainvisError
        Files that do not belong together; see `selection.choose`.
    """
    if not samples or len(samples) != len(predicted):
        raise BrainvisError(
            "needs samples, and one file of predicted responses for each",
            field="predicted",
            found=f"{len(predicted)} for {len(samples)} samples",
        )
    made, measured = [Reconstructions.open(one) for one in samples], Responses.open(responses)
    ids = made[0].ids
    for one in made[1:]:
        if not np.array_equal(one.ids, ids):
            raise BrainvisError(f"holds other stimuli than {made[0].path}", file=one.path)
    expected = [_expected(path, measured, ids) for path in predicted]
    folds = fold_numbers(ids, split, made[0].path)
    weights = _ceilings(measured) if weighted and "noise_ceiling" in measured.voxels else None
    chosen, scores = np.zeros(len(ids), int), np.zeros((len(made), len(ids)), np.float32)
    for number in np.unique(folds):
        rows = np.flatnonzero(folds == number)
        mean, std = _moments(measured, split[number])
        given = np.stack([(one[rows] - mean) / std for one in expected])  # (k, n, v)
        answer = (measured.averaged(ids[rows]) - mean) / std
        chosen[rows], scores[:, rows] = choose(given, answer, weights)
    images = np.stack([made[k].images(np.array([row]))[0] for row, k in enumerate(chosen)])
    attributes = {key: value for key, value in made[0].attributes.items() if key != "complete"}
    attributes |= {"samples": len(made), **({} if name is None else {"method": name})}
    attributes.pop("sample", None)
    with hdf5.create(out, attributes) as file:
        hdf5.put(file, "ids", ids)
        hdf5.put(file, "fold", folds.astype(np.int32))
        hdf5.put(file, "images", images, compress=True)
        hdf5.put(file, "sample", chosen.astype(np.int32))
        hdf5.put(file, "scores", scores)


def _expected(path: Path, measured: Responses, ids: np.ndarray) -> np.ndarray:
    """Predicted responses (n, v), checked to be of the measured subject and voxels."""
    given = Responses.open(path)
    same = given.subject == measured.subject and len(given.voxels) == len(measured.voxels)
    if not same or not np.array_equal(given.voxels[_PLACE], measured.voxels[_PLACE]):
        raise BrainvisError(
            f"predicts other voxels than those measured in {measured.path}, "
            f"{len(measured.voxels)} of subject {measured.subject}",
            file=path,
            field="voxels",
            found=f"{len(given.voxels)} of subject {given.subject}",
        )
    return given.averaged(ids)


def _ceilings(measured: Responses) -> np.ndarray:
    """Noise ceilings as weights, (v,); voxels without one count nothing."""
    return np.clip(np.nan_to_num(measured.voxels["noise_ceiling"].to_numpy(float)), 0, None)


def _moments(measured: Responses, fold: Fold) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each voxel over training stimuli; 1 where it is constant."""
    train = measured.averaged(np.array(fold.train))
    std = train.std(axis=0)
    return train.mean(axis=0), np.where(std > 0, std, 1.0)
