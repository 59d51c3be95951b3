"""A small stimulus set of its own, so that these tests need no other room."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from brainvis.artifacts import hdf5
from brainvis.simulate.channels import write_channels
from brainvis.simulate.subject import simulate_subject

CATEGORIES = {
    "face": "person",
    "body": "person",
    "house": "place",
    "street": "place",
    "apple": "food",
    "bread": "food",
    "letter": "word",
    "hammer": "tool",
}


def write_toy_stimuli(path: Path, count: int, seed: int = 0) -> None:
    """Drifting textured ellipses on a plain ground; category shapes size and colour."""
    rng = np.random.default_rng(seed)
    names = np.array(list(CATEGORIES))
    kind = np.arange(count) % len(names)
    angle = rng.uniform(0, 2 * np.pi, count)
    speed = rng.uniform(0, 2.5, count)  # pixels per frame
    centre = rng.uniform(-0.4, 0.4, (count, 2))
    colour = rng.random((count, 3))
    ground = rng.random((count, 3))
    stretch = rng.uniform(0.4, 1.0, count) * (0.6 + 0.05 * kind)
    rows, columns = np.mgrid[:64, :64] / 32 - 1
    clips = np.zeros((count, 16, 64, 64, 3), np.uint8)
    masks = np.zeros((count, 16, 64, 64), bool)
    for n in range(count):
        texture = 0.5 + 0.5 * np.sin(2 * np.pi * (2 + kind[n]) * (columns + rows * rng.normal()))
        for frame in range(16):
            x = centre[n, 0] + speed[n] * np.cos(angle[n]) * (frame - 8) / 32
            y = centre[n, 1] - speed[n] * np.sin(angle[n]) * (frame - 8) / 32
            inside = ((columns - x) / 0.5) ** 2 + ((rows - y) / (0.5 * stretch[n])) ** 2 < 1
            shade = (0.4 + 0.6 * texture)[..., None] * colour[n]
            clips[n, frame] = 255 * np.where(inside[..., None], shade, ground[n])
            masks[n, frame] = inside
    table = pd.DataFrame(
        {
            "stimulus_id": [f"toy{n:04d}" for n in range(count)],
            "category": names[kind],
            "supercategory": [CATEGORIES[name] for name in names[kind]],
            "caption": [f"a {name}" for name in names[kind]],
            "x": centre[:, 0],
            "y": -centre[:, 1],
            "elongation": stretch,
            "velocity_x": speed * np.cos(angle),
            "velocity_y": speed * np.sin(angle),
            "indoor": rng.integers(0, 2, count),
        }
    )
    attributes = {"schema": "stimuli", "dataset": "toy", "kind": "simulated", "fps": 8}
    with hdf5.create(path, attributes) as file:
        hdf5.put(file, "images", clips[:, 0])
        hdf5.put(file, "clips", clips)
        hdf5.put(file, "mask", masks)
        hdf5.put_table(file, "table", table)


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with stimuli.h5, channels.h5, bids/sub-01 and truth/01.h5: 96 stimuli, 3 repeats."""
    root = tmp_path_factory.mktemp("simulate")
    write_toy_stimuli(root / "stimuli.h5", 96)
    write_channels(root / "stimuli.h5", root / "channels.h5")
    (root / "truth").mkdir()
    simulate(root, "01")
    return root


def simulate(root: Path, subject: str, tree: str = "bids", **settings) -> Path:
    """Simulate a small subject into ``root/<tree>/sub-<subject>`` and return that folder."""
    folder = root / tree / f"sub-{subject}"
    truth = root / "truth" / f"{tree}-{subject}.h5"
    given = {"voxels": 1000, "subject": subject, "seed": 3} | settings
    simulate_subject(root / "stimuli.h5", root / "channels.h5", folder, truth, **given)
    return folder
