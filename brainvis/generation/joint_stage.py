"""Tune a Brain-Interaction Transformer and a generator together, file to file."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import socket
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate.utils import patch_environment
from torch import Tensor
from torch.multiprocessing.spawn import ProcessRaisedException, start_processes

from brainvis.containers import Responses, Stimuli
from brainvis.datasets.splits import read as read_split
from brainvis.decoding.interaction_data import POOLED
from brainvis.decoding.interaction_files import Trained, read_network
from brainvis.encoding.universal_embeddings import Embeddings
from brainvis.encoding.weights import training_responses
from brainvis.errors import BrainvisError
from brainvis.generation.base import DiffusionGenerator
from brainvis.generation.joint import Joint, Scaled
from brainvis.generation.joint_files import Checkpoints, card_of, write_decoder
from brainvis.generation.joint_fit import Plan, Subject, accelerator_for, fit
from brainvis.generation.registry import open_generator
from brainvis.generation.tuning import Denoiser, write_generator

_AT_ONCE = 32  # images that are encoded together
_HOST = "127.0.0.1"  # several processes are those of one machine


@dataclasses.dataclass(frozen=True)
class Inputs:
    """Files that joint training reads.

    Attributes
    ----------
    network, voxels : Path
        From `interaction train`; the voxels say which subjects take part.
    generator : Path
        Checkpoint folder whose condition the network decodes.
    responses : list of Path
        Of those subjects.
    stimuli, splits : Path
        Images and responses of training stimuli alone are read.
    """

    network: Path
    voxels: Path
    generator: Path
    responses: list[Path]
    stimuli: Path
    splits: Path


@dataclasses.dataclass(frozen=True)
class Outputs:
    """What it writes; each opens like the input of its kind."""

    network: Path
    voxels: Path
    generator: Path


def tune_jointly(
    inputs: Inputs,
    outputs: Outputs,
    plan: Plan,
    *,
    checkpoints: Path | None = None,
    validation: float = 0.1,
    devices: int = 1,
    device: str = "auto",
) -> None:
    """Train decoder and denoiser together by the denoising loss; keep the best epoch.

    Parameters
    ----------
    inputs, outputs : Inputs, Outputs
    plan : Plan
    checkpoints : Path, optional
        Folder for the state after every epoch; a run that was killed continues from there.
    validation : float
        Share of training stimuli that choose the epoch: those that chose the network's.
    devices : int
        Processes, one for each GPU; on a machine without any they share the processor.
    device : str
        "auto" takes the GPU where there is one.

    Raises
    ------
    BrainvisError
        Files that do not belong together, a precision that the machine lacks, want of memory.
    """
    given = (inputs, outputs, plan, checkpoints, validation, device)
    if devices == 1:
        _tune(*given)
        return
    on_cpu = device == "cpu" or not torch.cuda.is_available()
    if not on_cpu and torch.cuda.device_count() < devices:
        raise BrainvisError(
            f"this machine has {torch.cuda.device_count()}", field="devices", found=devices
        )
    with socket.socket() as found:  # a free port, where the processes find each other
        found.bind((_HOST, 0))
        port = found.getsockname()[1]
    surroundings = {
        "world_size": devices,
        "master_addr": _HOST,
        "master_port": port,
        "accelerate_use_cpu": on_cpu,
        "omp_num_threads": max(1, torch.get_num_threads() // devices),
    }
    try:
        with patch_environment(**surroundings):
            start_processes(_process, args=given, nprocs=devices, start_method="spawn")
    except ProcessRaisedException as error:
        said = str(error).strip().splitlines()[-1]
        raise BrainvisError("a process failed", field="devices", found=said) from error


def _process(number: int, *given: Any) -> None:
    """One of several processes."""
    with patch_environment(rank=number, local_rank=number):
        _tune(*given)


def _tune(
    inputs: Inputs, outputs: Outputs, plan: Plan, checkpoints: Path | None, validation: float,
    device: str,
) -> None:  # fmt: skip
    """The work of one process; the first of them writes."""
    opened, known = read_network(inputs.network), Embeddings.open(inputs.voxels)
    _check_network(known, opened, inputs)
    accelerator = accelerator_for(plan, device)
    generator = open_generator(inputs.generator, device=device)
    if not isinstance(generator, DiffusionGenerator):
        raise BrainvisError("cannot be tuned", file=inputs.generator, field="backend")
    scaled = _scaled(opened, generator, inputs.network)
    train = read_split(inputs.splits, "main")[0].train
    ids, subjects = _subjects(inputs, known, train, validation, plan.seed)
    latents = _latents(inputs.stimuli, ids, generator)
    table = torch.from_numpy(known.values())
    with torch.random.fork_rng():
        torch.manual_seed(plan.seed)
        joint = Joint(opened.network, table, Denoiser(generator), scaled)
    opened.network.requires_grad_(True)
    keeper = None
    if checkpoints is not None:
        keeper = Checkpoints(checkpoints, _run(plan, opened, generator, subjects, latents))
    progress = fit(accelerator, joint, subjects, latents, plan, keeper)
    if not accelerator.is_main_process:
        return
    joint.to("cpu")
    kind = str(known.attributes.get("kind", ""))
    described = {"model": "jointly tuned generator", "kind": kind, "began": generator.name}
    card = card_of(plan, progress, **described, subjects=known.subjects)
    digest = write_decoder(
        outputs.network, outputs.voxels, joint.network, joint.embeddings.detach().numpy(), opened,
        inputs.network, known, card,
    )  # fmt: skip
    card["network"] = digest[:12]
    write_generator(inputs.generator, outputs.generator, joint.denoiser, card)


def _check_network(known: Embeddings, opened: Trained, inputs: Inputs) -> None:
    if known.attributes["encoder"] != opened.digest:
        raise BrainvisError(
            f"belongs to another network than {inputs.network}",
            file=known.path,
            field="encoder",
            found=str(known.attributes["encoder"])[:12],
        )


def _scaled(opened: Trained, generator: DiffusionGenerator, network: Path) -> Scaled:
    """The network's output that is the generator's condition, and its way to the right scale."""
    name = generator.space + (POOLED if generator.tokens == 1 else "")
    wanted = (generator.tokens, generator.width)
    found = opened.network.sizes.outputs.get(name)
    if found != wanted:
        raise BrainvisError(
            f"decodes no condition of {generator.folder}, {name} of {wanted[0]} x {wanted[1]}",
            file=network,
            field="outputs",
            found=opened.network.sizes.outputs,
            remedy="train the transformer on the generator's feature space",
        )
    mean, std = (torch.as_tensor(x, dtype=torch.float32) for x in (generator._mean, generator._std))
    return Scaled(name, opened.scale[name] / std, (opened.mean[name] - mean) / std)


def _subjects(
    inputs: Inputs, known: Embeddings, train: list[str], validation: float, seed: int
) -> tuple[np.ndarray, list[Subject]]:
    """Training stimuli that anybody saw, and each subject's responses to them."""
    sources = {one.subject: one for one in map(Responses.open, inputs.responses)}
    if set(sources) != set(known.subjects) or len(sources) != len(inputs.responses):
        raise BrainvisError(
            f"needs one responses file for each subject of {inputs.voxels}, {known.subjects}",
            field="responses",
            found=sorted(sources),
        )
    read = {name: training_responses(sources[name], train, None, seed) for name in known.subjects}
    every = np.unique(np.concatenate([ids for ids, _ in read.values()]))
    cluster = known.voxels["cluster"].to_numpy(dtype=np.int64)
    subjects = []
    for name in known.subjects:
        rows, (own, values) = known.rows(name), read[name]
        if values.shape[1] != len(rows):
            raise BrainvisError(
                f"does not match the {len(rows)} voxels of {inputs.voxels}",
                file=sources[name].path,
                field="voxels",
                found=values.shape[1],
            )
        mean, scale = known.units(name)
        x = (values - mean) / np.where(scale > 0, scale, np.inf)
        # the same draw as in interaction_data: what the network learned from chooses nothing
        order = np.random.default_rng([seed, len(own), 3]).permutation(len(own))
        held = min(max(2, round(validation * len(own))), len(own) - 1)
        subjects.append(
            Subject(
                np.searchsorted(every, own),
                x.astype(np.float32),
                np.sort(order[held:]),
                np.sort(order[:held]),
                cluster[rows],
                int(rows[0]),
            )
        )
    return every, subjects


def _latents(stimuli: Path, ids: np.ndarray, generator: DiffusionGenerator) -> Tensor:
    """Scaled latents (n, c, h, w) of stimuli, on the CPU."""
    source = Stimuli.open(stimuli)
    rows, parts = source.rows(ids), []
    with torch.inference_mode():
        for at in range(0, len(rows), _AT_ONCE):
            pixels = generator._pixels(source.images(rows[at : at + _AT_ONCE]))
            parts.append(generator._encode(pixels).float().cpu())
    return torch.cat(parts).clone()


def _run(
    plan: Plan, opened: Trained, generator: DiffusionGenerator, subjects: list[Subject],
    latents: Tensor,
) -> str:  # fmt: skip
    """Hash of all that shapes a run."""
    said = [dataclasses.asdict(plan), opened.digest, generator.name]
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
    for one in subjects:
        for values in (one.rows, one.responses, one.train, one.cluster):
            digest.update(np.ascontiguousarray(values).tobytes())
    digest.update(latents.numpy().tobytes())
    return digest.hexdigest()[:16]
