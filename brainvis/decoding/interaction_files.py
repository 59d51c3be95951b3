"""Weights, voxels and checkpoints of the Brain-Interaction Transformer: nothing pickled."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from brainvis.artifacts import files, hdf5
from brainvis.decoding.interaction import BrainInteraction, Sizes
from brainvis.decoding.interaction_data import Person, Standardised
from brainvis.decoding.interaction_fit import Learning, Pairs, Plan
from brainvis.encoding.universal_embeddings import Embeddings, joined
from brainvis.encoding.universal_files import load_weights
from brainvis.errors import BrainvisError

WEIGHTS, CONFIG = "interaction.safetensors", "config.json"
_STATE = "state.json"


@dataclass(frozen=True)
class Trained:
    """A trained network, the units of its outputs and the hash that voxels refer to."""

    network: BrainInteraction
    mean: dict[str, Tensor]
    scale: dict[str, Tensor]
    digest: str


def write_network(
    folder: Path, network: BrainInteraction, units: Standardised, **described: object
) -> str:
    """Write weights and ``config.json`` to a new folder; sha256 of the weights."""
    folder.mkdir(parents=True)
    tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
    tensors |= {f"mean.{name}": value for name, value in units.mean.items()}
    tensors |= {f"scale.{name}": value for name, value in units.scale.items()}
    content = save({name: value.detach().contiguous() for name, value in tensors.items()})
    files.write_bytes(folder / WEIGHTS, content)
    digest = hashlib.sha256(content).hexdigest()
    files.write_json(
        folder / CONFIG, {**described, "sizes": asdict(network.sizes), "sha256": digest}
    )
    return digest


def read_network(folder: Path) -> Trained:
    """Load a trained network.

    Raises
    ------
    BrainvisError
        No such folder, damaged weights, or weights of another architecture.
    """
    try:
        config = json.loads((folder / CONFIG).read_text())
        outputs = {name: tuple(shape) for name, shape in config["sizes"]["outputs"].items()}
        sizes, digest = Sizes(**{**config["sizes"], "outputs": outputs}), str(config["sha256"])
        tensors = _tensors(folder / WEIGHTS, digest)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BrainvisError(
            "is not a trained brain-interaction transformer",
            file=folder,
            found=error,
            remedy="give the folder that `brainvis interaction train` wrote",
        ) from error
    network = BrainInteraction(sizes)
    load_weights(network, _below(tensors, "network."), folder / WEIGHTS)
    return Trained(network.eval(), _below(tensors, "mean."), _below(tensors, "scale."), digest)


def write_voxels(
    path: Path, learned: Learning, persons: list[Person], initial: np.ndarray, digest: str
) -> None:
    """Write learned embeddings as an `Embeddings` file with ``/initial`` and column cluster."""
    table = joined([one.voxels for one in persons])
    table["cluster"] = np.concatenate([one.pairs.cluster for one in persons])
    finite = [np.where(np.isfinite(one.scale), one.scale, 0) for one in persons]
    arrays = {
        "embeddings": learned.embeddings.detach().numpy(),
        "initial": initial,
        "mean": np.concatenate([one.mean for one in persons]),
        "scale": np.concatenate(finite),
    }
    attributes = {
        "schema": "embeddings",
        "unit_norm": False,
        "encoder": digest,
        "space": "functional gauge",
        "kind": persons[0].responses.kind,
    }
    with hdf5.create(path, attributes) as file:
        for name, values in arrays.items():
            hdf5.put(file, name, values.astype(np.float32))
        hdf5.put_table(file, "voxels", table)


def checkpointed(
    folder: Path | None, fresh: Learning, subjects: list[Pairs], plan: Plan
) -> Callable[[Learning], None]:
    """Continue `fresh` from the checkpoint of the same run, and what saves the next ones."""
    if folder is None:
        return lambda learning: None
    own = folder / _run(fresh, subjects, plan)
    _load(own, fresh)
    return lambda learning: _save(own, learning)


def _run(fresh: Learning, subjects: list[Pairs], plan: Plan) -> str:
    """Hash of all that shapes a run."""
    described = [asdict(fresh.network.sizes), asdict(plan)]
    digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode())
    arrays = [fresh.embeddings.detach().numpy()]
    arrays += [value.numpy() for value in fresh.network.state_dict().values()]
    for one in subjects:
        arrays += [one.rows, one.responses, one.train, one.made_rows, one.made, one.cluster]
    for values in arrays:
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()[:16]


def _save(folder: Path, learning: Learning) -> None:
    """Tensors go to a new file first, which ``state.json`` then names with its hash."""
    flat = {f"network.{k}": v for k, v in learning.network.state_dict().items()}
    flat |= {f"best.{k}": v for k, v in learning.best.items()}
    flat["table.embeddings"] = learning.embeddings.detach()
    for number, moments in learning.optimiser.state_dict()["state"].items():
        flat |= {f"optimiser.{number}.{k}": torch.as_tensor(v) for k, v in moments.items()}
    content = save({key: value.detach().clone().contiguous() for key, value in flat.items()})
    name = f"epoch-{learning.epoch:05d}.safetensors"
    files.write_bytes(folder / name, content)
    state = {
        "epoch": learning.epoch,
        "losses": learning.losses,
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
    if not file.is_file():
        return
    try:
        state = json.loads(file.read_text())
        name = files.resolve_inside(folder, state["tensors"])
        tensors = _tensors(folder / name, state["sha256"])
        learning.epoch, learning.losses = int(state["epoch"]), list(state["losses"])
        learning.validation = list(state["validation"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BrainvisError(
            "is not a checkpoint", file=file, found=error, remedy="delete its folder to start anew"
        ) from error
    load_weights(learning.network, _below(tensors, "network."), file)
    learning.best = _below(tensors, "best.")
    moments: dict[int, dict[str, Tensor]] = {}
    for key, value in _below(tensors, "optimiser.").items():
        number, kind = key.split(".", 1)
        moments.setdefault(int(number), {})[kind] = value
    with torch.no_grad():
        learning.embeddings.copy_(tensors["table.embeddings"])
    learning.optimiser.load_state_dict({**learning.optimiser.state_dict(), "state": moments})


def _tensors(file: Path, digest: str) -> dict[str, Tensor]:
    """Tensors of a safetensors file whose bytes have the given hash."""
    content = file.read_bytes()
    if hashlib.sha256(content).hexdigest() != digest:
        raise BrainvisError("differs from its recorded hash", file=file, remedy="make it again")
    try:
        return load(content)
    except SafetensorError as error:
        raise BrainvisError("cannot be read as safetensors", file=file, found=error) from error


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def check_network(known: Embeddings, opened: Trained, network: Path) -> None:
    """Refuse voxels of another network.

    Raises
    ------
    BrainvisError
        They were learned with other weights.
    """
    if known.attributes["encoder"] != opened.digest:
        raise BrainvisError(
            f"belongs to another network than {network}",
            file=known.path,
            field="encoder",
            found=str(known.attributes["encoder"])[:12] or "none",
        )
