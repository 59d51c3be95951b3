"""Normalising uses training trials only."""

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainvis.containers import Responses, write_responses
from brainvis.errors import BrainvisError
from brainvis.preprocess.normalise import write_normalised, zscore_by_run
from brainvis.preprocess.reliability import voxel_reliability


def drawn(seed, trials=60, voxels=7):
    rng = np.random.default_rng(seed)
    betas = rng.normal(3, 2, (trials, voxels)).astype(np.float32)
    return betas, np.repeat([1, 2, 3], trials // 3), rng.random(trials) < 0.7


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.floats(-1e3, 1e3))
def test_test_trials_do_not_influence_statistics(seed, change):
    betas, run, train = drawn(seed)
    changed = betas.copy()
    changed[~train] += change
    first, second = zscore_by_run(betas, run, train), zscore_by_run(changed, run, train)
    np.testing.assert_array_equal(first[train], second[train])


def test_training_trials_have_zero_mean_and_unit_spread_in_each_run():
    betas, run, train = drawn(0)
    result = zscore_by_run(betas, run, train)
    for number in (1, 2, 3):
        rows = (run == number) & train
        np.testing.assert_allclose(result[rows].mean(axis=0), 0, atol=1e-5)
        np.testing.assert_allclose(result[rows].std(axis=0), 1, atol=1e-5)


def test_run_without_training_trials_takes_those_of_all_runs():
    betas, run, train = drawn(1)
    train[run == 2] = False
    expected = (betas[run == 2] - betas[train].mean(axis=0)) / betas[train].std(axis=0)
    np.testing.assert_allclose(zscore_by_run(betas, run, train)[run == 2], expected, atol=1e-4)


def test_constant_voxel_becomes_zero_and_no_training_is_an_error():
    betas, run, train = drawn(2)
    betas[:, 0] = 5
    assert not zscore_by_run(betas, run, train)[:, 0].any()
    with pytest.raises(BrainvisError, match="training trials"):
        zscore_by_run(betas, run, np.zeros(60, bool))


@pytest.fixture
def responses_file(tmp_path):
    rng = np.random.default_rng(0)
    stimulus = np.concatenate([rng.permutation(40) for _ in range(3)])
    signal = rng.normal(size=(40, 25))
    betas = signal[stimulus] + rng.normal(size=(120, 25))
    trials = pd.DataFrame(
        {"stimulus_id": [f"s{n}" for n in stimulus], "run": np.repeat([1, 2, 3], 40)}
    )
    trials["repeat"] = trials.groupby("stimulus_id").cumcount()
    voxels = pd.DataFrame({"i": np.arange(25), "j": 0, "k": 0, "roi": "V1"})
    path = tmp_path / "betas.h5"
    write_responses(path, betas, trials, voxels, dataset="made", subject="01", kind="simulated")
    return path


TRAIN = [f"s{n}" for n in range(30)]


def test_file_has_reliability_of_training_stimuli(tmp_path, responses_file):
    write_normalised(responses_file, tmp_path / "n.h5", train_ids=TRAIN, block_voxels=10)
    made = Responses.open(tmp_path / "n.h5")
    assert made.kind == "simulated" and len(made.voxels) == 25
    train = made.trials["stimulus_id"].isin(TRAIN).to_numpy()
    code = np.unique(made.trials["stimulus_id"][train], return_inverse=True)[1]
    expected = voxel_reliability(made.betas()[train], code)
    for name, values in zip(("ncsnr", "noise_ceiling", "reliability"), expected, strict=True):
        np.testing.assert_allclose(made.voxels[name], values, rtol=1e-4, atol=1e-5)


def test_changed_test_trials_change_no_training_number(tmp_path, responses_file):
    write_normalised(responses_file, tmp_path / "a.h5", train_ids=TRAIN)
    before = Responses.open(responses_file)
    betas, train = before.betas(), before.trials["stimulus_id"].isin(TRAIN).to_numpy()
    betas[~train] *= -40
    write_responses(
        tmp_path / "changed.h5", betas, before.trials, before.voxels, kind="simulated", subject="01"
    )
    write_normalised(tmp_path / "changed.h5", tmp_path / "b.h5", train_ids=TRAIN)
    first, second = Responses.open(tmp_path / "a.h5"), Responses.open(tmp_path / "b.h5")
    pd.testing.assert_frame_equal(first.voxels, second.voxels)
    np.testing.assert_array_equal(first.betas()[train], second.betas()[train])


def test_block_size_changes_nothing(tmp_path, responses_file):
    for size in (1, 7, 100):
        write_normalised(
            responses_file, tmp_path / f"{size}.h5", train_ids=TRAIN, block_voxels=size
        )
    made = [Responses.open(tmp_path / f"{size}.h5") for size in (1, 7, 100)]
    for other in made[1:]:
        np.testing.assert_allclose(made[0].betas(), other.betas(), atol=1e-6)
        pd.testing.assert_frame_equal(made[0].voxels, other.voxels, rtol=1e-4)


def test_unknown_training_stimuli(tmp_path, responses_file):
    with pytest.raises(BrainvisError, match="no trials of the training stimuli"):
        write_normalised(responses_file, tmp_path / "n.h5", train_ids=["other"])


def test_interrupted_file_is_not_complete(tmp_path, responses_file, monkeypatch):
    def fail(*_):
        raise RuntimeError("interrupted")

    monkeypatch.setattr("brainvis.preprocess.normalise.voxel_reliability", fail)
    with pytest.raises(RuntimeError):
        write_normalised(responses_file, tmp_path / "n.h5", train_ids=TRAIN)
    with h5py.File(tmp_path / "n.h5") as file:
        assert "complete" not in file.attrs
