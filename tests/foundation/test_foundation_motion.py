"""Tiny motion modules: they alone learn, they repeat themselves, and their card tells all."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from brainvis.animation.registry import open_animator
from brainvis.artifacts import hdf5
from brainvis.containers import Stimuli
from brainvis.errors import BrainvisError
from brainvis.foundation import motion_module
from brainvis.foundation.motion_scores import estimated_flow, held_out_scores

sys.path.append(str(Path(__file__).parents[1] / "generation"))
from tiny_generators import TOKENS, WIDTH, write_stable_diffusion

SETTINGS = {
    "steps": 12, "heads": 2, "held_out": 0.3, "strengths": (0.3, 0.6), "default_steps": 4,
    "threads": 1, "learning_rate": 5e-3,
}  # fmt: skip
FRAMES = 7


class Tokens:
    """Stands in for the image-text model: tokens that follow the colour of the image."""

    def __init__(self, *_, **__):
        self.name = "tokens"

    def extract(self, images):
        colour = images.mean(axis=(1, 2))
        tokens = np.resize(colour, (len(images), TOKENS, WIDTH))
        return colour, tokens


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny generator and ten clips of a square that moves."""
    root, rng = tmp_path_factory.mktemp("motion"), np.random.default_rng(0)
    (root / "generator").mkdir()
    write_stable_diffusion(root / "generator")
    clips = np.full((10, FRAMES, 16, 16, 3), 90, np.uint8)
    clips += rng.integers(0, 60, (10, 1, 16, 16, 3), dtype=np.uint8)
    flow = np.zeros((10, FRAMES - 1, 16, 16, 2), np.float16)
    mask = np.zeros((10, FRAMES, 16, 16), bool)
    for number in range(10):
        for step in range(FRAMES):
            place = slice(4, 10), slice(1 + step, 7 + step)
            clips[number, step][place] = (220, 20 * number, 30)
            mask[number, step][place] = True
        flow[number, ..., 0] = mask[number, :-1]
    table = pd.DataFrame({"stimulus_id": [f"film-{i}" for i in range(10)], "category": "square"})
    table["caption"] = "a square"
    settings = {"schema": "stimuli", "dataset": "toy", "kind": "simulated", "namespace": "film"}
    with hdf5.create(root / "clips.h5", settings | {"fps": 8}) as file:
        values = {"images": clips[:, 0], "clips": clips, "flow": flow, "mask": mask}
        for name, value in values.items():
            hdf5.put(file, name, value)
        hdf5.put_table(file, "table", table)
    return root


def trained(folder, out, **changes):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(motion_module, "OpenClip", Tokens)
        return motion_module.train(
            folder / "clips.h5", folder / "generator", folder, out, **{**SETTINGS, **changes}
        )


@pytest.fixture(scope="module")
def motion(folder):
    return folder / "motion", trained(folder, folder / "motion")


def test_card_states_scores_before_and_after_refinement(motion):
    out, card = motion
    assert json.loads((out / "model_card.json").read_text()) == card
    weights = out / card["weights"]["file"]
    assert weights.stat().st_size == card["weights"]["bytes"]
    reported, page = card["held_out"]["reported"], (out / "README.md").read_text()
    for name in ("static first frame", "splatted with the true flow", "splatted, then refined"):
        assert f"| {name} | {reported[name]['epe']:.3f} | {reported[name]['ssim']:.3f} |" in page
    assert reported["splatted with the true flow"]["epe"] < reported["static first frame"]["epe"]
    assert reported["true clip"]["ssim"] == pytest.approx(1)
    assert card["held_out"]["strength"] in SETTINGS["strengths"]
    assert ("does not help" in page) is not card["held_out"]["helps"]
    assert (card["data"]["training_images"], card["data"]["held_out_images"]) == (7, 3)
    assert card["data"]["namespace"] == "film" and len(card["data"]["clips_sha256"]) == 64


def test_folder_opens_as_any_other_animator(motion):
    out, card = motion
    animator = open_animator(out, device="cpu")
    assert animator.card.defaults.strength == card["held_out"]["strength"]
    assert animator.images.folder == (out.parent / "generator").resolve()
    first, flow = np.full((1, 16, 16, 3), 0.5, np.float32), np.zeros((1, 3, 8, 8, 2), np.float32)
    made = animator.animate(first, flow, None, frames=FRAMES, seeds=np.array([1]))
    assert made.shape == (1, FRAMES, 16, 16, 3) and np.isfinite(made).all()


def test_only_the_temporal_layers_learn(folder, motion):
    animator = open_animator(motion[0], device="cpu")
    stored = load_file(folder / "generator/unet/diffusion_pytorch_model.safetensors")
    state = animator.unet.state_dict()
    for name, value in stored.items():
        torch.testing.assert_close(state[name], value)
    ends = [value for name, value in state.items() if "motion_modules" in name]
    assert all(np.isfinite(value.numpy()).all() for value in ends)
    last = [value for name, value in state.items() if name.endswith("proj_out.weight")]
    assert any(float(value.abs().sum()) > 0 for value in last)  # they began at zero


def test_same_seed_same_weights_and_torchs_state_left_alone(folder, motion, tmp_path):
    def weights(out):
        return (out / "motion_adapter/diffusion_pytorch_model.safetensors").read_bytes()

    short = {"steps": 2, "strengths": (0.3,)}
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    trained(folder, tmp_path / "a", **short)
    assert torch.equal(torch.rand(3), expected)
    trained(folder, tmp_path / "b", **short)
    trained(folder, tmp_path / "c", seed=1, **short)
    assert weights(tmp_path / "a") == weights(tmp_path / "b") != weights(tmp_path / "c")


def test_the_strength_is_chosen_in_clips_that_are_not_reported(motion, folder):
    source, reads = Stimuli.open(folder / "clips.h5"), []

    class Watched:
        def read(self, name, rows):
            reads.append((name, tuple(rows)))
            return source.read(name, rows)

    settings = {"strengths": (0.3,)}
    scores = held_out_scores(motion[0], Watched(), np.array([1, 4, 6, 8]), settings)
    assert {rows for _, rows in reads} == {(1, 4), (6, 8)}
    assert scores["strength"] == 0.3 and set(scores["choosing"]) == {
        "splatted",
        "refined, strength 0.3",
    }


def test_too_few_clips_are_one_error(folder, tmp_path):
    with pytest.raises(BrainvisError, match="too few for one batch of 9"):
        trained(folder, tmp_path / "x", batch=9)


def test_flow_is_estimated_in_pixels():
    rng = np.random.default_rng(0)
    wide = rng.random((1, 8, 16, 3)).repeat(8, axis=1).repeat(8, axis=2)[:, :64].astype(np.float32)
    clip = np.stack([wide[0, :, 8 - step : 72 - step] for step in range(4)])[None]
    found = estimated_flow(clip)
    assert found.shape == (1, 3, 64, 64, 2)
    inside = found[0, :, 12:-12, 12:-12].mean(axis=(0, 1, 2))
    np.testing.assert_allclose(inside, [1, 0], atol=0.15)
