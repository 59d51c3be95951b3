"""Flow targets of clips: exact where the stimuli have their flow, estimated elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tqdm import tqdm

from brainvis.artifacts import hdf5
from brainvis.containers import Stimuli
from brainvis.errors import BrainvisError
from brainvis.motion.estimate import estimate
from brainvis.motion.files import write_targets
from brainvis.motion.grid import FRAMES, SIZE, coarse_flow, coarse_mask

_BATCH = 32
_MOVING = 0.1  # pixels of the grid per step off the median flow


def make_targets(
    stimuli: Path, out: Path, *, estimator: str = "exact", weights: Path | None = None,
    size: int = SIZE, frames: int = FRAMES,
) -> None:  # fmt: skip
    """Write the flow of all clips of a `Stimuli` file.

    Parameters
    ----------
    stimuli, out : Path
        `Stimuli` with clips, and the `FlowTargets` file to write.
    estimator : {"exact", "dis", "farneback", "raft"}
        "exact" takes the file's own ``/flow``.
    weights : Path, optional
        Of "raft".
    size, frames : int
        Cells per side and flow frames.

    Raises
    ------
    BrainvisError
        No clips, no exact flow where it is wanted, clips shorter than `frames` + 1, or a mask that
        is empty in some clip.
    """
    source = Stimuli.open(stimuli)
    with hdf5.opened(stimuli, schema="stimuli") as file:
        held = set(file.keys())
        steps = hdf5.at(file, "clips").shape[1] - 1
    if estimator == "exact" and "flow" not in held:
        raise BrainvisError(
            "has no exact flow",
            file=stimuli,
            field="flow",
            remedy="set motion.targets.estimator to dis, farneback or raft",
        )
    flow, mask = [], []
    rows = range(0, len(source.ids), _BATCH)
    for start in tqdm(rows, disable=None, desc=f"{estimator} flow"):
        part = slice(start, start + _BATCH)
        if estimator == "exact":
            flow.append(coarse_flow(source.read("flow", part), size, frames))
        else:
            clips = source.read("clips", part)
            flow.append(estimate(clips, estimator, weights=weights, size=size, frames=frames))
        given = "mask" in held
        mask.append(
            coarse_mask(source.read("mask", part), size, frames) if given else moving(flow[-1])
        )
    shares = np.concatenate(mask)
    _check_mask(shares, source, given="mask" in held)
    write_targets(
        out, source.ids, np.concatenate(flow), shares,
        estimator=estimator, steps=steps, fps=source.attributes.get("fps", 0),
        mask="object mask of the stimuli" if "mask" in held else "cells that leave the median flow",
        dataset=str(source.attributes.get("dataset", "")), kind=source.kind,
    )  # fmt: skip


def moving(flow: np.ndarray, threshold: float = _MOVING) -> np.ndarray:
    """Cells whose flow differs from the clip's median flow, for clips without an object mask.

    Parameters
    ----------
    flow : (n, frames, size, size, 2)
    threshold : float
        In the units of `flow`.

    Returns
    -------
    (n, frames, size, size) float32, 0 or 1
    """
    usual = np.median(flow, axis=(2, 3), keepdims=True)
    return (np.linalg.norm(flow - usual, axis=-1) > threshold).astype(np.float32)


def _check_mask(shares: np.ndarray, source: Stimuli, *, given: bool) -> None:
    """A mask that the file itself gives must show the object; an estimate may find none."""
    empty = np.flatnonzero(shares.max(axis=(1, 2, 3)) == 0)
    if given and len(empty):
        raise BrainvisError(
            "is empty",
            file=source.path,
            field="mask",
            found=f"clip {source.ids[empty[0]]}, {len(empty)} in all",
            remedy="drop these clips, or drop the masks to have moving cells taken instead",
        )
