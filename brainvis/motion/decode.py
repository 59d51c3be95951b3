"""Flow of test clips by each method, from one fold's training clips."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from brainvis.errors import BrainvisError
from brainvis.motion.checkpoint import checkpointed
from brainvis.motion.codebook import fit_codebook
from brainvis.motion.components import FlowComponents
from brainvis.motion.inputs import Clips, read_frames
from brainvis.motion.learn import Pairs, Plan, fields_of, flow_unit, inputs_of, learn, start
from brainvis.motion.linear import fit_ridge
from brainvis.motion.network import FlowHead, Sizes, expected_flow
from brainvis.motion.patches import PatchFeatures, object_shares
from brainvis.motion.posterior import Library
from brainvis.motion.summary import summarise

METHODS = (
    "codebook", "first-frame", "shuffled", "ridge", "posterior-map", "posterior-average",
    "mean", "zero",
)  # fmt: skip
BASELINES = ("zero", "mean", "first-frame", "shuffled")


@dataclass(frozen=True)
class Options:
    """Settings of the methods; see `brainvis.config.motion_decoders.FlowDecoder`."""

    codewords: int = 40
    width: int = 128
    hidden: int = 512
    blocks: int = 3
    dropout: float = 0.2
    epochs: int = 30
    batch: int = 32
    cells: int = 64
    moved: float = 0.7
    rate: float = 2e-3
    patience: int = 8
    validation: float = 0.1
    components: int = 60
    voxels: int = 200
    top: int = 30
    seed: int = 0


def predict_flow(
    method: str, clips: Clips, features: Path | None, stimuli: Path, options: Options,
    checkpoints: Path | None = None,
) -> np.ndarray:  # fmt: skip
    """Flow of the test clips, (m, frames, size, size, 2) float32.

    Raises
    ------
    BrainvisError
        Unknown method; see also what each method needs.
    """
    shape = (len(clips.test), *clips.flow.shape[1:])
    match method:
        case "zero":
            return np.zeros(shape, dtype=np.float32)
        case "mean":
            return np.broadcast_to(clips.flow.mean(axis=0), shape).astype(np.float32)
        case "ridge":
            space = FlowComponents.fit(clips.flow, options.components, options.seed)
            model = fit_ridge(clips.x, space.project(clips.flow), clips.segments)
            return space.restore(model.predict(clips.x_test))
        case "posterior-map" | "posterior-average":
            library = Library.fit(
                clips.x, clips.flow, clips.segments,
                components=options.components, voxels=options.voxels, seed=options.seed,
            )  # fmt: skip
            return library.decode(clips.x_test, 1 if method == "posterior-map" else options.top)
        case "codebook" | "first-frame" | "shuffled":
            if features is None:
                raise BrainvisError("is missing", field="features", remedy=f"{method} needs it")
            return _by_head(method, clips, features, stimuli, options, checkpoints)
    raise BrainvisError("unknown method", field="method", found=method, remedy=f"one of {METHODS}")


def derangement(count: int, seed: int) -> np.ndarray:
    """An order in which no row stays in place (where there are two or more)."""
    turn = np.random.default_rng([seed, 240602659]).permutation(count)
    return turn[np.roll(np.arange(count), 1)][np.argsort(turn)]


def validation_segments(segments: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Rows (bool) of whole segments drawn for validation, about `share` of all segments.

    Raises
    ------
    BrainvisError
        A single segment.
    """
    names = np.unique(segments)
    if len(names) < 2:
        raise BrainvisError(
            "needs two training segments, one of them for validation",
            field="segment",
            found=len(names),
        )
    count = min(len(names) - 1, max(1, round(share * len(names))))
    drawn = np.random.default_rng([seed, 0x5E6]).choice(names, count, replace=False)
    return np.isin(segments, drawn)


def decoded_motion(clips: Clips) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Motion summaries of training clips, and ridge predictions of them for training and test.

    Those of training clips are made without their segment.
    """
    summary = summarise(clips.flow, clips.mask)
    model = fit_ridge(clips.x, summary, clips.segments)
    return summary, model.left_out, model.predict(clips.x_test)


def _by_head(
    method: str, clips: Clips, features: Path, stimuli: Path, options: Options,
    checkpoints: Path | None,
) -> np.ndarray:  # fmt: skip
    size, frames = clips.flow.shape[2], clips.flow.shape[1]
    seen = read_frames(features, stimuli, clips.train)
    describe = PatchFeatures.fit(*seen, size)
    patches = describe(*seen, size)
    shown = describe(*read_frames(features, stimuli, clips.test), size)
    share, share_test = object_shares(
        patches, clips.mask[:, 0], shown, clips.segments, options.seed
    )
    summary, decoded, decoded_test = decoded_motion(clips)
    moved = options.moved
    if method == "first-frame":  # no brain: neither what it says nor motion moved along with it
        decoded, decoded_test, moved = decoded * 0, decoded_test * 0, 0.0
    if method == "shuffled":
        decoded_test = decoded_test[derangement(len(decoded_test), options.seed)]
    held_out = validation_segments(clips.segments, options.validation, options.seed)
    scale = np.maximum(summary.std(axis=0), 1e-6)
    pairs = Pairs(
        patches, share, decoded, clips.flow, clips.mask, summary,
        np.flatnonzero(~held_out), np.flatnonzero(held_out), clips.steps / frames, scale,
        fit_codebook(clips.flow, options.codewords, options.seed),
    )  # fmt: skip
    plan = Plan(
        options.epochs, options.batch, options.cells, moved, options.rate,
        patience=options.patience, seed=options.seed,
    )  # fmt: skip
    sizes = Sizes(
        patches.shape[2], decoded.shape[1], frames, options.codewords,
        options.width, options.hidden, options.blocks, options.dropout,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        unit = flow_unit(scale)
        fresh = start(FlowHead(sizes, torch.from_numpy(pairs.codebook / unit)), plan)
    network = learn(fresh, pairs, plan, checkpointed(checkpoints, fresh, pairs, plan)).network
    cells = np.tile(np.arange(size * size), (len(shown), 1))
    inputs = inputs_of(
        shown, fields_of(share_test), decoded_test, cells, pairs.stride, scale, frames
    )
    flow = expected_flow(network, *inputs, torch.from_numpy(pairs.codebook))
    return flow.numpy().reshape(len(shown), frames, size, size, 2)
