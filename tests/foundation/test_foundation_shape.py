"""A tiny shape prior: learns, repeats itself, says what it is, and is opened like any other."""

import json

import numpy as np
import pytest

from brainvis.artifacts.files import sha256
from brainvis.containers import Features, Stimuli
from brainvis.errors import BrainvisError
from brainvis.foundation import image_text, shape
from brainvis.objects3d.registry import open_object_generator
from brainvis.objects3d.truth import azimuths, true_shape, true_voxels, write_latents
from brainvis.stimuli.world import write_world

SETTINGS = {
    "steps": 6, "batch": 8, "shape": 10, "color": 5, "width": 16, "hidden": 16, "prior_steps": 6,
    "prior_batch": 8, "prior_layers": 1, "prior_heads": 1, "default_steps": 2, "held_out": 0.25,
    "meshed": 2, "workers": 1, "threads": 1, "components": 20, "regression_steps": 6,
    "regression_hidden": 16,
}  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """24 objects, their meshes, and a tiny image-text model."""
    folder = tmp_path_factory.mktemp("shapes")
    write_world(
        folder / "objects.h5", count=24, seed=2, size=32, namespace="test", clips=False, workers=1,
        meshes=folder / "meshes",
    )  # fmt: skip
    image_text.train(
        folder / "objects.h5", folder / "clip", epochs=1, size=32, width=32, layers=1,
        text_width=32, text_layers=1, context=12, dimensions=8, batch=8, held_out=0.25,
    )  # fmt: skip
    return folder / "objects.h5", folder / "meshes", folder / "clip"


@pytest.fixture(scope="module")
def trained(world, tmp_path_factory):
    out = tmp_path_factory.mktemp("prior") / "shape"
    return out, shape.train(*world, out, **SETTINGS)


def test_the_card_says_what_was_trained_and_how_near_it_comes(trained, world):
    out, card = trained
    assert card == json.loads((out / "model_card.json").read_text())
    for entry in card["weights"]:
        assert sha256(out / entry["file"]) == entry["sha256"]
    assert card["data"]["training_images"] == 18 and card["data"]["kind"] == "simulated"
    names = {"autoencoder", "mean shape", "nearest training object"}
    assert names < set(card["held_out"])
    for route in ("regression", "diffusion"):
        for one in ("true", "vague"):
            score = card["held_out"][f"{route}, {one} tokens"]
            assert 0 <= score["iou"] <= 1 and score["chamfer"] > 0 and score["objects"] == 3
    better = max(
        ("regression", "diffusion"), key=lambda k: card["choosing_iou"][f"{k}, vague tokens"]
    )
    assert json.loads((out / "generator.json").read_text())["route"] == better == card["route"]
    assert "no subject" in (out / "README.md").read_text()


def test_true_latents_come_nearer_than_the_mean_shape(trained):
    scores = trained[1]["held_out"]
    assert scores["autoencoder"]["iou"] > scores["mean shape"]["iou"]


def test_equal_seeds_give_equal_weights(trained, world, tmp_path):
    out, _ = trained
    shape.train(*world, tmp_path / "again", **SETTINGS)
    for path in out.rglob("*.safetensors"):
        assert sha256(path) == sha256(tmp_path / "again" / path.relative_to(out)), path


def test_it_is_opened_like_any_other_generator(trained, world):
    generator = open_object_generator(trained[0], device="cpu")
    vectors = (
        np.random.default_rng(0)
        .normal(size=(2, generator.tokens, generator.width))
        .astype(np.float32)
    )
    low = np.full((2, generator.appearance_width), 0.5, np.float32)
    for made in (
        generator.generate(vectors, np.arange(2)),
        generator.generate(vectors, np.arange(2), low),
    ):
        assert [one.status for one in made] == ["ok", "ok"]
        assert all(one.to_trimesh().is_watertight for one in made)


def test_latents_of_stimuli_are_features_of_their_own_space(trained, world, tmp_path):
    stimuli, meshes, _ = world
    write_latents(tmp_path / "latents.h5", stimuli, meshes, trained[0], workers=1)
    found, source = Features.open(tmp_path / "latents.h5"), Stimuli.open(stimuli)
    generator = open_object_generator(trained[0], device="cpu")
    assert found.space == "shape" and found.attributes["model"] == generator.name
    one, turn = source.ids[5], azimuths(source)[5]
    wanted = generator.encode([true_shape(meshes, str(one), float(turn))])
    assert found.pooled(np.array([one])) == pytest.approx(wanted, abs=1e-4)


def test_missing_meshes_and_too_few_objects_are_named(world, tmp_path):
    stimuli, meshes, clip = world
    with pytest.raises(BrainvisError, match="no such mesh"):
        true_voxels(tmp_path, Stimuli.open(stimuli), 1)
    with pytest.raises(BrainvisError, match="too few"):
        shape.train(stimuli, meshes, clip, tmp_path / "out", **(SETTINGS | {"batch": 40}))
    assert not (tmp_path / "out").exists()
