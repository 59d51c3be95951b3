"""Weights and checkpoints of the universal encoder: safetensors beside JSON, nothing pickled."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from brainvis.artifacts import files
from brainvis.encoding.universal import Architecture, UniversalEncoder
from brainvis.encoding.universal_fit import Learning
from brainvis.errors import BrainvisError

WEIGHTS, CONFIG = "encoder.safetensors", "config.json"
_STATE = "state.json"
_SHOWN = 5  # mismatching tensors that an error lists


def write_encoder(folder: Path, encoder: UniversalEncoder, **described: object) -> str:
    """Write weights and ``config.json`` to a folder.

    Parameters
    ----------
    folder : Path
        Made here; holds ``encoder.safetensors`` and ``config.json``.
    encoder : UniversalEncoder
    **described
        More for ``config.json``: space, model, kind, seed, scores.

    Returns
    -------
    str
        sha256 of the weights, which embeddings refer to.
    """
    folder.mkdir(parents=True)
    content = save({k: v.detach().contiguous() for k, v in encoder.state_dict().items()})
    files.write_bytes(folder / WEIGHTS, content)
    digest = hashlib.sha256(content).hexdigest()
    known = {"architecture": asdict(encoder.architecture), "sha256": digest}
    files.write_json(folder / CONFIG, {**described, **known})
    return digest


def read_config(folder: Path) -> dict:
    """What ``config.json`` of an encoder folder says, ``architecture`` as `Architecture`.

    Raises
    ------
    BrainvisError
        When there is none, or it is no such JSON.
    """
    file = folder / CONFIG
    try:
        config = json.loads(file.read_text())
        sizes = config["architecture"]
        backbone = {name: tuple(map(int, sizes[name])) for name in ("tokens", "widths")}
        architecture = Architecture(**{**sizes, **backbone})
        return {**config, "architecture": architecture, "sha256": str(config["sha256"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BrainvisError(
            "is not the configuration of a universal encoder",
            file=file,
            found=error,
            remedy="give the folder that the encoder's training wrote",
        ) from error


def read_encoder(folder: Path, architecture: Architecture | None = None) -> UniversalEncoder:
    """Load an encoder from its folder.

    Parameters
    ----------
    folder : Path
        From `write_encoder`.
    architecture : Architecture, optional
        The one wanted; the folder's own by default.

    Raises
    ------
    BrainvisError
        Damaged weights, or weights of another architecture: the error lists the first tensors
        that are missing, too many or of another shape.
    """
    config, file = read_config(folder), folder / WEIGHTS
    encoder = UniversalEncoder(architecture or config["architecture"])
    load_weights(encoder, _tensors(file, config["sha256"]), file)
    return encoder.eval()


def load_weights(encoder: torch.nn.Module, tensors: Mapping[str, Tensor], file: Path) -> None:
    """Put tensors into a module, or say which do not fit.

    Raises
    ------
    BrainvisError
        Lists the first mismatching tensors, each with what was found and what is wanted.
    """
    wanted = {name: tuple(value.shape) for name, value in encoder.state_dict().items()}
    given = {name: tuple(value.shape) for name, value in tensors.items()}
    names = sorted(set(wanted) | set(given))
    wrong = [name for name in names if wanted.get(name) != given.get(name)]
    if wrong:
        shown = ", ".join(
            f"{name}: {given.get(name, 'absent')} in the file, {wanted.get(name, 'absent')} wanted"
            for name in wrong[:_SHOWN]
        )
        raise BrainvisError(
            f"belongs to another architecture: {len(wrong)} of {len(names)} tensors differ",
            file=file,
            field="tensors",
            found=shown + (", ..." if len(wrong) > _SHOWN else ""),
            remedy="use the settings it was trained with, or train again",
        )
    encoder.load_state_dict(dict(tensors))


def save_checkpoint(folder: Path, learning: Learning) -> None:
    """Save a learning state; a crash at any moment leaves the previous one readable.

    Tensors go to a new file first, and ``state.json`` then names it, with its hash.
    """
    name = f"epoch-{learning.epoch:05d}.safetensors"
    content = save({key: value.contiguous() for key, value in _flat(learning).items()})
    files.write_bytes(folder / name, content)
    state = {
        "epoch": learning.epoch,
        "losses": learning.losses,
        "scores": learning.scores,
        "tensors": name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "groups": {key: _numbers(value) for key, value in learning.optimisers.items()},
    }
    files.write_json(folder / _STATE, state)
    for old in folder.glob("*.safetensors"):
        if old.name != name:
            old.unlink()


def load_checkpoint(folder: Path, learning: Learning) -> bool:
    """Continue from the checkpoint in a folder; False where it has none.

    Parameters
    ----------
    folder : Path
    learning : Learning
        A fresh state of the same architecture and schedule, changed in place.

    Raises
    ------
    BrainvisError
        Damaged checkpoint, or one of another architecture.
    """
    file = folder / _STATE
    if not file.is_file():
        return False
    try:
        state = json.loads(file.read_text())
        tensors = _tensors(folder / files.resolve_inside(folder, state["tensors"]), state["sha256"])
        learning.epoch, learning.losses = int(state["epoch"]), list(state["losses"])
        learning.scores, groups = list(state["scores"]), state["groups"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BrainvisError(
            "is not a checkpoint", file=file, found=error, remedy="delete its folder to start anew"
        ) from error
    load_weights(learning.encoder, _below(tensors, "network."), file)
    load_weights(_Table(learning.embeddings), _below(tensors, "table."), file)
    learning.best = _below(tensors, "best.")
    for name, optimiser in learning.optimisers.items():
        _restore_optimiser(optimiser, _below(tensors, f"optimiser-{name}."), groups[name])
    return True


class _Table(torch.nn.Module):
    """The embedding table as a module, to be loaded like one."""

    def __init__(self, embeddings: torch.nn.Parameter) -> None:
        super().__init__()
        self.embeddings = embeddings


def _tensors(file: Path, digest: str) -> dict[str, Tensor]:
    """Tensors of a safetensors file whose bytes have the given hash."""
    try:
        content = file.read_bytes()
        if hashlib.sha256(content).hexdigest() != digest:
            raise BrainvisError("differs from its recorded hash", file=file, remedy="make it again")
        return load(content)
    except (OSError, SafetensorError) as error:
        raise BrainvisError(
            "cannot be read as safetensors", file=file, found=error, remedy="make it again"
        ) from error


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _flat(learning: Learning) -> dict[str, Tensor]:
    """All tensors of a learning state under one name each."""
    flat = {f"network.{name}": value for name, value in learning.encoder.state_dict().items()}
    flat["table.embeddings"] = learning.embeddings.detach()
    flat |= {f"best.{name}": value for name, value in learning.best.items()}
    for name, optimiser in learning.optimisers.items():
        for number, moments in optimiser.state_dict()["state"].items():
            for key, value in moments.items():
                flat[f"optimiser-{name}.{number}.{key}"] = torch.as_tensor(value)
    return flat


def _numbers(optimiser: torch.optim.Optimizer) -> dict[str, str]:
    """Names and kinds of an optimiser's per-parameter values that are no tensors."""
    state = optimiser.state_dict()["state"]
    return {
        f"{number}.{key}": type(value).__name__
        for number, moments in state.items()
        for key, value in moments.items()
        if not isinstance(value, Tensor)
    }


def _restore_optimiser(
    optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor], numbers: Mapping[str, str]
) -> None:
    state: dict[int, dict] = {}
    for name, value in tensors.items():
        number, key = name.split(".", 1)
        state.setdefault(int(number), {})[key] = value.item() if name in numbers else value
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
