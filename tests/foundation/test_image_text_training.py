"""A tiny image-text model learns, repeats itself, and is scored on images it never saw."""

import json

import numpy as np
import pandas as pd
import pytest

from brainvis.containers import Stimuli, write_stimuli
from brainvis.errors import BrainvisError
from brainvis.features.open_clip_model import WEIGHTS, OpenClip
from brainvis.foundation.image_text import held_out_rows, train

COLORS = {"red": (230, 40, 40), "green": (40, 200, 60), "blue": (50, 60, 230), "white": (240,) * 3}
SETTINGS = {
    "size": 32, "width": 64, "layers": 2, "text_width": 32, "text_layers": 1, "context": 12,
    "dimensions": 32, "batch": 16, "held_out": 0.25, "threads": 1, "learning_rate": 2e-3,
}  # fmt: skip


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    """64 coloured squares and discs on grey noise."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:32, :32]
    images = rng.integers(90, 130, (64, 32, 32, 3), dtype=np.uint8)
    rows = []
    for number, image in enumerate(images):
        color = list(COLORS)[number % 4]
        shape = ("square", "disc")[number // 4 % 2]
        row, column = rng.integers(10, 22, 2)
        inside = (
            np.hypot(y - row, x - column) < 8
            if shape == "disc"
            else np.maximum(abs(y - row), abs(x - column)) < 8
        )
        image[inside] = COLORS[color]
        caption = f"a {color} {shape} on grey, moving left"
        rows.append((f"p{number:02d}", shape, "shape", caption))
    table = pd.DataFrame(rows, columns=["stimulus_id", "category", "supercategory", "caption"])
    path = tmp_path_factory.mktemp("pool") / "pool.h5"
    write_stimuli(path, images, table, dataset="placeholder", kind="simulated")
    return path


@pytest.fixture(scope="module")
def trained(pool, tmp_path_factory):
    out = tmp_path_factory.mktemp("trained") / "model"
    return out, train(pool, out, epochs=40, **SETTINGS)


def test_loss_falls_and_held_out_images_find_their_captions(trained):
    _, card = trained
    first, last = card["losses"][0], card["losses"][-1]
    assert last["contrastive"] < 0.8 * first["contrastive"]
    assert last["reconstruction"] < 0.5 * first["reconstruction"]
    retrieval = card["held_out"]["retrieval"]
    assert retrieval["image_to_text"] > 2.5 * retrieval["image_to_text_chance"]
    assert card["held_out"]["reconstruction"]["explained_variance"] > 0.3


def test_checkpoint_is_complete_and_loads_as_any_other(trained, pool):
    out, card = trained
    assert {path.name for path in out.iterdir()} == {
        "README.md", "bpe_vocab.txt.gz", "model_card.json", "open_clip_config.json", WEIGHTS,
    }  # fmt: skip
    assert json.loads((out / "model_card.json").read_text()) == card
    extractor = OpenClip(out)
    assert card["weights"]["sha256"].startswith(extractor.name.split("@")[1])
    pooled, tokens = extractor.extract(Stimuli.open(pool).images(slice(0, 3)))
    assert pooled.shape == (3, 32) and tokens.shape == (3, 16, 64)
    words = extractor.encode_text(["a red disc on grey", "something never said before"])
    assert np.isfinite(words).all()
    assert (
        f"{card['held_out']['retrieval']['image_to_text']:.3f}" in (out / "README.md").read_text()
    )


def test_same_seed_same_weights(pool, tmp_path):
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        train(pool, tmp_path / name, epochs=1, seed=seed, **SETTINGS)
    first, second, other = ((tmp_path / name / WEIGHTS).read_bytes() for name in "abc")
    assert first == second
    assert first != other


def test_training_leaves_torchs_random_state_alone(pool, tmp_path):
    import torch

    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    train(pool, tmp_path / "m", epochs=1, **SETTINGS)
    assert torch.equal(torch.rand(3), expected)


def test_held_out_images_shape_nothing(pool, tmp_path):
    """Other pixels and captions in the held-out rows give the same weights and tokenizer."""
    source = Stimuli.open(pool)
    images, table = source.read("images"), source.table.copy()
    _, testing = held_out_rows(64, SETTINGS["held_out"], SETTINGS["batch"], 0, pool)
    images[testing] = 255 - images[testing]
    table.loc[testing, "caption"] = "an extraordinary xylophone"
    changed = tmp_path / "changed.h5"
    write_stimuli(changed, images, table, dataset="placeholder", kind="simulated")
    train(pool, tmp_path / "a", epochs=1, **SETTINGS)
    train(changed, tmp_path / "b", epochs=1, **SETTINGS)
    for name in (WEIGHTS, "bpe_vocab.txt.gz"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_too_few_images_and_missing_captions_are_one_error(pool, tmp_path):
    with pytest.raises(BrainvisError, match="too few for one batch of 60"):
        train(pool, tmp_path / "m", **{**SETTINGS, "batch": 60})
    source = Stimuli.open(pool)
    silent = tmp_path / "silent.h5"
    table = source.table.assign(caption="")
    write_stimuli(silent, source.read("images"), table, dataset="placeholder", kind="simulated")
    with pytest.raises(BrainvisError, match="table/caption: is missing or empty"):
        train(silent, tmp_path / "m", epochs=1, **SETTINGS)
