"""Decoding of planted flow, from files to files."""

import numpy as np
import pytest
from motion_world import SIZE, TEST, fold, ids, planted, write_world

from brainvis.datasets.splits import Fold
from brainvis.errors import BrainvisError
from brainvis.motion import decode
from brainvis.motion.files import DecodedFlow
from brainvis.motion.stage import decode_flow

SMALL = {"epochs": 12, "width": 32, "hidden": 32, "codewords": 16, "cells": 48, "batch": 8}
SMALL |= {"components": 20, "blocks": 1, "dropout": 0.0, "rate": 5e-3}


def run(paths, out, method, **settings):
    given = {**paths, **settings.pop("files", {})}
    decode_flow(
        given["responses"], given["targets"], given["features"], given["stimuli"],
        settings.pop("split", [fold()]), out, method=method, **{**SMALL, **settings},
    )  # fmt: skip
    return DecodedFlow.open(out)


def epe(found, world):
    rows = slice(-TEST, None)
    error = np.linalg.norm(found.flow() - world["flow"][rows], axis=-1)
    return float(error[world["mask"][rows] > 0.5].mean())


@pytest.fixture(scope="module")
def world():
    return planted()


@pytest.fixture(scope="module")
def paths(world, tmp_path_factory):
    return write_world(tmp_path_factory.mktemp("motion"), world)


@pytest.fixture(scope="module")
def decoded(paths, tmp_path_factory):
    folder = tmp_path_factory.mktemp("decoded")
    return {name: run(paths, folder / f"{name}.h5", name) for name in decode.METHODS}


def test_planted_flow_is_recovered_and_no_brain_is_no_better_than_the_mean(decoded, world):
    error = {name: epe(found, world) for name, found in decoded.items()}
    assert error["codebook"] < 0.6 * min(error["zero"], error["mean"], error["first-frame"])
    assert error["codebook"] < 0.8 * error["ridge"]
    assert error["shuffled"] > 1.5 * error["codebook"]
    assert error["posterior-average"] < error["zero"]
    assert error["zero"] > 0.3


def test_files_say_what_they_are(decoded):
    for name, found in decoded.items():
        assert found.ids.tolist() == ids()[-TEST:].tolist()
        assert found.flow().shape == (TEST, 3, SIZE, SIZE, 2)
        assert bool(found.attributes["baseline"]) == (name in decode.BASELINES)
        assert (found.attributes["method"], found.attributes["subject"]) == (name, "01")


@pytest.mark.parametrize("method", ["codebook", "ridge", "posterior-average"])
def test_test_clips_change_nothing_that_is_learned(paths, world, decoded, tmp_path, method):
    """Other flow, masks and responses of all test clips but the first: it is decoded as before."""
    rng = np.random.default_rng(9)
    other = {name: values.copy() for name, values in world.items()}
    rows = slice(-TEST, None)
    other["flow"][rows] = rng.normal(size=other["flow"][rows].shape)
    other["mask"][rows] = rng.random(other["mask"][rows].shape)
    rows = slice(-TEST + 1, None)
    other["responses"][rows] = 100 * rng.normal(size=other["responses"][rows].shape)
    other["images"][rows] = 0
    changed = run(write_world(tmp_path / "other", other), tmp_path / "out.h5", method)
    np.testing.assert_array_equal(changed.flow()[0], decoded[method].flow()[0])


@pytest.mark.parametrize("method", ["codebook", "ridge", "posterior-map"])
def test_the_order_of_test_clips_does_not_matter(paths, decoded, tmp_path, method):
    turned = Fold(fold().train, fold().test[::-1])
    found = run(paths, tmp_path / "out.h5", method, split=[turned])
    np.testing.assert_allclose(found.flow(np.array(fold().test)), decoded[method].flow(), atol=1e-6)


def test_a_seed_makes_the_same_numbers_and_another_seed_others(paths, decoded, tmp_path):
    again = run(paths, tmp_path / "again.h5", "codebook")
    np.testing.assert_array_equal(again.flow(), decoded["codebook"].flow())
    other = run(paths, tmp_path / "other.h5", "codebook", seed=1)
    assert not np.allclose(other.flow(), again.flow())


def test_a_run_that_was_killed_goes_on_to_the_same_numbers(paths, decoded, tmp_path, monkeypatch):
    from brainvis.motion import checkpoint

    real, saved = checkpoint._save, []

    def killed(folder, learning):
        real(folder, learning)
        saved.append(learning.epoch)
        if learning.epoch == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "_save", killed)
    with pytest.raises(KeyboardInterrupt):
        run(paths, tmp_path / "out.h5", "codebook", checkpoints=tmp_path / "state")
    found = run(paths, tmp_path / "out.h5", "codebook", checkpoints=tmp_path / "state")
    assert saved[3:6] == [4, 5, 6]
    np.testing.assert_array_equal(found.flow(), decoded["codebook"].flow())
    for file in (tmp_path / "state").rglob("*.safetensors"):
        file.write_bytes(b"damaged")
    with pytest.raises(BrainvisError, match="is not a checkpoint"):
        run(paths, tmp_path / "out.h5", "codebook", checkpoints=tmp_path / "state")


def test_windows_serve_as_input(paths, world, tmp_path):
    found = run(paths, tmp_path / "out.h5", "ridge", input="window", offsets=[0])
    assert epe(found, world) < epe(run(paths, tmp_path / "zero.h5", "zero"), world)


def test_bad_input_is_told(paths, world, tmp_path):
    test, train = fold().test, fold().train
    with pytest.raises(BrainvisError, match="share a movie segment"):
        run(paths, tmp_path / "o.h5", "mean", split=[Fold(train + test[:1], test[1:])])
    with pytest.raises(BrainvisError, match="unknown stimulus"):
        run(paths, tmp_path / "o.h5", "mean", split=[Fold(train, ["nothing"])])
    with pytest.raises(BrainvisError, match="no voxel is reliable"):
        run(paths, tmp_path / "o.h5", "mean", reliable=0.9)
    with pytest.raises(BrainvisError, match="unknown method"):
        run(paths, tmp_path / "o.h5", "guess")
    with pytest.raises(BrainvisError, match="features"):
        run(paths, tmp_path / "o.h5", "codebook", files={"features": None})
    holed = {**world, "responses": world["responses"].copy()}
    holed["responses"][3, 2] = np.nan
    with pytest.raises(BrainvisError, match="not finite"):
        run(write_world(tmp_path / "holed", holed), tmp_path / "o.h5", "ridge")
    assert not (tmp_path / "o.h5").exists()
