"""The commands around generation run as jobs of the artifact store."""

import json

import numpy as np
import pandas as pd
import pytest
import typer

from brainvis.commands.generate_images import generate_images
from brainvis.commands.generate_low_level import generate_low_level
from brainvis.commands.generate_select import generate_select
from brainvis.containers import (
    Reconstructions,
    write_features,
    write_reconstructions,
    write_responses,
)
from brainvis.datasets import splits
from brainvis.datasets.splits import Fold
from brainvis.features.registry import make_extractor

IDS = np.array(["a", "b", "c"])
OF = {"subject": "01", "split": "main", "dataset": "toy", "kind": "simulated", "method": "tokens"}


@pytest.fixture
def parts(tmp_path, monkeypatch, folders):
    monkeypatch.setenv("BRAINVIS_DATA", str(folders["unclip"].parent))
    splits.write(tmp_path / "splits.json", {"main": [Fold(["x", "y", "z"], list(IDS))]})
    rng = np.random.default_rng(0)
    tokens = rng.standard_normal((3, 5, 24))
    write_features(tmp_path / "t.h5", IDS, tokens[:, 0], tokens, space="image-text", **OF)
    own = {"folder": folders["unclip"].name, "strength": 0.5, "batch": 2}
    context = {"dataset": "toy", "kind": "simulated", "seed": 3}
    text = json.dumps({**context, "settings": {"generators.tiny": own}})
    return text, {"splits": tmp_path / "splits.json", "split": "main"}


def test_images_are_generated_by_the_command(parts, tmp_path):
    text, common = parts
    start = tmp_path / "start.h5"
    write_reconstructions(start, IDS, np.full((3, 8, 8, 3), 0.4), np.zeros(3), **OF)
    for sample in (0, 1):
        generate_images(
            text,
            tmp_path / "t.h5",
            method="tiny",
            out=tmp_path / f"{sample}.h5",
            start=start,
            sample=sample,
            **common,
        )
    one, two = (Reconstructions.open(tmp_path / f"{sample}.h5") for sample in (0, 1))
    assert one.attributes["method"] == "tiny" and one.attributes["seed"] == 3
    assert np.abs(one.images() - two.images()).max() > 1e-3
    log = tmp_path / "log.txt"
    with pytest.raises(typer.Exit):
        generate_images(text, tmp_path / "no.h5", method="tiny", out=start, log=log, **common)
    assert "no such file" in log.read_text()


def test_the_best_sample_is_kept_by_the_command(parts, tmp_path):
    text, common = parts
    rng = np.random.default_rng(0)
    voxels = pd.DataFrame({"i": range(9), "j": 0, "k": 0, "roi": ""})
    betas = rng.standard_normal((6, 9))

    def respond(name, values, ids):
        trials = pd.DataFrame({"stimulus_id": ids, "run": 0, "repeat": 0})
        write_responses(tmp_path / name, values, trials, voxels, subject="01", kind="simulated")
        return tmp_path / name

    samples = [tmp_path / f"sample{k}.h5" for k in range(2)]
    for k, path in enumerate(samples):
        write_reconstructions(path, IDS, np.full((3, 4, 4, 3), k / 2), np.zeros(3), **OF)
    predicted = [
        respond("p0.h5", rng.standard_normal((3, 9)), IDS),
        respond("p1.h5", betas[3:], IDS),
    ]
    measured = respond("m.h5", betas, ["x", "y", "z", *IDS])
    generate_select(
        text, samples, predicted, measured, method="best", out=tmp_path / "out.h5", **common
    )
    made = Reconstructions.open(tmp_path / "out.h5")
    assert (made.images() == 0.5).all() and made.attributes["method"] == "best"


@pytest.mark.parametrize("kind", ["latents", "visual"])
def test_coarse_images_come_from_what_was_decoded(kind, tmp_path, repository):
    folder = {"latents": "foundation/generator", "visual": "foundation/visual"}[kind]
    space = {"kind": kind, "folder": folder} | ({"size": 16} if kind == "visual" else {})
    extractor = make_extractor(**{**space, "folder": repository / "data" / folder})
    seen = np.full((3, 64, 64, 3), 0.5, np.float32)
    seen[1] = (0.9, 0.1, 0.1)
    seen[2, :32] = 1
    pooled, _ = extractor.extract(seen)
    write_features(tmp_path / "d.h5", IDS, pooled, space="low", **OF)
    splits.write(tmp_path / "splits.json", {"main": [Fold(["x", "y", "z"], list(IDS))]})
    own = {"decoded": "ridge", "channels": 16, "iterations": 60, "rate": 0.01, "decay": 0.9}
    given = {"settings": {"low_level.coarse": own, "features.low": space}}
    text = json.dumps({"dataset": "toy", "kind": "simulated", "seed": 0, **given})
    common = {"splits": tmp_path / "splits.json", "split": "main", "method": "coarse"}
    out = tmp_path / "o.h5"
    generate_low_level(text, tmp_path / "d.h5", "low", out=out, **common)
    made = Reconstructions.open(out)
    side = made.images().shape[1]
    small = seen.reshape(3, side, 64 // side, side, 64 // side, 3).mean(axis=(2, 4))
    error = np.square(made.images() - small).mean(axis=(1, 2, 3))
    grey = np.square(0.5 - small).mean(axis=(1, 2, 3))
    assert made.attributes["method"] == "coarse"
    assert (error[1:] < 0.5 * grey[1:]).all() and error[0] < 0.05
    pixels = json.loads(text) | {
        "settings": {"low_level.coarse": own, "features.low": {"kind": "pixels", "size": 4}}
    }
    log = tmp_path / "log.txt"
    with pytest.raises(typer.Exit):
        generate_low_level(
            json.dumps(pixels), tmp_path / "d.h5", "low", out=tmp_path / "p.h5", log=log, **common
        )
    assert "no image can be made from these features" in log.read_text()
