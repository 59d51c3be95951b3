"""The small video network: what it learns from, what it leaves, and that the features open it."""

import json

import h5py
import numpy as np
import pandas as pd
import pytest
import torch

from brainvis.artifacts import hdf5
from brainvis.containers import write_stimuli
from brainvis.errors import BrainvisError
from brainvis.features.registry import make_extractor
from brainvis.foundation.video_model import prepared, train, tubes, varied

SETTINGS = {"steps": 3, "batch": 4, "width": 16, "layers": 2, "heads": 2, "threads": 1}


def world(path, frames=4, side=16, count=12, clips=True):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "stimulus_id": [f"film-{i:03d}" for i in range(count)],
            "caption": "a cup",
            "speed": rng.random(count),
        }
    )
    images = rng.integers(0, 255, (count, side, side, 3), dtype=np.uint8)
    write_stimuli(path, images, table, dataset="made_up", kind="simulated", fps=8)
    if clips:
        with h5py.File(path, "a") as file:
            shown = rng.integers(0, 255, (count, frames, side, side, 3), dtype=np.uint8)
            hdf5.put(file, "clips", shown)
    return path


def test_a_trained_folder_is_opened_by_the_feature_space(tmp_path):
    path = world(tmp_path / "clips.h5")
    card = train(path, tmp_path / "video", held_out=0.25, **SETTINGS)
    extractor = make_extractor("transformers", folder=tmp_path / "video", device="cpu")
    assert extractor.source == "clips" and extractor.size == 16
    pooled, tokens = extractor.extract(np.zeros((2, 4, 16, 16, 3), np.float32))
    assert pooled.shape == (2, 16) and tokens.shape == (2, 8, 16)
    assert card["held_out"].keys() == {"masked_pixels_explained", "speed_r"}
    assert card["data"]["training_images"] == 9 and card["data"]["held_out_images"] == 3
    stored = json.loads((tmp_path / "video/model_card.json").read_text())
    assert stored == card and "decoder" not in (tmp_path / "video/config.json").read_text()[:40]


def test_same_seed_same_weights(tmp_path):
    path = world(tmp_path / "clips.h5")
    first, second = (
        train(path, tmp_path / name, held_out=0.25, **SETTINGS)["weights"]["sha256"]
        for name in ("a", "b")
    )
    assert first == second


@pytest.mark.parametrize("shape", [{"frames": 3}, {"side": 12}, {"clips": False}])
def test_clips_that_cannot_be_cut_into_patches_are_refused(tmp_path, shape):
    with pytest.raises(BrainvisError, match="clips"):
        train(world(tmp_path / "clips.h5", **shape), tmp_path / "out", held_out=0.25, **SETTINGS)
    assert not (tmp_path / "out").exists()


def test_tubes_hide_the_same_patches_in_all_frames_and_as_many_in_each_clip():
    class Config:
        image_size, patch_size, num_frames, tubelet_size = 32, 8, 6, 2

    hidden = tubes(Config, 5, 0.75, torch.Generator().manual_seed(0)).reshape(5, 3, 16)
    assert (hidden == hidden[:, :1]).all() and (hidden[:, 0].sum(1) == 12).all()


def test_variation_moves_a_clip_as_a_whole():
    still = torch.randint(0, 255, (6, 1, 3, 16, 16), dtype=torch.uint8).expand(-1, 4, -1, -1, -1)
    made = varied(still, torch.Generator().manual_seed(1))
    assert made.shape == still.shape and (made == made[:, :1]).all()
    assert not (made == still).all()
    white = prepared(torch.full((1, 2, 3, 4, 4), 255, dtype=torch.uint8))
    assert torch.allclose(white[0, 0, :, 0, 0], torch.tensor([2.2489, 2.4286, 2.64]), atol=1e-3)
