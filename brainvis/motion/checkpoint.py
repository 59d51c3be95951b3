"""State of the flow head after every epoch, to go on from: safetensors, nothing pickled."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from brainvis.artifacts import files
from brainvis.errors import BrainvisError
from brainvis.motion.learn import Learning, Pairs, Plan

_STATE = "state.json"


def checkpointed(
    folder: Path | None, fresh: Learning, pairs: Pairs, plan: Plan
) -> Callable[[Learning], None]:
    """Continue `fresh` from the checkpoint of the same run, and what saves the next ones.

    Raises
    ------
    BrainvisError
        A damaged checkpoint.
    """
    if folder is None:
        return lambda learning: None
    own = folder / _run(fresh, pairs, plan)
    if (own / _STATE).is_file():
        _load(own, fresh)
    return lambda learning: _save(own, learning)


def _run(fresh: Learning, pairs: Pairs, plan: Plan) -> str:
    """Hash of all that shapes a run."""
    described = [asdict(fresh.network.sizes), asdict(plan)]
    digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode())
    arrays = [np.asarray(getattr(pairs, one.name)) for one in fields(pairs)]
    for values in [*arrays, *(v.numpy() for v in fresh.network.state_dict().values())]:
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()[:16]


def _save(folder: Path, learning: Learning) -> None:
    """Tensors go to a new file first, which ``state.json`` then names with its hash."""
    flat = {f"network.{k}": v for k, v in learning.network.state_dict().items()}
    flat |= {f"best.{k}": v for k, v in learning.best.items()}
    for number, moments in learning.optimiser.state_dict()["state"].items():
        flat |= {f"optimiser.{number}.{k}": torch.as_tensor(v) for k, v in moments.items()}
    content = save({key: value.detach().clone().contiguous() for key, value in flat.items()})
    name = f"epoch-{learning.epoch:05d}.safetensors"
    files.write_bytes(folder / name, content)
    state = {
        "epoch": learning.epoch,
        "validation": learning.validation,
        "tensors": name,
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    files.write_json(folder / _STATE, state)
    for old in folder.glob("*.safetensors"):
        if old.name != name:
            old.unlink()


def _load(folder: Path, learning: Learning) -> None:
    file = folder / _STATE
    try:
        state = json.loads(file.read_text())
        content = (folder / files.resolve_inside(folder, state["tensors"])).read_bytes()
        if hashlib.sha256(content).hexdigest() != state["sha256"]:
            raise ValueError("tensors differ from their recorded hash")
        tensors = load(content)
        learning.epoch, learning.validation = int(state["epoch"]), list(state["validation"])
        learning.network.load_state_dict(_below(tensors, "network."))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise BrainvisError(
            "is not a checkpoint", file=file, found=error, remedy="delete its folder to start anew"
        ) from error
    learning.best = _below(tensors, "best.")
    moments: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in _below(tensors, "optimiser.").items():
        number, kind = key.split(".", 1)
        moments.setdefault(int(number), {})[kind] = value
    learning.optimiser.load_state_dict({**learning.optimiser.state_dict(), "state": moments})


def _below(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
