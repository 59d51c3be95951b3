"""The shipped generator and visual network on images of the world that were rendered just now."""

import json

import numpy as np
import pytest

from brainvis.artifacts.files import sha256
from brainvis.containers import Stimuli
from brainvis.evaluate import correlation
from brainvis.features.open_clip_model import OpenClip
from brainvis.features.visual_network import VisualNetwork
from brainvis.generation.registry import open_generator
from brainvis.stimuli.world import write_world


@pytest.fixture(scope="module")
def shipped(repository):
    return repository / "data" / "foundation"


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """Six images of a namespace that no model was trained on."""
    path = tmp_path_factory.mktemp("world") / "world.h5"
    write_world(path, count=6, size=64, seed=11, namespace="test", clips=False, workers=1)
    return Stimuli.open(path).images()


@pytest.fixture(scope="module")
def generator(shipped):
    return open_generator(shipped / "generator", device="cpu", steps=10)


def test_cards_describe_the_files_beside_them(shipped):
    for name in ("generator", "visual"):
        card = json.loads((shipped / name / "model_card.json").read_text())
        entries = card["weights"] if isinstance(card["weights"], list) else [card["weights"]]
        for entry in entries:
            assert sha256(shipped / name / entry["file"]) == entry["sha256"], (name, entry)
        assert card["data"]["namespace"] == "pool"
    whole = sum(path.stat().st_size for path in shipped.rglob("*") if path.is_file())
    assert whole < 30e6


def test_autoencoder_returns_images_better_than_the_mean_image(generator, seen):
    nothing = np.zeros((len(seen), generator.tokens, generator.width), np.float32)
    made = generator.generate(nothing, seen, strength=0.0, seeds=np.arange(len(seen)))
    error = np.square(made - seen).mean(axis=(1, 2, 3))
    of_mean = np.square(seen.mean(axis=0) - seen).mean(axis=(1, 2, 3))
    assert (error < 0.5 * of_mean).all() and error.mean() < 0.2 * of_mean.mean()


def test_true_tokens_draw_the_image_that_they_are_of(generator, shipped, seen):
    card = json.loads((shipped / "generator" / "generator.json").read_text())
    clip = OpenClip(shipped / "image_text", (card["condition"]["layer"],), device="cpu")
    assert clip.name == card["condition"]["model"]
    pooled, tokens = clip.extract(seen)
    seeds = np.full(len(seen), 3)  # the same noise for all
    made = generator.generate(np.asarray(tokens, np.float32), None, strength=1.0, seeds=seeds)
    likeness = correlation.all_pairs(seen, made)
    own, others = np.diagonal(likeness), likeness[~np.eye(len(seen), dtype=bool)]
    assert own.mean() > others.mean() + 0.3
    assert (own > others.mean()).all()
    meaning = correlation.all_pairs(pooled, clip.extract(made)[0])
    assert np.diagonal(meaning).mean() > meaning[~np.eye(len(seen), dtype=bool)].mean() + 0.2


def test_visual_features_tell_what_is_alike_from_what_is_not(shipped, seen):
    network = VisualNetwork(shipped / "visual", device="cpu")
    brighter = np.clip(seen * 1.05 + 0.02, 0, 1).astype(np.float32)
    for level, changed in zip(network.stages(seen), network.stages(brighter), strict=True):
        likeness = correlation.all_pairs(level, changed)
        assert (likeness.argmax(axis=0) == np.arange(len(seen))).all()
