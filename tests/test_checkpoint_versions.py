"""New weights under an old name change the settings of rules that read them, and of no other."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from brainvis import config
from brainvis.commands.common import settings_text
from brainvis.config import checkpoints

DEMO = Path(__file__).resolve().parents[1] / "workflows/config/demo.yaml"


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("BRAINVIS_DATA", str(tmp_path))
    forget()
    yield tmp_path
    forget()


def forget():
    checkpoints._checkpoint.cache_clear()
    checkpoints.version.cache_clear()


def put(folder, value):
    folder.mkdir(parents=True, exist_ok=True)
    save_file({"w": np.full(3, value, np.float32)}, folder / "model.safetensors")


def test_shipped_models_are_named_by_their_cards():
    found = config.checkpoint_versions(
        {"a": {"folder": "foundation/shape"}, "b": ["image-text", 3, None, ""]}
    )
    assert list(found) == ["foundation/shape"] and len(found["foundation/shape"]) == 16


def test_new_weights_are_another_version(root):
    put(root / "net", 1)
    put(root / "pipeline/unet", 1)
    first = config.checkpoint_versions(["net", "pipeline"])
    assert set(first) == {"net", "pipeline"}
    forget()
    assert config.checkpoint_versions(["net", "pipeline"]) == first
    put(root / "net", 2)
    os.utime(root / "net/model.safetensors", ns=(1, 1))
    forget()
    again = config.checkpoint_versions(["net", "pipeline"])
    assert again["net"] != first["net"] and again["pipeline"] == first["pipeline"]


def test_a_card_speaks_for_its_weights(root):
    put(root / "net", 1)
    (root / "net/model_card.json").write_text('{"weights": "a"}')
    first = config.checkpoint_versions(["net"])
    os.utime(root / "net/model.safetensors", ns=(1, 1))  # as a fresh clone has it
    forget()
    assert config.checkpoint_versions(["net"]) == first
    (root / "net/model_card.json").write_text('{"weights": "b"}')
    forget()
    assert config.checkpoint_versions(["net"]) != first


@pytest.mark.parametrize("name", ["absent", "../outside", "/etc", "~", "a\0b", "data-only"])
def test_what_names_no_checkpoint_is_passed_over(root, name):
    (root / "data-only/deep/down").mkdir(parents=True)
    put(root / "data-only/deep/down", 1)
    assert config.checkpoint_versions({"x": name}) == {}


def test_rules_that_read_no_weights_do_not_see_them():
    run = config.load(DEMO)
    shape = json.loads(settings_text(run, "objects.generator"))
    assert list(shape["checkpoints"]) == ["foundation/shape"]
    assert json.loads(settings_text(run, "splits"))["checkpoints"] == {}
