"""Clips from first frames and decoded flow, file to file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from brainvis.animation.base import ClipAnimator
from brainvis.animation.clips import written
from brainvis.animation.warping import Splat, Static
from brainvis.artifacts import hdf5
from brainvis.containers import Features, Reconstructions, Stimuli, read_rows, row_numbers
from brainvis.datasets.splits import Fold
from brainvis.errors import BrainvisError
from brainvis.generation.batches import batches, fold_numbers, image_seeds

TRUE = "true"
_DECODED, _TARGETS = "decoded-flow", "flow-targets"
_FPS = 8  # of stimuli that do not tell, images without clips


def animate_clips(
    flow: Path,
    stimuli: Path,
    split: Sequence[Fold],
    out: Path,
    *,
    kind: str,
    name: str,
    split_name: str,
    subject: str = "",
    first: Path | None = None,
    tokens: Path | None = None,
    frames: int = 16,
    batch: int = 16,
    baseline: bool = False,
    seed: int = 0,
    **settings: Any,
) -> None:
    """Animate the first frame of every test stimulus and write a `Clips` file.

    Of the stimuli nothing but the first frame is read.

    Parameters
    ----------
    flow : Path
        Decoded flow, or flow targets, whose flow is the true one: the ceiling of animation.
    stimuli : Path
        `Stimuli` file.
    split : sequence of Fold
        The split that the flow was decoded by.
    out : Path
        File to write.
    kind : {"static", "splat", "diffusion"}
    name, split_name : str
        What the file calls method and split.
    subject : str
        Whose clips they are, where neither decoded flow nor first frames tell.
    first : Path, optional
        `Reconstructions` of the first frames; the true ones by default.
    tokens : Path, optional
        `Features` of the condition of a diffusion model.
    frames, batch : int
        Frames of a clip; clips at a time, which does not change them.
    baseline : bool
        Whether the file is marked as a baseline.
    seed : int
        With the stimulus, draws the noise of a diffusion model.
    **settings
        Of the animator; see `make_animator`.

    Raises
    ------
    BrainvisError
        Files that do not belong together, stimuli that are no test stimuli, an unusable
        checkpoint or setting, want of memory.
    """
    source, motion = Stimuli.open(stimuli), _Flow.of(flow, split)
    folds = fold_numbers(motion.ids, split, flow)
    whose = motion.subject or subject
    images, shown = _first_frames(source, first, motion.ids, whose, split_name)
    condition = None if tokens is None else _Condition.of(tokens, motion.ids)
    animator = make_animator(kind, **settings)
    if condition is not None and condition.space != animator.space:
        raise BrainvisError(
            f"holds another feature space than the animator takes, {animator.space!r}",
            file=tokens,
            field="space",
            found=repr(condition.space),
        )
    height, width = images(slice(0, 1)).shape[1:3]
    attributes = {
        "method": name,
        "fps": int(np.asarray(source.attributes.get("fps", _FPS))),
        "subject": whose,
        "split": split_name,
        "dataset": str(source.attributes.get("dataset", "")),
        "kind": source.kind,
        "first_frame": shown,
        "flow": "" if kind == "static" else motion.method,
        "animator": animator.name,
        "baseline": bool(baseline or (motion.baseline and kind != "static")),
        "seed": seed,
    }
    seeds = image_seeds(motion.ids, seed)
    with written(out, motion.ids, folds, (frames, height, width), attributes) as clips:
        for rows in batches(len(motion.ids), batch, "animate"):
            made = animator.animate(
                images(rows),
                motion.flow(rows),
                None if condition is None else condition.tokens(rows),
                frames=frames,
                seeds=seeds[rows],
            )
            clips[rows] = np.round(np.clip(made, 0, 1) * 255).astype(np.uint8)


def make_animator(kind: str, **settings: Any) -> ClipAnimator:
    """Animator of a kind from its settings.

    Parameters
    ----------
    kind : {"static", "splat", "diffusion"}
    **settings
        For splat: holes. For diffusion: folder, steps, strength, guidance, device.

    Raises
    ------
    BrainvisError
        Unknown kind, or what `registry.open_animator` raises.
    """
    match kind:
        case "static":
            return Static()
        case "splat":
            return Splat(**settings)
        case "diffusion":
            from brainvis.animation.registry import open_animator

            return open_animator(Path(settings.pop("folder")), **settings)
    raise BrainvisError(
        "unknown animator", field="kind", found=kind, remedy="static, splat or diffusion"
    )


@dataclass(frozen=True)
class _Flow:
    """Flow of test stimuli, decoded or true."""

    path: Path
    schema: str
    ids: np.ndarray
    rows: np.ndarray
    method: str
    subject: str
    baseline: bool

    @classmethod
    def of(cls, path: Path, split: Sequence[Fold]) -> _Flow:
        with hdf5.opened(path) as file:
            schema = str(file.attrs.get("schema"))
            if schema not in (_DECODED, _TARGETS):
                raise BrainvisError(
                    "holds no flow", file=path, field="schema", found=schema,
                    remedy=f"give a file of schema {_DECODED} or {_TARGETS}",
                )  # fmt: skip
            ids = hdf5.get(file, "ids")
            method, subject = (str(file.attrs.get(key, "")) for key in ("method", "subject"))
            baseline = bool(file.attrs.get("baseline", False))
        rows = np.arange(len(ids))
        if schema == _TARGETS:  # of all stimuli
            test = {one for fold in split for one in fold.test}
            rows = np.flatnonzero([str(one) in test for one in ids])
            method, subject, baseline = TRUE, "", False
        return cls(path, schema, ids[rows], rows, method, subject, baseline)

    def flow(self, rows: slice) -> np.ndarray:
        return read_rows(self.path, "flow", self.rows[rows], schema=self.schema)


@dataclass(frozen=True)
class _Condition:
    """Tokens of a `Features` file in the order of the clips."""

    path: Path
    rows: np.ndarray
    space: str
    pooled: bool

    @classmethod
    def of(cls, path: Path, ids: np.ndarray) -> _Condition:
        features = Features.open(path)
        with hdf5.opened(path, schema="features") as file:
            pooled = "tokens" not in file
        return cls(path, row_numbers(features.ids, ids, path), features.space, pooled)

    def tokens(self, rows: slice) -> np.ndarray:
        """Condition of a batch, (b, tokens, width)."""
        name = "pooled" if self.pooled else "tokens"
        values = read_rows(self.path, name, self.rows[rows], schema="features").astype(np.float32)
        if self.pooled:
            return values[:, None]
        return values[:, -1] if values.ndim == 4 else values  # of several layers the last


def _first_frames(
    source: Stimuli, first: Path | None, ids: np.ndarray, subject: str, split: str
) -> tuple[Callable[[slice], np.ndarray], str]:
    """What reads first frames of a batch, and where they are from."""
    if first is None:
        own = source.rows(ids)
        return (lambda rows: source.images(own[rows])), TRUE
    decoded = Reconstructions.open(first)
    for key, mine in (("subject", subject), ("split", split)):
        theirs = str(decoded.attributes.get(key, ""))
        if mine and theirs != mine:
            raise BrainvisError(
                f"belongs to another {key} than the flow, {mine!r}",
                file=first,
                field=key,
                found=repr(theirs),
            )
    given = row_numbers(decoded.ids, ids, first)
    return (lambda rows: decoded.images(given[rows])), str(decoded.attributes.get("method", ""))
