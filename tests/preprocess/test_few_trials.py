"""The first trials of a subject and no others."""

import numpy as np
import pandas as pd
import pytest

from brainvis.containers import Responses, write_responses
from brainvis.errors import BrainvisError
from brainvis.preprocess.few_trials import recorded_first, write_few

IDS = np.array([f"s{n:02d}" for n in range(20)])
TRAIN, TEST = IDS[:15].tolist(), IDS[15:].tolist()


def subject(path, betas=None):
    rng = np.random.default_rng(0)
    trials = pd.DataFrame({"stimulus_id": np.tile(IDS, 2), "run": np.repeat([2, 1], 20)})
    trials["onset"] = np.concatenate([rng.permutation(20) * 4.0 for _ in range(2)])
    trials["repeat"] = np.repeat([0, 1], 20)
    voxels = pd.DataFrame({"i": range(6), "j": 0, "k": 0, "roi": "V1", "noise_ceiling": 0.7})
    values = rng.normal(3, 2, (40, 6)) if betas is None else betas
    write_responses(path, values, trials, voxels, subject="07", kind="simulated", dataset="toy")
    return Responses.open(path)


def test_the_first_recorded_training_trials_are_kept_with_all_test_trials(tmp_path):
    source = subject(tmp_path / "betas.h5")
    write_few(source.path, tmp_path / "few.h5", share=5, train_ids=TRAIN, test_ids=TEST)
    few = Responses.open(tmp_path / "few.h5")
    train = few.trials[few.trials["stimulus_id"].isin(TRAIN)]
    assert len(train) == 6 and (train["run"] == 1).all()
    first_run = source.trials[
        (source.trials["run"] == 1) & source.trials["stimulus_id"].isin(TRAIN)
    ]
    wanted = first_run.sort_values("onset")["stimulus_id"][:6]
    assert set(train["stimulus_id"]) == set(wanted)
    assert few.trials["stimulus_id"].isin(TEST).sum() == 10
    assert few.attributes["share"] == 5 and few.subject == "07"
    assert few.averaged(np.array(sorted(wanted))).mean(0) == pytest.approx(np.zeros(6), abs=1e-5)
    # of voxels their place is known; a noise ceiling from all trials is not
    assert not np.allclose(few.voxels["noise_ceiling"], 0.7)


def test_trials_left_out_do_not_count(tmp_path):
    one = subject(tmp_path / "one.h5")
    write_few(one.path, tmp_path / "a.h5", share=5, train_ids=TRAIN, test_ids=TEST)
    stimulus = one.trials["stimulus_id"].to_numpy(dtype=str)
    rows = np.flatnonzero(np.isin(stimulus, TRAIN))
    betas = one.betas()
    betas[np.setdiff1d(rows, recorded_first(one.trials, rows, 6))] = 1e5
    subject(tmp_path / "two.h5", betas)
    write_few(tmp_path / "two.h5", tmp_path / "b.h5", share=5, train_ids=TRAIN, test_ids=TEST)
    a, b = Responses.open(tmp_path / "a.h5"), Responses.open(tmp_path / "b.h5")
    np.testing.assert_array_equal(a.betas(), b.betas())
    assert a.voxels.equals(b.voxels) and a.trials.equals(b.trials)


def test_test_responses_do_not_normalise(tmp_path):
    one = subject(tmp_path / "one.h5")
    betas = one.betas()
    test = one.trials["stimulus_id"].isin(TEST).to_numpy()
    betas[test] *= 100
    subject(tmp_path / "two.h5", betas)
    made = []
    for name in ("one", "two"):
        out = tmp_path / f"few-{name}.h5"
        write_few(tmp_path / f"{name}.h5", out, share=3, train_ids=TRAIN, test_ids=TEST)
        few = Responses.open(out)
        made.append(few.betas(np.flatnonzero(few.trials["stimulus_id"].isin(TRAIN))))
    np.testing.assert_array_equal(*made)


def test_too_few_stimuli_are_refused(tmp_path):
    source = subject(tmp_path / "betas.h5")
    out = tmp_path / "few.h5"
    with pytest.raises(BrainvisError, match="fewer than 3 stimuli"):
        write_few(source.path, out, share=15, train_ids=TRAIN, test_ids=TEST)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["betas.h5"]
