"""Brain correlation on planted responses: its ceiling, its chance, and what it never reads."""

import numpy as np
import pandas as pd
import pytest

from brainvis.containers import Responses, write_responses
from brainvis.datasets.splits import Fold
from brainvis.errors import BrainvisError
from brainvis.evaluate import table as tables
from brainvis.evaluate.brain import groups_of, pattern_ceiling
from brainvis.evaluate.brain_stage import CEILING, SEEN, evaluate_brain
from brainvis.report.context import where

IDS = np.array([f"s{n:03d}" for n in range(60)])
FOLD = Fold(IDS[:40].tolist(), IDS[40:].tolist())
VOXELS, NOISE = 300, 1.2
ROI = np.repeat(["V1", "V3", "FFA", "PPA", ""], 60)


def answers():
    """Responses without noise, (60, 300), around a pattern that all stimuli share."""
    rng = np.random.default_rng(0)
    return 20 * rng.normal(size=VOXELS) + rng.normal(size=(60, VOXELS)) * rng.uniform(1, 5, VOXELS)


def write(path, values, ids, repeats=1, noise=0.0, **attributes):
    rng = np.random.default_rng(len(path.name))
    spread = values.std(0) * noise
    betas = np.concatenate(
        [values + rng.normal(size=values.shape) * spread for _ in range(repeats)]
    )
    trials = pd.DataFrame({"stimulus_id": np.tile(ids, repeats), "run": 0})
    trials["repeat"] = np.repeat(np.arange(repeats), len(ids))
    voxels = pd.DataFrame({"i": range(VOXELS), "j": 0, "k": 0, "roi": ROI, "noise_ceiling": 0.6})
    voxels.loc[::10, "noise_ceiling"] = 0.0
    own = {"subject": "01", "kind": "simulated", "dataset": "toy"}
    write_responses(path, betas, trials, voxels, **own, **attributes)
    return path


@pytest.fixture
def files(tmp_path):
    clean, test = answers(), answers()[40:]
    turn = np.roll(np.arange(20), 1)
    made = {"good": test, SEEN: test, "shuffled": test[turn], "constant": test * 0 + clean.mean(0)}
    predicted = [
        write(tmp_path / f"{name}.h5", values, IDS[40:], method=name)
        for name, values in made.items()
    ]
    return write(tmp_path / "measured.h5", clean, IDS, 4, NOISE), predicted


def scored(tmp_path, responses, predicted, **changed):
    out = tmp_path / "scores.parquet", tmp_path / "summary.csv"
    options = {"bootstrap": 200, "permutations": 200, "baselines": ["shuffled"]}
    evaluate_brain([responses], predicted, [FOLD], *out, **{**options, **changed})
    return tuple(tables.read(path) for path in out)


def test_a_perfect_prediction_reaches_the_noise_ceiling_and_a_shuffled_one_chance(tmp_path, files):
    table, summary = scored(tmp_path, *files)
    rows = where(summary, subject="all").set_index(["method", "metric"])
    for group in ("visual", "early", "higher"):
        metric = f"brain_{group}_correlation"
        found, ceiling = rows.loc[("good", metric)], rows.loc[(CEILING, metric)]
        assert found["mean"] == pytest.approx(ceiling["mean"], abs=0.04)
        assert found["mean"] == pytest.approx(1 / np.sqrt(1 + NOISE**2 / 4), abs=0.05)
        assert rows.loc[("good", f"brain_{group}_two_way"), "mean"] > 0.99
        assert found["p"] < 0.01 and abs(found["chance"]) < 0.15
        assert abs(rows.loc[("shuffled", metric), "mean"]) < 0.2
        assert rows.loc[("constant", f"brain_{group}_two_way"), "mean"] < 0.7
        assert found["best_baseline"] == "shuffled" and found["difference_low"] > 0.5
    assert set(table.columns) == set(tables.COLUMNS)
    assert set(table["modality"]) == {"brain"} and table["stimulus"].nunique() == 20
    assert "visual 270, early 108, higher 108" in table["protocol"].iloc[0]


def test_test_responses_standardise_nothing(tmp_path, files):
    measured, predicted = files
    one, _ = scored(tmp_path, measured, predicted)
    source = Responses.open(measured)
    betas = source.betas()
    moved = source.trials["stimulus_id"].eq(IDS[59]).to_numpy()
    betas[moved] = -betas[moved]
    spoiled = tmp_path / "spoiled.h5"
    own = {k: v for k, v in source.attributes.items() if k not in ("schema", "complete")}
    write_responses(spoiled, betas, source.trials, source.voxels, **own)
    two, _ = scored(tmp_path, spoiled, predicted)
    keep = one["metric"].str.endswith("_correlation") & (one["stimulus"] != IDS[59])
    np.testing.assert_array_equal(one.loc[keep, "value"], two.loc[keep, "value"])
    assert not np.allclose(one["value"], two["value"])


def test_the_ceiling_of_patterns():
    rng = np.random.default_rng(3)
    pattern = rng.normal(size=(30, 4000))
    trials = np.concatenate([pattern + 2 * rng.normal(size=pattern.shape) for _ in range(3)])
    found = pattern_ceiling(trials, np.tile(np.arange(30), 3))
    np.testing.assert_allclose(found, 1 / np.sqrt(1 + 4 / 3), atol=0.05)
    assert np.isnan(pattern_ceiling(trials[:30], np.arange(30))).all()
    noise = pattern_ceiling(rng.normal(size=(60, 50)), np.repeat(np.arange(30), 2))
    assert noise.mean() < 0.4
    with pytest.raises(BrainvisError, match="has no trial"):
        pattern_ceiling(trials[:2], np.array([0, 2]))


def test_groups_hold_reliable_voxels_of_their_regions():
    roi = np.array(["V1v", "V2", "hV4", "FFA", "", "MT", "V3"])
    found = groups_of(roi, np.array([1, 1, 1, 1, 1, 1, 0], dtype=bool))
    assert found["visual"].sum() == 6
    assert found["early"].tolist() == [True, True, True, False, False, False, False]
    assert found["higher"].tolist() == [False, False, False, True, False, True, False]
    assert "higher" not in groups_of(roi[:4], np.ones(4, dtype=bool))


@pytest.mark.parametrize("case", ["subject", "voxels", "threshold", "folds", "twice"])
def test_files_that_do_not_belong_together_are_refused(tmp_path, files, case):
    measured, predicted = files
    options, folds = {}, [FOLD]
    if case in ("subject", "voxels"):
        old = Responses.open(predicted[0])
        own = {k: v for k, v in old.attributes.items() if k not in ("schema", "complete")}
        own |= {"subject": "02"} if case == "subject" else {}
        voxels = old.voxels.assign(i=old.voxels["i"] + (case == "voxels"))
        other = tmp_path / "other.h5"
        write_responses(other, old.betas(), old.trials, voxels, **own)
        predicted = [other]
    if case == "threshold":
        options["threshold"] = 0.99
    if case == "folds":
        folds = [FOLD, FOLD]
    if case == "twice":
        predicted = [*predicted, predicted[0]]
    words = {
        "subject": "was not measured", "voxels": "other voxels", "threshold": "no two voxels",
        "folds": "one fold", "twice": "scored twice",
    }  # fmt: skip
    out = tmp_path / "a.csv", tmp_path / "b.csv"
    with pytest.raises(BrainvisError, match=words[case]):
        evaluate_brain(
            [measured], predicted, folds, *out, bootstrap=100, permutations=100, **options
        )
