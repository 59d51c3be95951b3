"""A small planted world: tokens on a grid, voxels with a receptive field and channel weights."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from brainvis.containers import write_features, write_responses
from brainvis.datasets import splits
from brainvis.datasets.splits import Fold

LAYERS, GRID, WIDTH = 2, 5, 12
COUNT, TRAIN = 260, 200


@dataclass(frozen=True)
class Planted:
    """Paths of files with planted data, and what was planted."""

    folder: Path
    features: Path
    unseen: Path
    splits: Path
    responses: list[Path]
    truth: list[np.ndarray]  # noise-free, (stimuli, v) each
    ids: np.ndarray

    @property
    def train(self) -> np.ndarray:
        return self.ids[:TRAIN]

    @property
    def test(self) -> np.ndarray:
        return self.ids[TRAIN:]


def make_tokens(count: int, seed: int) -> np.ndarray:
    """White tokens of a first layer and a mixture of them as a second, (n, 2, 25, 12) float16."""
    rng = np.random.default_rng(seed)
    first = rng.normal(size=(count, GRID * GRID, WIDTH))
    mixing = np.random.default_rng(9).normal(size=(WIDTH, WIDTH)) / np.sqrt(WIDTH)
    return np.stack([first, np.tanh(first @ mixing)], axis=1).astype(np.float16)


def answer(tokens: np.ndarray, voxels: int, seed: int) -> np.ndarray:
    """Noise-free responses: the receptive field's mean of one of six channel mixtures."""
    rng, types = np.random.default_rng(seed), np.random.default_rng(5).normal(size=(6, WIDTH))
    axis = np.linspace(-1, 1, GRID)
    x, y = (part.ravel() for part in np.meshgrid(axis, axis))
    centre = rng.uniform(-1, 1, (2, voxels, 1))
    field = np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2 * 0.35**2))
    field /= field.sum(axis=1, keepdims=True)
    weights = types[rng.integers(6, size=voxels)]
    drive = np.einsum("ntc,vt,vc->nv", tokens[:, 0].astype(float), field, weights, optimize=True)
    return (drive / drive.std(axis=0)).astype(np.float32)


SETTINGS = {
    "channels": 12, "size": 16, "epochs": 25, "voxels": 90, "batch": 20, "rate": 1e-2,
    "embedding_rate": 5e-2,
}  # fmt: skip


def make_world(folder: Path) -> Planted:
    """Write features, splits and responses of three subjects."""
    ids = np.array([f"stim{number:04d}" for number in range(COUNT)])
    tokens, unseen = make_tokens(COUNT, 0), make_tokens(40, 1)
    shown = {"space": "toy", "model": "planted", "kind": "simulated"}
    write_features(folder / "f.h5", ids, tokens.mean((1, 2)), tokens, **shown)
    others = np.array([f"prior{number:04d}" for number in range(40)])
    write_features(folder / "u.h5", others, unseen.mean((1, 2)), unseen, **shown)
    splits.write(folder / "s.json", {"main": [Fold(ids[:TRAIN].tolist(), ids[TRAIN:].tolist())]})
    responses, truth = [], []
    for number in range(3):
        truth.append(answer(tokens, 90, 10 + number))
        responses.append(_write_subject(folder, number, truth[-1], ids))
    return Planted(
        folder, folder / "f.h5", folder / "u.h5", folder / "s.json", responses, truth, ids
    )


def _write_subject(folder: Path, number: int, truth: np.ndarray, ids: np.ndarray) -> Path:
    rng = np.random.default_rng([3, number])
    repeats = 2
    trials = pd.DataFrame(
        {
            "stimulus_id": np.tile(ids, repeats),
            "run": np.repeat(np.arange(repeats), len(ids)),
            "repeat": np.repeat(np.arange(repeats), len(ids)),
        }
    )
    noise = rng.normal(size=(len(trials), truth.shape[1]))
    betas = 5 + 2 * (np.tile(truth, (repeats, 1)) + 0.8 * noise)
    place = rng.integers(0, 20, (truth.shape[1], 3))
    voxels = pd.DataFrame(place, columns=["i", "j", "k"])
    voxels["roi"] = np.where(np.arange(len(voxels)) % 2 == 0, "V1", "V2")
    path = folder / f"r{number}.h5"
    write_responses(
        path, betas, trials, voxels, dataset="toy", subject=f"{number + 1:02d}", kind="simulated"
    )
    return path
