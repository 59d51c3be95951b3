"""The curve over shares of a new subject's trials, from planted vectors."""

import numpy as np
import pandas as pd
import pytest

from brainvis.containers import write_features, write_responses
from brainvis.datasets.splits import Fold
from brainvis.errors import BrainvisError
from brainvis.evaluate import table as tables
from brainvis.evaluate.budgets import COLUMNS, METHODS, Budget, score_budgets
from brainvis.report.context import where

IDS = np.array([f"s{n:03d}" for n in range(90)])
FOLD = Fold(IDS[:40].tolist(), IDS[40:].tolist())
NOISE = {  # of what is decoded, by share and method
    (8, "transformer"): 1.5, (8, "ridge"): 30.0, (1, "transformer"): 0.8, (1, "ridge"): 0.9,
}  # fmt: skip


@pytest.fixture
def made(tmp_path):
    rng = np.random.default_rng(0)
    true = rng.normal(size=(90, 12))
    features = tmp_path / "features.h5"
    write_features(features, IDS, true, None, space="toy", kind="simulated")
    budgets = []
    for share in (8, 1):
        for subject in ("03", "04"):
            decoded = {}
            for method in METHODS:
                noise = NOISE.get((share, method), 1e4)
                values = true[40:] + noise * rng.normal(size=(50, 12))
                decoded[method] = tmp_path / f"{share}-{subject}-{method}.h5"
                own = {"space": "toy", "kind": "simulated", "subject": subject}
                write_features(decoded[method], IDS[40:], values, None, method=method, **own)
            trials = np.concatenate([IDS[: 40 // share], IDS[: 40 // share], IDS[40:]])
            table = pd.DataFrame({"stimulus_id": trials, "run": 0, "repeat": 0})
            responses = tmp_path / f"{share}-{subject}.h5"
            voxels = pd.DataFrame({"i": [0], "j": [0], "k": [0], "roi": [""]})
            write_responses(
                responses, np.zeros((len(trials), 1)), table, voxels, subject=subject,
                kind="simulated",
            )  # fmt: skip
            budgets.append(Budget(share, responses, decoded))
    return features, budgets


def test_the_table_puts_every_share_beside_all_trials_and_ridge(made, tmp_path):
    score_budgets(*made, FOLD, tmp_path / "budgets.csv", bootstrap=300)
    found = tables.read(tmp_path / "budgets.csv")
    assert list(found.columns) == list(COLUMNS)
    assert list(found["share"]) == [8] * 3 + [1] * 3
    rows = {(r["share"], r["method"]): r for r in found.to_dict("records")}
    few, full = rows[8, "transformer"], rows[1, "transformer"]
    assert (few["trials"], few["images"], full["trials"]) == (10, 5, 80)
    assert few["low"] < few["two_way"] < few["high"] < full["two_way"]
    kept = (few["two_way"] - 0.5) / (full["two_way"] - 0.5)
    assert few["of_full"] == pytest.approx(kept) and few["of_full_low"] < kept < few["of_full_high"]
    assert full["of_full"] == full["of_full_low"] == full["of_full_high"] == 1
    assert few["above_ridge_low"] > 0.1 and rows[8, "ridge"]["above_ridge"] == 0
    gained = few["two_way"] - rows[8, "ridge"]["two_way"]
    assert few["above_ridge"] == pytest.approx(gained)
    shuffled = where(found, method="shuffled")["two_way"]
    assert shuffled.between(0.4, 0.6).all()
    assert (found["subjects"] == 2).all() and (found["stimuli"] == 50).all()


@pytest.mark.parametrize("case", ["full", "subjects", "space"])
def test_what_cannot_be_compared_is_refused(made, tmp_path, case):
    features, budgets = made
    words = {"full": "files from all trials", "subjects": "same subjects", "space": "not of the"}
    if case == "full":
        budgets = budgets[:2]
    if case == "subjects":
        budgets = budgets[:3]
    if case == "space":
        features = tmp_path / "other.h5"
        write_features(features, IDS, np.zeros((90, 12)), None, space="other", kind="simulated")
    with pytest.raises(BrainvisError, match=words[case]):
        score_budgets(features, budgets, FOLD, tmp_path / "budgets.csv", bootstrap=100)
