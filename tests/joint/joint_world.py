"""Two subjects whose responses tell the brightness of an image, an untrained decoder, a generator.

Run as a script, it tunes the files of a folder: `python joint_world.py FOLDER OUT [CHECKPOINTS]`.
"""

import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from brainvis.artifacts import hdf5
from brainvis.containers import Responses, write_responses, write_stimuli
from brainvis.datasets import splits
from brainvis.datasets.splits import Fold
from brainvis.decoding.interaction import BrainInteraction, Sizes
from brainvis.decoding.interaction_data import Standardised
from brainvis.decoding.interaction_files import write_network
from brainvis.encoding.universal_embeddings import voxel_rows
from brainvis.generation.joint_fit import Plan
from brainvis.generation.joint_stage import Inputs, Outputs, tune_jointly

SIZE, TOKENS, WIDTH, POOLED = 16, 5, 24, 24  # those of the tiny generators
TRAIN, TEST, EMBEDDING, CLUSTERS = 25, 5, 6, 3
VOXELS = {"01": 12, "02": 9}
IDS = np.array([f"i{number:02d}" for number in range(TRAIN + TEST)])
PLAN = {"epochs": 3, "batch": 6, "accumulate": 2, "rate": 2e-3}


@dataclass(frozen=True)
class JointWorld:
    """Folder of the files."""

    folder: Path

    @property
    def inputs(self) -> Inputs:
        responses = [self.folder / f"responses-{subject}.h5" for subject in VOXELS]
        names = ("network", "voxels.h5", "generator")
        parts = [self.folder / name for name in names]
        return Inputs(*parts, responses, self.folder / "stimuli.h5", self.folder / "splits.json")

    def tune(self, out: Path, *, checkpoints=None, devices=1, validation=0.2, **changed) -> Outputs:
        """Tune with the settings `PLAN`; what was written."""
        out.mkdir(parents=True, exist_ok=True)
        outputs = Outputs(out / "network", out / "voxels.h5", out / "generator")
        tune_jointly(
            self.inputs,
            outputs,
            Plan(**{**PLAN, **changed}),
            checkpoints=checkpoints,
            validation=validation,
            devices=devices,
            device="cpu",
        )
        return outputs


def make_joint_world(folder: Path, generator: str) -> JointWorld:
    from tiny_generators import WRITERS

    folder.mkdir(exist_ok=True)
    (folder / "generator").mkdir()
    WRITERS[generator](folder / "generator")
    rng = np.random.default_rng(0)
    grey = np.linspace(30, 220, len(IDS))[rng.permutation(len(IDS))]
    images = np.clip(grey[:, None, None, None] + rng.normal(size=(len(IDS), SIZE, SIZE, 3)), 0, 255)
    table = pd.DataFrame({"stimulus_id": IDS, "category": "", "supercategory": "", "caption": ""})
    write_stimuli(
        folder / "stimuli.h5", images.astype(np.uint8), table, dataset="toy", kind="simulated"
    )
    splits.write(
        folder / "splits.json", {"main": [Fold(IDS[:TRAIN].tolist(), IDS[TRAIN:].tolist())]}
    )
    level = (grey - grey.mean()) / grey.std()
    tables = [_write_subject(folder, subject, level) for subject in VOXELS]
    sizes = Sizes(
        CLUSTERS,
        EMBEDDING,
        {"image-text": (TOKENS, WIDTH), "image-text-pooled": (1, POOLED)},
        width=8,
        heads=2,
        hidden=16,
        dropout=0.0,
    )
    torch.manual_seed(1)
    units = {name: torch.zeros(shape) for name, shape in sizes.outputs.items()}
    scale = {name: torch.ones(shape[1]) for name, shape in sizes.outputs.items()}
    digest = write_network(
        folder / "network", BrainInteraction(sizes), Standardised({}, units, scale),
        kind="simulated",
    )  # fmt: skip
    _write_voxels(folder, tables, digest, rng)
    return JointWorld(folder)


def _write_subject(folder: Path, subject: str, level: np.ndarray) -> pd.DataFrame:
    rng, count = np.random.default_rng(int(subject)), VOXELS[subject]
    betas = np.outer(level, rng.normal(size=count)) + 0.1 * rng.normal(size=(len(IDS), count))
    trials = pd.DataFrame({"stimulus_id": IDS, "run": 0, "repeat": 0})
    voxels = pd.DataFrame(rng.integers(0, 9, (count, 3)), columns=["i", "j", "k"])
    voxels["roi"] = ""
    path = folder / f"responses-{subject}.h5"
    write_responses(path, betas, trials, voxels, dataset="toy", subject=subject, kind="simulated")
    return voxel_rows(subject, voxels)


def _write_voxels(folder: Path, tables: list, digest: str, rng: np.random.Generator) -> None:
    table = pd.concat(tables, ignore_index=True)
    table["cluster"] = np.arange(len(table)) % CLUSTERS
    first = rng.normal(size=(len(table), EMBEDDING)).astype(np.float32) / 3
    shown = [Responses.open(folder / f"responses-{subject}.h5") for subject in VOXELS]
    values = [one.averaged(IDS[:TRAIN]) for one in shown]
    attributes = {"schema": "embeddings", "unit_norm": False, "space": "toy", "kind": "simulated"}
    with hdf5.create(folder / "voxels.h5", {**attributes, "encoder": digest}) as file:
        hdf5.put(file, "embeddings", first)
        hdf5.put(file, "initial", first)
        hdf5.put(file, "mean", np.concatenate([x.mean(0) for x in values]).astype(np.float32))
        hdf5.put(file, "scale", np.concatenate([x.std(0) for x in values]).astype(np.float32))
        hdf5.put_table(file, "voxels", table)


def killed_after(epoch: int) -> None:
    """Kill this process, as a scheduler would, in the middle of the epoch after `epoch`."""
    from brainvis.generation import joint_fit

    step = joint_fit._Step.losses

    def fragile(self, *given):
        if self._seed[1] == epoch and self._seed[2] == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(self, *given)

    joint_fit._Step.losses = fragile


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder, out, checkpoints, epoch = sys.argv[1:]
    killed_after(int(epoch))
    JointWorld(Path(folder)).tune(Path(out), checkpoints=Path(checkpoints))
