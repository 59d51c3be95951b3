"""Training of the Brain-Interaction Transformer on several subjects, and its transfer to a new one.

Every random draw is a function of the seed and the epoch, so a run that is continued from the end
of an epoch gives the same numbers as one that was never stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from brainvis.decoding.contrast import Scale, contrast
from brainvis.decoding.interaction import BrainInteraction

_AT_ONCE = 64  # images, where nothing is learned


class Targets(Protocol):
    """Standardised output tokens of images by row: (k, tokens, width) float32 for each output."""

    def __getitem__(self, rows: np.ndarray, /) -> dict[str, Tensor]: ...


@dataclass(frozen=True)
class Pairs:
    """Responses of one subject and the images they belong to.

    Parameters
    ----------
    rows : (n,) int
        Row of each image in the targets.
    responses : (n, v) float32
        z-scored over training stimuli.
    train, validation : (m,) int
        Positions among the n images; all are training stimuli of the split.
    made_rows : (k,) int
        Images that no subject saw.
    made : (k, v) float16
        Predicted responses to them, in the same units, without noise.
    cluster : (v,) int64
    first : int
        Row of the first voxel in the table of embeddings.
    """

    rows: np.ndarray
    responses: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    made_rows: np.ndarray
    made: np.ndarray
    cluster: np.ndarray
    first: int

    @property
    def voxels(self) -> slice:
        """Rows of this subject in the table of embeddings."""
        return slice(self.first, self.first + self.responses.shape[1])


@dataclass(frozen=True)
class Plan:
    """How long and how fast to learn.

    Parameters
    ----------
    epochs : int
        An epoch shows as many images as all subjects' training images, at random.
    batch : int
        Images in a step, all of one subject.
    voxels : float
        Share of the subject's voxels in a step (the paper's voxel dropout).
    made : float
        Share of steps on synthetic fMRI, where there is any.
    rate, embedding_rate, decay : float
        AdamW's, for the network and for embeddings.
    patience : int
        Epochs without a better validation loss before learning stops.
    seed : int
    contrast : float
        Weight of the contrastive loss of the outputs that `scales` names.
    scales : dict of str to tuple of (int, int, int)
        Shapes (c, h, w) of the levels that such an output joins.
    """

    epochs: int = 20
    batch: int = 64
    voxels: float = 0.5
    made: float = 0.5
    rate: float = 1e-3
    embedding_rate: float = 1e-4
    decay: float = 1e-2
    patience: int = 5
    seed: int = 0
    contrast: float = 0.0
    scales: dict[str, tuple[Scale, ...]] = field(default_factory=dict)


@dataclass
class Learning:
    """All that changes while learning, and so all that a checkpoint holds."""

    network: BrainInteraction
    embeddings: nn.Parameter
    optimiser: torch.optim.AdamW
    epoch: int = 0
    losses: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)

    @property
    def stale(self) -> int:
        """Epochs since the best validation loss."""
        return len(self.validation) - 1 - int(np.argmin(self.validation)) if self.validation else 0


def start(network: BrainInteraction, embeddings: Tensor, plan: Plan, *, transfer: bool) -> Learning:
    """Fresh learning state; in `transfer` the network is frozen and only embeddings change."""
    table = nn.Parameter(embeddings.clone())
    network.requires_grad_(not transfer)
    groups = [{"params": [table], "lr": plan.embedding_rate, "weight_decay": 0.0}]
    if not transfer:
        groups.append({"params": list(network.parameters()), "lr": plan.rate})
    optimiser = torch.optim.AdamW(groups, weight_decay=plan.decay)
    return Learning(network, table, optimiser)


def learn(
    learning: Learning, subjects: list[Pairs], targets: Targets, plan: Plan,
    *, after_epoch: Callable[[Learning], None] = lambda learning: None, title: str = "Brain-IT",
) -> Learning:  # fmt: skip
    """Learn until the plan ends or validation stops improving; keeps the best epoch.

    An untouched start counts as an epoch: transfer never ends worse on validation than it began.

    Parameters
    ----------
    learning : Learning
        From `start`, or read from a checkpoint.
    subjects : list of Pairs
    targets : Targets
    plan : Plan
    after_epoch : callable
        Called with the state after every epoch, to save it.
    title : str
        Of the progress bar.

    Returns
    -------
    Learning
        The same object, network and embeddings of the best epoch.
    """
    if not learning.validation:
        learning.validation.append(validate(learning, subjects, targets))
        learning.best = _values(learning)
    for epoch in tqdm(range(learning.epoch, plan.epochs), disable=None, desc=title):
        if learning.stale >= plan.patience:
            break
        learning.losses.append(_epoch(learning, subjects, targets, plan, epoch))
        learning.validation.append(validate(learning, subjects, targets))
        learning.epoch = epoch + 1
        if learning.stale == 0:
            learning.best = _values(learning)
        after_epoch(learning)
    restore(learning)
    return learning


def _epoch(
    learning: Learning, subjects: list[Pairs], targets: Targets, plan: Plan, epoch: int
) -> float:
    """One epoch; its mean loss."""
    learning.network.train()
    steps = max(1, sum(len(one.train) for one in subjects) // plan.batch)
    total = 0.0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(np.random.SeedSequence([plan.seed, epoch]).generate_state(1)[0]))
        draws = _draws(subjects, plan, steps, np.random.default_rng([plan.seed, epoch, 25102597]))
        for number, (one, images, voxels, made) in enumerate(draws):
            done = (epoch + number / steps) / plan.epochs
            factor = min(1.0, (epoch * steps + number + 1) / 50) * 0.5 * (1 + np.cos(np.pi * done))
            for group, rate in zip(
                learning.optimiser.param_groups, (plan.embedding_rate, plan.rate), strict=False
            ):
                group["lr"] = rate * factor
            total += _step(learning, one, images, voxels, made, targets, plan)
    return total / steps


def _draws(
    subjects: list[Pairs], plan: Plan, steps: int, rng: np.random.Generator
) -> Iterator[tuple[Pairs, np.ndarray, np.ndarray, bool]]:
    """Subject, images, voxels of each step, and whether its responses are synthetic."""
    for _ in range(steps):
        one = subjects[rng.integers(len(subjects))]
        made = bool(len(one.made_rows)) and rng.random() < plan.made
        pool = np.arange(len(one.made_rows)) if made else one.train
        images = np.sort(rng.choice(pool, min(plan.batch, len(pool)), replace=False))
        count = one.responses.shape[1]
        kept = max(1, round(plan.voxels * count))
        yield one, images, np.sort(rng.choice(count, kept, replace=False)), made


def _step(
    learning: Learning, one: Pairs, images: np.ndarray, voxels: np.ndarray, made: bool,
    targets: Targets, plan: Plan,
) -> float:  # fmt: skip
    """One step on some images and voxels of a subject; its loss."""
    embeddings = learning.embeddings[one.voxels][torch.from_numpy(voxels)]
    source = one.made if made else one.responses
    x = torch.from_numpy(source[np.ix_(images, voxels)].astype(np.float32))
    if made:  # noise of what variance the prediction leaves
        spread = learning.network.readout.noise(embeddings.detach()).sqrt()
        x = x + torch.randn_like(x) * spread
    wanted = targets[(one.made_rows if made else one.rows)[images]]
    cluster = torch.from_numpy(one.cluster[voxels])
    found = learning.network(x, embeddings, cluster)
    loss = loss_of(found, wanted)
    for name, scales in plan.scales.items():
        loss = loss + plan.contrast * contrast(found[name], wanted[name], scales)
    learning.optimiser.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(learning.network.parameters(), 1.0)
    learning.optimiser.step()
    return loss.item()


def loss_of(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> Tensor:
    """Mean over outputs of the mean squared error of standardised tokens."""
    return torch.stack([F.mse_loss(found[name], wanted[name]) for name in wanted]).mean()


def validate(learning: Learning, subjects: list[Pairs], targets: Targets) -> float:
    """Mean loss over subjects on validation images, all voxels."""
    losses = []
    for one in subjects:
        table = learning.embeddings.detach()[one.voxels]
        total = 0.0
        for images in np.array_split(one.validation, -(-len(one.validation) // _AT_ONCE)):
            found = predict(learning.network, one.responses[images], table, one.cluster)
            total += float(loss_of(found, targets[one.rows[images]])) * len(images)
        losses.append(total / len(one.validation))
    return float(np.mean(losses))


def predict(
    network: BrainInteraction, responses: np.ndarray, embeddings: Tensor, cluster: np.ndarray,
    *, batch: int = _AT_ONCE,
) -> dict[str, Tensor]:  # fmt: skip
    """Output tokens, (n, tokens, width) by name, for responses (n, v); no gradients."""
    network.eval()
    numbers = torch.from_numpy(cluster)
    with torch.no_grad():
        parts = [
            network(part, embeddings, numbers) for part in torch.from_numpy(responses).split(batch)
        ]
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def _values(learning: Learning) -> dict[str, Tensor]:
    """Copies of all that is learned, by name."""
    state = learning.network.state_dict().items()
    values = {f"network.{name}": value.detach().clone() for name, value in state}
    return {**values, "embeddings": learning.embeddings.detach().clone()}


def restore(learning: Learning) -> None:
    """Put the best epoch's values back."""
    with torch.no_grad():
        learning.embeddings.copy_(learning.best["embeddings"])
    own = {k.removeprefix("network."): v for k, v in learning.best.items() if k != "embeddings"}
    learning.network.load_state_dict(own)
    learning.network.eval()
