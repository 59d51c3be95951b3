"""Training and test clips of one fold, with standardised responses of reliable voxels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from brainvis.containers import Features, Stimuli
from brainvis.datasets.splits import Fold
from brainvis.errors import BrainvisError
from brainvis.motion.files import FlowTargets
from brainvis.movies import MovieResponses


@dataclass(frozen=True)
class Clips:
    """What one fold learns from and is tested on.

    `train` and `test` identifiers; `x`, `x_test` (n, v) standardised with training statistics;
    `segments` (n,) of training clips; `flow`, `mask` of training clips; `steps` of a clip.
    """

    train: np.ndarray
    test: np.ndarray
    x: np.ndarray
    x_test: np.ndarray
    segments: np.ndarray
    flow: np.ndarray
    mask: np.ndarray
    steps: int


def read_clips(
    measured: MovieResponses, targets: FlowTargets, fold: Fold, *, source: str,
    offsets: list[int], reliable: float,
) -> Clips:  # fmt: skip
    """Read a fold.

    Parameters
    ----------
    measured, targets : opened files
        Of targets, training clips alone are read.
    fold : Fold
    source : {"responses", "window"}
        One response per clip, or the volumes at `offsets` from the clip's first.
    offsets : list of int
    reliable : float
        Least noise ceiling of a voxel, where the file has ceilings; they are of training runs.

    Raises
    ------
    BrainvisError
        A test clip in a training segment, no reliable voxel, values that are not finite.
    """
    train, test = np.array(fold.train, dtype=str), np.array(fold.test, dtype=str)
    segments = measured.segments(train)
    if shared := set(segments.tolist()) & set(measured.segments(test).tolist()):
        raise BrainvisError(
            "training and test clips share a movie segment",
            file=measured.path,
            field="segment",
            found=min(shared),
            remedy="hold out whole segments",
        )
    kept = _reliable(measured, reliable)

    def read(ids: np.ndarray) -> np.ndarray:
        if source == "window":
            values = measured.windows(ids, offsets)[..., kept].reshape(len(ids), -1)
        else:
            values = measured.responses(ids)[:, kept]
        if not np.isfinite(values).all():
            raise BrainvisError("holds values that are not finite", file=measured.path)
        return values

    raw = read(train)
    mean, deviation = raw.mean(axis=0), raw.std(axis=0)
    scale = np.where(deviation > 0, deviation, np.inf)
    return Clips(
        train, test, (raw - mean) / scale, (read(test) - mean) / scale, segments,
        targets.flow(train), targets.mask(train), int(np.asarray(targets.attributes["steps"])),
    )  # fmt: skip


def read_frames(features: Path, stimuli: Path, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Patch tokens and first frames (n, height, width, 3) of clips; no later frame is read."""
    shown = Stimuli.open(stimuli)
    return Features.open(features).tokens(ids), shown.images(shown.rows(ids))


def _reliable(measured: MovieResponses, least: float) -> np.ndarray:
    """Columns of voxels above the least noise ceiling."""
    if "noise_ceiling" not in measured.voxels:
        return np.arange(len(measured.voxels))
    kept = np.flatnonzero(measured.voxels["noise_ceiling"].to_numpy() >= least)
    if not len(kept):
        raise BrainvisError(
            "no voxel is reliable enough",
            file=measured.path,
            field="noise_ceiling",
            found=f"none of {len(measured.voxels)} at {least:g} or above",
            remedy="lower `reliable`",
        )
    return kept
