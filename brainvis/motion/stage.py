"""Decode the flow of a split's test clips, fold by fold, learning from training clips alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from brainvis.datasets.splits import Fold, checked
from brainvis.motion.decode import BASELINES, Options, predict_flow
from brainvis.motion.files import FlowTargets, write_decoded
from brainvis.motion.inputs import read_clips
from brainvis.movies import OFFSETS, MovieResponses


def decode_flow(
    responses: Path,
    targets: Path,
    features: Path | None,
    stimuli: Path,
    split: Sequence[Fold],
    out: Path,
    *,
    method: str = "codebook",
    name: str | None = None,
    split_name: str = "main",
    checkpoints: Path | None = None,
    input: str = "responses",
    offsets: Sequence[int] = OFFSETS,
    reliable: float = 0.2,
    seed: int = 0,
    **settings: float,
) -> None:
    """Decode and write a `DecodedFlow` file.

    Parameters
    ----------
    responses, targets, stimuli : Path
        `MovieResponses`, `FlowTargets`, `Stimuli`.
    features : Path or None
        `Features` with patch tokens of first frames; the codebook methods need it.
    split : sequence of Fold
    out : Path
    method : str
        One of `brainvis.motion.decode.METHODS`.
    name : str, optional
        What the file calls the method; `method` by default.
    split_name : str
    checkpoints : Path, optional
        Folder for the state after every epoch; a run that was killed continues from there.
    input, offsets, reliable
        See `brainvis.motion.inputs.read_clips`.
    seed : int
    **settings
        Of `brainvis.motion.decode.Options`.

    Raises
    ------
    BrainvisError
        Files that do not belong together; see `read_clips` and `predict_flow`.
    """
    measured, known = MovieResponses.open(responses), FlowTargets.open(targets)
    options = Options(seed=seed, **settings)  # pyright: ignore[reportArgumentType]
    parts, ids = [], []
    for fold in checked(list(split), known.ids):
        clips = read_clips(
            measured, known, fold, source=input, offsets=list(offsets), reliable=reliable
        )
        parts.append(predict_flow(method, clips, features, stimuli, options, checkpoints))
        ids.append(clips.test)
    write_decoded(
        out, np.concatenate(ids), np.concatenate(parts),
        method=name or method, subject=measured.subject, split=split_name,
        dataset=str(measured.attributes.get("dataset", "")), kind=measured.kind,
        baseline=method in BASELINES,
    )  # fmt: skip
