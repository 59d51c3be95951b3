"""Training of the flow head: cross-entropy on codewords, early stopping on whole segments.

Few clips would let the head learn by heart which first frame moved how. So part of the steps show
it other pairs: the motion of one training clip, with the fMRI it evoked, moved onto the object of
another training clip. That leaves what the fMRI says untouched; only where the object is changes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from brainvis.motion.codebook import nearest
from brainvis.motion.network import FlowHead
from brainvis.motion.summary import COUNT, basis


@dataclass(frozen=True)
class Pairs:
    """What the head learns from; n training clips of one subject.

    `patches` (n, p, f) features of the first frame; `share` (n, size, size) that the object seems
    to cover there; `decoded` (n, 6) summary of motion from fMRI; `flow`
    (n, frames, size, size, 2); `mask` (n, frames, size, size); `summary` (n, 6) of the true motion;
    `train` and `validation` rows; `stride` frame steps between flow frames; `scale` (6,) of the
    summary, which the network takes in units of it; `codebook` (k, 2).
    """

    patches: np.ndarray
    share: np.ndarray
    decoded: np.ndarray
    flow: np.ndarray
    mask: np.ndarray
    summary: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    stride: float
    scale: np.ndarray
    codebook: np.ndarray


@dataclass(frozen=True)
class Plan:
    """Epochs at most, clips and patches in a step, `moved` share of steps, rates, patience."""

    epochs: int = 30
    batch: int = 32
    cells: int = 64
    moved: float = 0.7
    rate: float = 2e-3
    decay: float = 1e-2
    patience: int = 8
    repeats: int = 2  # passes over the clips in an epoch
    seed: int = 0


@dataclass
class Learning:
    """State after an epoch, whole enough to go on from."""

    network: FlowHead
    optimiser: torch.optim.Optimizer
    epoch: int = 0
    validation: list[float] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)

    @property
    def stale(self) -> int:
        """Epochs since the best validation loss."""
        return len(self.validation) - 1 - int(np.argmin(self.validation)) if self.validation else 0


def start(network: FlowHead, plan: Plan) -> Learning:
    """A state before the first epoch."""
    optimiser = torch.optim.AdamW(network.parameters(), lr=plan.rate, weight_decay=plan.decay)
    return Learning(network, optimiser)


def learn(
    learning: Learning, pairs: Pairs, plan: Plan,
    after_epoch: Callable[[Learning], None] = lambda learning: None,
) -> Learning:  # fmt: skip
    """Learn until the plan ends or validation stops improving; keeps the best epoch."""
    true = fields_of(pairs.mask[:, 0])
    seen = fields_of(pairs.share)
    for epoch in tqdm(range(learning.epoch, plan.epochs), disable=None, desc="flow head"):
        if learning.stale >= plan.patience:
            break
        _epoch(learning, pairs, plan, epoch, true, seen)
        learning.validation.append(validate(learning.network, pairs, seen))
        learning.epoch = epoch + 1
        if learning.stale == 0:
            values = learning.network.state_dict().items()
            learning.best = {name: value.detach().clone() for name, value in values}
        after_epoch(learning)
    learning.network.load_state_dict(learning.best)
    learning.network.eval()
    return learning


def _epoch(
    learning: Learning, pairs: Pairs, plan: Plan, epoch: int, true: np.ndarray, seen: np.ndarray
) -> None:
    """One epoch; every draw is a function of seed and epoch."""
    learning.network.train()
    rng = np.random.default_rng([plan.seed, epoch, 240602659])
    rows = np.concatenate([rng.permutation(pairs.train) for _ in range(plan.repeats)])
    batches = np.array_split(rows, max(1, len(rows) // plan.batch))
    count = pairs.flow.shape[1]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**31)))
        for number, shown in enumerate(batches):
            done = (epoch + number / len(batches)) / plan.epochs
            warm = min(1.0, (epoch * len(batches) + number + 1) / 20)
            for group in learning.optimiser.param_groups:
                group["lr"] = plan.rate * warm * 0.5 * (1 + np.cos(np.pi * done))
            cells = rng.integers(pairs.patches.shape[1], size=(len(shown), plan.cells))
            if rng.random() < plan.moved:
                brains = rng.choice(pairs.train, len(shown))
                motion = pairs.summary[brains]
                flow = painted(true[shown], motion, cells, pairs.stride, count)
            else:
                brains, flow = shown, real_flow(pairs, shown, cells)
            inputs = inputs_of(
                pairs.patches[shown], seen[shown], pairs.decoded[brains], cells, pairs.stride,
                pairs.scale, count,
            )  # fmt: skip
            _step(learning, inputs, nearest(flow, pairs.codebook))


def _step(learning: Learning, inputs: tuple[Tensor, ...], wanted: np.ndarray) -> None:
    """One step towards codewords (b, cells, frames)."""
    logits = learning.network(*inputs)
    loss = nn.functional.cross_entropy(logits.flatten(0, 2), torch.from_numpy(wanted).flatten())
    learning.optimiser.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(learning.network.parameters(), 1.0)
    learning.optimiser.step()


def fields_of(share: np.ndarray) -> np.ndarray:
    """What the six numbers weigh, for each clip's mask (n, size, size): (n, 6, size, size, 2)."""
    return np.stack([basis(one) for one in share]).astype(np.float32)


def inputs_of(
    patches: np.ndarray, seen: np.ndarray, decoded: np.ndarray, cells: np.ndarray, stride: float,
    scale: np.ndarray, frames: int,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """What the head takes, for some patches of b first frames.

    Parameters
    ----------
    patches : (b, p, f)
    seen : (b, 6, size, size, 2)
        `fields_of` the share that the object seems to cover.
    decoded : (b, 6)
        Summary of motion from fMRI.
    cells : (b, c) int
        Chosen patches.
    stride, scale, frames
        See `Pairs`; flow frames.

    Returns
    -------
    Tensors (b, c, f), (b, c, 2 frames + 1), (b, 6)
        Features; flow painted from what was decoded, and the object's share; decoded numbers.
    """
    rows = np.arange(len(cells))[:, None]
    flow = painted(seen, decoded, cells, stride, frames) / flow_unit(scale)
    share = seen[:, 0, ..., 0].reshape(len(seen), -1)[rows, cells]
    hint = np.concatenate([flow.reshape(*cells.shape, -1), share[..., None]], axis=-1)
    arrays = (patches[rows, cells], hint, decoded / scale)
    features, hint, code = (torch.from_numpy(part.astype(np.float32)) for part in arrays)
    return features, hint, code


def flow_unit(scale: np.ndarray) -> np.float32:
    """Unit in which the head takes flow: the usual speed of objects along an axis."""
    return np.float32(scale[:2].mean())


def real_flow(pairs: Pairs, rows: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Flow at some cells, (b, cells, frames, 2)."""
    n, frames = pairs.flow.shape[:2]
    flat = pairs.flow.reshape(n, frames, -1, 2)
    return flat[rows[:, None], :, cells]


def painted(
    fields: np.ndarray, motion: np.ndarray, cells: np.ndarray, stride: float, frames: int
) -> np.ndarray:
    """Flow that first frames would have, had they moved in some way, (b, cells, frames, 2).

    In later flow frames the object has gone on: a cell then takes what lay upstream at first.

    Parameters
    ----------
    fields : (b, 6, size, size, 2)
        Of `fields_of`.
    motion : (b, 6)
        Summary of the motion.
    cells : (b, c) int
    stride : float
        Frame steps between flow frames.
    frames : int
    """
    size = fields.shape[2]
    y, x = np.divmod(cells, size)
    first = np.arange(len(cells))[:, None, None]
    found = []
    for frame in range(frames):
        gone = motion[:, None, :2] * stride * frame  # of the object
        column = np.clip(np.rint(x - gone[..., 0]), 0, size - 1).astype(int)
        row = np.clip(np.rint(y - gone[..., 1]), 0, size - 1).astype(int)
        local = fields[first, np.arange(COUNT), row[..., None], column[..., None]]  # (b, c, 6, 2)
        found.append(np.einsum("bpkd,bk->bpd", local, motion))
    return np.stack(found, axis=2).astype(np.float32)


@torch.no_grad()
def validate(network: FlowHead, pairs: Pairs, seen: np.ndarray) -> float:
    """Mean cross-entropy over all cells of the validation clips."""
    network.eval()
    cells, total = np.arange(pairs.patches.shape[1])[None], 0.0
    for row in pairs.validation:
        rows = np.array([row])
        inputs = inputs_of(
            pairs.patches[rows], seen[rows], pairs.decoded[rows], cells, pairs.stride, pairs.scale,
            pairs.flow.shape[1],
        )  # fmt: skip
        wanted = torch.from_numpy(nearest(real_flow(pairs, rows, cells), pairs.codebook))
        logits = network(*inputs)
        total += float(nn.functional.cross_entropy(logits.flatten(0, 2), wanted.flatten()))
    return total / len(pairs.validation)
