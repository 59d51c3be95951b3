"""Small stimulus files and random checkpoints for feature extractors."""

import copy
import json

import numpy as np
import pandas as pd
import pytest

from brainvis.artifacts import hdf5
from brainvis.features.open_clip_model import CONFIG, WEIGHTS, build

ARCHITECTURE = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "patch_size": 8, "width": 32, "layers": 3, "head_width": 16},
    "text_cfg": {"context_length": 12, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}


def save_open_clip(folder, architecture=None, weights_of=None):
    """A checkpoint folder with random weights (of another architecture, for mismatches)."""
    import torch
    from safetensors.torch import save_file

    architecture = architecture or ARCHITECTURE
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).write_text(json.dumps({"model_cfg": architecture}))
    torch.manual_seed(0)
    model = build(weights_of or architecture, folder / CONFIG)
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, folder / WEIGHTS)
    return folder


@pytest.fixture(scope="session")
def make_open_clip():
    return save_open_clip


@pytest.fixture
def architecture():
    """A copy of the small architecture, to be changed at will."""
    return copy.deepcopy(ARCHITECTURE)


@pytest.fixture(scope="session")
def open_clip_folder(tmp_path_factory):
    return save_open_clip(tmp_path_factory.mktemp("checkpoint") / "tiny")


@pytest.fixture(scope="session")
def stimuli_file(tmp_path_factory):
    """Seven images and clips of random blobs, identifiers not in alphabetical order."""
    path = tmp_path_factory.mktemp("stimuli") / "stimuli.h5"
    rng = np.random.default_rng(0)
    clips = rng.integers(0, 256, (7, 8, 40, 40, 3), dtype=np.uint8)
    table = pd.DataFrame(
        {
            "stimulus_id": [f"s{number}" for number in (5, 3, 9, 1, 7, 2, 8)],
            "category": "blob",
            "supercategory": "blobs",
            "caption": "a blob",
        }
    )
    attributes = {"schema": "stimuli", "dataset": "placeholder", "kind": "simulated", "fps": 8}
    with hdf5.create(path, attributes) as file:
        hdf5.put(file, "images", clips[:, 0])
        hdf5.put(file, "clips", clips)
        hdf5.put_table(file, "table", table)
    return path
