"""Checkpoints of joint training, and the network and voxels that it leaves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
from accelerate import Accelerator
from safetensors.torch import load_file, save_file

from brainvis.artifacts import files, hdf5
from brainvis.decoding.interaction import BrainInteraction
from brainvis.decoding.interaction_data import Standardised
from brainvis.decoding.interaction_files import CONFIG, Trained, write_network
from brainvis.encoding.universal_embeddings import Embeddings
from brainvis.errors import BrainvisError
from brainvis.features.checkpoint import read_json
from brainvis.generation.joint_fit import Progress

_STATE, _BEST = "progress.json", "best.safetensors"


class Checkpoints:
    """State of accelerate and losses after every epoch, each in a folder that appears whole.

    Parameters
    ----------
    folder : Path
        Of all runs.
    run : str
        Hash of all that shapes this one: the state of another run is left alone.
    """

    def __init__(self, folder: Path, run: str) -> None:
        self.folder = folder / run

    def save(self, accelerator: Accelerator, progress: Progress) -> None:
        """Write the state of an epoch, then remove that of the one before."""
        name = f"epoch-{progress.epoch:05d}"
        unfinished = self.folder / f".tmp-{name}"
        if accelerator.is_main_process:
            files.remove(unfinished)
            unfinished.mkdir(parents=True)
        accelerator.wait_for_everyone()
        accelerator.save_state(str(unfinished))
        accelerator.wait_for_everyone()
        if accelerator.is_main_process:
            save_file(progress.best, unfinished / _BEST)
            numbers = {k: v for k, v in vars(progress).items() if k != "best"}
            files.write_json(unfinished / _STATE, numbers)
            files.publish(unfinished, self.folder / name)
            for old in self._finished()[:-1]:
                files.remove(old)
        accelerator.wait_for_everyone()

    def load(self, accelerator: Accelerator, progress: Progress) -> None:
        """Continue from the last finished epoch, if there is one.

        Raises
        ------
        BrainvisError
            A damaged checkpoint.
        """
        found = self._finished()
        if not found:
            return
        try:
            state = json.loads((found[-1] / _STATE).read_text())
            accelerator.load_state(str(found[-1]))
            progress.best = load_file(found[-1] / _BEST)
            progress.epoch, progress.losses = int(state["epoch"]), list(state["losses"])
            progress.validation = list(state["validation"])
        except Exception as error:  # whatever torch and accelerate say of damaged files
            raise BrainvisError(
                "is not a checkpoint",
                file=found[-1],
                found=f"{type(error).__name__}: {str(error)[:200]}",
                remedy="delete its folder to start anew",
            ) from error

    def _finished(self) -> list[Path]:
        return sorted(self.folder.glob("epoch-*"))


def write_decoder(
    network: Path, voxels: Path, learned: BrainInteraction, embeddings: np.ndarray,
    opened: Trained, source: Path, known: Embeddings, joint: Mapping[str, object],
) -> str:  # fmt: skip
    """Write network folder and voxels file as `interaction train` does; sha256 of the weights.

    Parameters
    ----------
    network, voxels : Path
        To write.
    learned : BrainInteraction
    embeddings : (v, e)
        Of all voxels of `known`, in its order.
    opened, source, known
        The network that training began with, its folder and voxels.
    joint : dict
        What ``config.json`` says of this training, below ``joint``.
    """
    before = {k: v for k, v in read_json(source / CONFIG).items() if k not in ("sizes", "sha256")}
    units = Standardised({}, opened.mean, opened.scale)
    digest = write_network(network, learned, units, **{**before, "joint": dict(joint)})
    attributes = {k: v for k, v in known.attributes.items() if k != "complete"}
    with hdf5.opened(known.path, schema="embeddings") as old:
        kept = {name: hdf5.get(old, name) for name in ("initial", "mean", "scale")}
    with hdf5.create(voxels, {**attributes, "encoder": digest}) as file:
        hdf5.put(file, "embeddings", embeddings.astype(np.float32))
        for name, values in kept.items():
            hdf5.put(file, name, values)
        hdf5.put_table(file, "voxels", known.voxels)
    return digest


def card_of(settings: object, progress: Progress, **described: object) -> dict[str, object]:
    """What the model card and ``config.json`` say of a joint training."""
    best = int(np.argmin(progress.validation))
    return {
        **described,
        "settings": asdict(settings),  # type: ignore[call-overload]
        "losses": progress.losses,
        "validation": progress.validation,
        "best_epoch": best,
        "validation_before": progress.validation[0],
        "validation_after": progress.validation[best],
    }
