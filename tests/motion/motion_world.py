"""A small planted world of moving squares, with voxels that follow the square's velocity."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from brainvis.artifacts import hdf5
from brainvis.containers import write_features, write_stimuli
from brainvis.datasets.splits import Fold
from brainvis.motion.files import write_targets
from brainvis.movies import write_movie_responses

CLIPS, TEST, SIZE, FRAMES, STRIDE, VOXELS = 60, 12, 8, 3, 2, 20


def ids(count: int = CLIPS) -> np.ndarray:
    return np.array([f"clip-{k:03d}" for k in range(count)])


def fold() -> Fold:
    names = ids().tolist()
    return Fold(names[:-TEST], names[-TEST:])


def planted(seed: int = 0) -> dict[str, np.ndarray]:
    """Squares of 4 cells that move at one velocity over a background at rest."""
    rng = np.random.default_rng(seed)
    velocity = rng.normal(size=(CLIPS, 2)).astype(np.float32) * 0.4
    corner = rng.integers(0, SIZE - 3, size=(CLIPS, 2))
    mask = np.zeros((CLIPS, FRAMES, SIZE, SIZE), dtype=np.float32)
    for clip in range(CLIPS):
        for frame in range(FRAMES):  # the object goes on, by whole cells
            row, column = corner[clip] + np.rint(velocity[clip, ::-1] * STRIDE * frame).astype(int)
            mask[
                clip, frame, max(0, row) : max(0, row + 4), max(0, column) : max(0, column + 4)
            ] = 1
    flow = mask[..., None] * velocity[:, None, None, None]
    images = np.full((CLIPS, SIZE, SIZE, 3), 60, dtype=np.uint8)
    images[mask[:, 0] > 0] = (220, 200, 40)
    weights = rng.normal(size=(2, VOXELS))
    responses = velocity @ weights + rng.normal(size=(CLIPS, VOXELS)) * 0.05
    return {
        "velocity": velocity,
        "flow": flow,
        "mask": mask,
        "images": images,
        "tokens": mask[:, 0].reshape(CLIPS, SIZE * SIZE, 1) * np.array([1.0, 0.5, -1.0]),
        "responses": responses.astype(np.float32),
    }


def write_world(folder: Path, world: dict[str, np.ndarray]) -> dict[str, Path]:
    """Files of the world by name, as the stage takes them."""
    names = ("responses", "targets", "features", "stimuli")
    paths = {name: folder / f"{name}.h5" for name in names}
    folder.mkdir(parents=True, exist_ok=True)
    segment = np.array([f"run-{k // 6:02d}" for k in range(CLIPS)])
    one = pd.DataFrame(
        {
            "stimulus_id": ids(), "segment": segment, "onset": np.arange(CLIPS) * 2.0,
            "duration": 2.0, "row": np.arange(CLIPS),
        }
    )  # fmt: skip
    volumes = pd.DataFrame({"segment": segment, "stimulus_id": ids()})
    voxels = pd.DataFrame({"roi": ["MT"] * VOXELS, "noise_ceiling": [0.5] * VOXELS})
    write_movie_responses(
        paths["responses"], world["responses"], world["responses"],
        volumes=volumes, clips=one, voxels=voxels,
        dataset="planted", subject="01", kind="simulated", tr=2.0,
    )  # fmt: skip
    write_targets(
        paths["targets"], ids(), world["flow"], world["mask"],
        estimator="exact", steps=FRAMES * STRIDE, fps=8, mask="planted",
        dataset="planted", kind="simulated",
    )  # fmt: skip
    table = pd.DataFrame({"stimulus_id": ids()})
    write_stimuli(paths["stimuli"], world["images"], table, dataset="planted", kind="simulated")
    tokens = world["tokens"]
    write_features(
        paths["features"], ids(), tokens[:, 0], tokens, space="patches", kind="simulated"
    )
    return paths


def add_clips(path: Path, **arrays: np.ndarray) -> None:
    """Append clips, flow or masks to a finished `Stimuli` file."""
    with h5py.File(path, "a") as file:
        for name, values in arrays.items():
            hdf5.put(file, name, values)
