"""Joint training by accelerate: precision, accumulated gradients, several devices, resuming.

Every random draw is a function of seed, epoch and step, and is made for the images of all devices
together: a run that was killed continues with the same numbers, and two devices see what one would
with twice the batch.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.state import AcceleratorState, GradientState
from torch import Tensor
from tqdm import tqdm

from brainvis.errors import BrainvisError
from brainvis.features.diffusers_parts import memory_for
from brainvis.generation.joint import Joint, Noised

_LOOKS = 4  # noise levels at which a validation image is scored
_AT_ONCE = 32  # images without gradients


@dataclass(frozen=True)
class Subject:
    """Responses of one subject to training stimuli.

    Parameters
    ----------
    rows : (n,) int
        Row of each stimulus in the latents.
    responses : (n, v) float32
        z-scored.
    train, validation : (m,) int
        Positions among the n stimuli.
    cluster : (v,) int64
    first : int
        Row of the first voxel in the table of embeddings.
    """

    rows: np.ndarray
    responses: np.ndarray
    train: np.ndarray
    validation: np.ndarray
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
    batch : int
        Images in a step of one device, all of one subject.
    accumulate : int
        Steps whose gradients make one change.
    precision : str
        "no", "bf16" or "fp16", of the denoiser; the decoder stays in float32.
    rate : float
        Peak learning rate of AdamW; rises over an epoch's first tenth, falls as a cosine.
    hold : float
        Weight of the squared change of the decoder's outputs.
    dropped : float
        Share of conditions left out.
    seed : int
    """

    epochs: int = 10
    batch: int = 8
    accumulate: int = 4
    precision: str = "no"
    rate: float = 1e-5
    hold: float = 1.0
    dropped: float = 0.1
    seed: int = 0


@dataclass
class Progress:
    """Losses so far; `best` holds all learned values of the best epoch."""

    epoch: int = 0
    losses: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)


class Keeper(Protocol):
    """Saves the state after every epoch and finds it again."""

    def load(self, accelerator: Accelerator, progress: Progress) -> None: ...

    def save(self, accelerator: Accelerator, progress: Progress) -> None: ...


def accelerator_for(plan: Plan, device: str = "auto") -> Accelerator:
    """An accelerate session of this process.

    Raises
    ------
    BrainvisError
        A precision that the device does not have.
    """
    AcceleratorState._reset_state(reset_partial_state=True)  # of an earlier session, if any
    GradientState._reset_state()
    try:
        return Accelerator(
            cpu=device == "cpu",
            mixed_precision=plan.precision,
            gradient_accumulation_steps=plan.accumulate,
            kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
        )
    except ValueError as error:
        raise BrainvisError(
            "is no precision of this machine",
            field="precision",
            found=plan.precision,
            remedy="'no', or 'bf16' or 'fp16' where the hardware has it",
        ) from error


def fit(
    accelerator: Accelerator, joint: Joint, subjects: list[Subject], latents: Tensor, plan: Plan,
    keeper: Keeper | None = None,
) -> Progress:  # fmt: skip
    """Train in place and put the best epoch's values back; the untouched start is epoch 0.

    Parameters
    ----------
    accelerator : Accelerator
        From `accelerator_for`.
    joint : Joint
    subjects : list of Subject
    latents : (n, c, h, w)
        Scaled latents of the stimuli.
    plan : Plan
    keeper : Keeper, optional

    Raises
    ------
    BrainvisError
        Want of memory; names the setting ``batch``.
    """
    start = copy.deepcopy(joint.network).eval().requires_grad_(False).to(accelerator.device)
    table = joint.embeddings.detach().clone().to(accelerator.device)
    learned = [one for one in joint.parameters() if one.requires_grad]
    model, optimiser = accelerator.prepare(joint, torch.optim.AdamW(learned, lr=plan.rate))
    progress = Progress()
    if keeper is not None:
        keeper.load(accelerator, progress)
    with memory_for(plan.batch):
        if not progress.validation:
            progress.validation.append(validate(accelerator, joint, subjects, latents, plan))
            progress.best = values(joint)
        for epoch in tqdm(range(progress.epoch, plan.epochs), disable=None, desc="joint"):
            work = list(_batches(subjects, plan, accelerator.num_processes, epoch))
            total = 0.0
            for number, (one, images) in enumerate(work):
                done = (epoch + number / len(work)) / plan.epochs
                rise = min(1.0, (epoch * len(work) + number + 1) * 10 / len(work))
                for group in optimiser.param_groups:
                    group["lr"] = plan.rate * rise * 0.5 * (1 + math.cos(math.pi * done))
                step = _Step(plan, epoch, number, one, images, latents, accelerator)
                with accelerator.accumulate(model):
                    loss, change = step.losses(model, joint, start, table)
                    accelerator.backward(loss + plan.hold * change)
                    if accelerator.sync_gradients:
                        accelerator.clip_grad_norm_(learned, 1.0)
                    optimiser.step()
                    optimiser.zero_grad()
                reduced = accelerator.reduce(loss.detach(), "mean")
                total += float(reduced) if isinstance(reduced, Tensor) else 0.0
            progress.losses.append(total / len(work))
            progress.validation.append(validate(accelerator, joint, subjects, latents, plan))
            progress.epoch = epoch + 1
            if int(np.argmin(progress.validation)) == progress.epoch:
                progress.best = values(joint)
            if keeper is not None:
                keeper.save(accelerator, progress)
    joint.load_state_dict(progress.best)
    return progress


def values(joint: Joint) -> dict[str, Tensor]:
    """Copies of all that is learned, on the CPU."""
    return {name: value.detach().cpu().clone() for name, value in joint.state_dict().items()}


def _batches(
    subjects: list[Subject], plan: Plan, devices: int, epoch: int
) -> Iterator[tuple[Subject, np.ndarray]]:
    """Images of every step of an epoch, for all devices; as many steps as gradients are summed."""
    rng, work = np.random.default_rng([plan.seed, epoch, 3]), []
    for one in subjects:
        size = min(plan.batch * devices, len(one.train) // devices * devices)
        order = rng.permutation(one.train)
        work += [(one, order[k : k + size]) for k in range(0, len(order) - size + 1, size)]
    turn = rng.permutation(len(work))
    steps = max(1, len(work) // plan.accumulate) * plan.accumulate
    yield from (work[turn[number % len(work)]] for number in range(steps))


class _Step:
    """One step: the images of this process with their noise."""

    def __init__(
        self, plan: Plan, epoch: int, number: int, one: Subject, images: np.ndarray,
        latents: Tensor, accelerator: Accelerator,
    ) -> None:  # fmt: skip
        self._plan, self._one = plan, one
        self._seed = [plan.seed, epoch, number]
        share = len(images) // accelerator.num_processes
        first = accelerator.process_index * share
        self._part, self._images = slice(first, first + share), images
        self._process, self._device = accelerator.process_index, accelerator.device
        self._latents = latents

    def losses(
        self, model: torch.nn.Module, joint: Joint, start: torch.nn.Module, table: Tensor
    ) -> tuple[Tensor, Tensor]:
        one, device = self._one, self._device
        generator = torch.Generator().manual_seed(_state(self._seed))
        clean = self._latents[one.rows[self._images]]
        shape = joint.network.sizes.outputs[joint.output]
        times = torch.randint(_levels(joint), (len(clean),), generator=generator)
        noised = _noised(clean, times, shape, self._plan.dropped, generator)
        x = torch.from_numpy(one.responses[self._images[self._part]]).to(device)
        cluster = torch.from_numpy(one.cluster).to(device)
        with torch.no_grad():
            before = start(x, table[one.voxels], cluster) if self._plan.hold else None
        with torch.random.fork_rng():
            torch.manual_seed(_state([*self._seed, self._process]))  # of dropout
            model.train()
            return model(x, one.voxels, cluster, noised.part(self._part, device), before)


def validate(
    accelerator: Accelerator, joint: Joint, subjects: list[Subject], latents: Tensor, plan: Plan
) -> float:
    """Mean denoising loss of validation stimuli, always under the same noise."""
    joint.eval()
    losses, device = [], accelerator.device
    shape = joint.network.sizes.outputs[joint.output]
    for place, one in enumerate(subjects):
        generator = torch.Generator().manual_seed(_state([plan.seed, place]))
        rows = np.tile(one.validation, _LOOKS)
        levels = (torch.arange(len(rows)) + 0.5) / len(rows) * _levels(joint)
        noised = _noised(latents[one.rows[rows]], levels.long(), shape, 0.0, generator)
        cluster, total = torch.from_numpy(one.cluster).to(device), 0.0
        for at in range(0, len(rows), _AT_ONCE):
            part = slice(at, at + _AT_ONCE)
            x = torch.from_numpy(one.responses[rows[part]]).to(device)
            with torch.no_grad(), accelerator.autocast():
                loss, _ = joint(x, one.voxels, cluster, noised.part(part, device))
            total += float(loss) * len(x)
        losses.append(total / len(rows))
    return float(np.mean(losses))


def _noised(
    clean: Tensor, times: Tensor, shape: tuple[int, int], dropped: float,
    generator: torch.Generator,
) -> Noised:  # fmt: skip
    count = len(clean)
    noise = torch.randn(clean.shape, generator=generator)
    chance = torch.rand(count, generator=generator)
    empty = torch.randn((count, *shape), generator=generator)
    return Noised(clean, noise, times, chance < dropped, empty)


def _levels(joint: Joint) -> int:
    return int(joint.denoiser.levels.config.num_train_timesteps)


def _state(numbers: list[int]) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])
