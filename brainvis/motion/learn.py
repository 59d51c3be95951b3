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

    `patches` (n, p, f) features of the first frame; `code` (n, c) from fMRI; `flow`
    (n, frames, size, size, 2); `mask` (n, frames, size, size); `summary` (n, 6); `train` and
    `validation` rows; `stride` frame steps between flow frames; `codebook` (k, 2).
    """

    patches: np.ndarray
    code: np.ndarray
    flow: np.ndarray
    mask: np.ndarray
    summary: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    stride: float
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
    fields = np.stack([basis(mask[0]) for mask in pairs.mask])  # (n, 6, size, size, 2)
    for epoch in tqdm(range(learning.epoch, plan.epochs), disable=None, desc="flow head"):
        if learning.stale >= plan.patience:
            break
        _epoch(learning, pairs, plan, epoch, fields)
        learning.validation.append(validate(learning.network, pairs))
        learning.epoch = epoch + 1
        if learning.stale == 0:
            values = learning.network.state_dict().items()
            learning.best = {name: value.detach().clone() for name, value in values}
        after_epoch(learning)
    learning.network.load_state_dict(learning.best)
    learning.network.eval()
    return learning


def _epoch(
    learning: Learning, pairs: Pairs, plan: Plan, epoch: int, fields: np.ndarray
) -> None:  # fmt: skip
    """One epoch; every draw is a function of seed and epoch."""
    learning.network.train()
    rng = np.random.default_rng([plan.seed, epoch, 240602659])
    rows = np.concatenate([rng.permutation(pairs.train) for _ in range(plan.repeats)])
    batches = np.array_split(rows, max(1, len(rows) // plan.batch))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**31)))
        for number, frames in enumerate(batches):
            done = (epoch + number / len(batches)) / plan.epochs
            warm = min(1.0, (epoch * len(batches) + number + 1) / 20)
            for group in learning.optimiser.param_groups:
                group["lr"] = plan.rate * warm * 0.5 * (1 + np.cos(np.pi * done))
            cells = rng.integers(pairs.patches.shape[1], size=(len(frames), plan.cells))
            if rng.random() < plan.moved:
                brains = rng.choice(pairs.train, len(frames))
                flow = moved_flow(pairs, fields, frames, brains, cells)
            else:
                brains, flow = frames, real_flow(pairs, frames, cells)
            _step(learning, pairs, frames, brains, cells, flow)


def _step(
    learning: Learning, pairs: Pairs, frames: np.ndarray, brains: np.ndarray, cells: np.ndarray,
    flow: np.ndarray,
) -> None:  # fmt: skip
    patches = torch.from_numpy(pairs.patches[frames[:, None], cells])
    logits = learning.network(patches, torch.from_numpy(pairs.code[brains]))
    wanted = torch.from_numpy(nearest(flow, pairs.codebook))  # (b, cells, frames)
    loss = nn.functional.cross_entropy(logits.flatten(0, 2), wanted.flatten())
    learning.optimiser.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(learning.network.parameters(), 1.0)
    learning.optimiser.step()


def real_flow(pairs: Pairs, rows: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Flow at some cells, (b, cells, frames, 2)."""
    n, frames = pairs.flow.shape[:2]
    flat = pairs.flow.reshape(n, frames, -1, 2)
    return flat[rows[:, None], :, cells]


def moved_flow(
    pairs: Pairs, fields: np.ndarray, frames: np.ndarray, brains: np.ndarray, cells: np.ndarray
) -> np.ndarray:
    """Flow that first frames would have, had they moved like other clips, (b, cells, frames, 2).

    In later flow frames the object has gone on: a cell then takes what lay upstream at first.
    """
    size, count = pairs.flow.shape[2], pairs.flow.shape[1]
    y, x = np.divmod(cells, size)
    motion = pairs.summary[brains]  # (b, 6)
    found = []
    for frame in range(count):
        gone = motion[:, None, :2] * pairs.stride * frame  # of the object
        column = np.clip(np.rint(x - gone[..., 0]), 0, size - 1).astype(int)
        row = np.clip(np.rint(y - gone[..., 1]), 0, size - 1).astype(int)
        local = fields[frames[:, None, None], np.arange(COUNT), row[..., None], column[..., None]]
        found.append(np.einsum("bpkd,bk->bpd", local, motion))
    return np.stack(found, axis=2)


@torch.no_grad()
def validate(network: FlowHead, pairs: Pairs) -> float:
    """Mean cross-entropy over all cells of the validation clips."""
    network.eval()
    cells, total = np.arange(pairs.patches.shape[1])[None], 0.0
    for row in pairs.validation:
        rows = np.array([row])
        logits = network(torch.from_numpy(pairs.patches[rows]), torch.from_numpy(pairs.code[rows]))
        wanted = torch.from_numpy(nearest(real_flow(pairs, rows, cells), pairs.codebook))
        total += float(nn.functional.cross_entropy(logits.flatten(0, 2), wanted.flatten()))
    return total / len(pairs.validation)
