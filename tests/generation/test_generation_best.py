"""The best of several samples, predictions made on the way."""

import numpy as np
import pandas as pd
import pytest

from brainvis.containers import Reconstructions, write_reconstructions, write_responses
from brainvis.datasets.splits import Fold
from brainvis.generation import best_stage

IDS = np.array(["a", "b", "c"])
TRAIN = np.array(["t0", "t1", "t2", "t3"])
OF = {"subject": "01", "split": "main", "dataset": "toy", "kind": "simulated", "method": "made"}


@pytest.fixture
def planted(tmp_path, monkeypatch):
    """Two samples; of each stimulus one is answered as the stimulus was, in turn."""
    rng = np.random.default_rng(0)
    voxels = pd.DataFrame({"i": range(40), "j": 0, "k": 0, "roi": "", "noise_ceiling": 0.5})
    answers = rng.normal(size=(7, 40))
    right = np.array([0, 1, 0])

    def respond(path, values, ids):
        trials = pd.DataFrame({"stimulus_id": ids, "run": 0, "repeat": 0})
        write_responses(path, values, trials, voxels, subject="01", kind="simulated")

    respond(tmp_path / "measured.h5", answers, np.concatenate([TRAIN, IDS]))
    samples = [tmp_path / f"sample{k}.h5" for k in range(2)]
    for k, path in enumerate(samples):
        write_reconstructions(path, IDS, np.full((3, 8, 8, 3), k / 2), np.zeros(3), **OF)
    asked = []

    def predict(encoder, embeddings, features, out, *, subject):
        assert all(path.is_file() for path in features) and subject == "01"
        number = int(out.stem)
        asked.append([path.name for path in features])
        values = np.where((right == number)[:, None], answers[4:], rng.normal(size=(3, 40)))
        respond(out, values, IDS)

    monkeypatch.setattr(best_stage, "write_predicted", predict)
    return samples, tmp_path / "measured.h5", right, asked


def test_the_sample_that_the_brain_would_answer_so_is_kept(planted, tmp_path):
    samples, measured, right, asked = planted
    out = tmp_path / "best" / "best.h5"
    out.parent.mkdir()
    spaces = {"pixels": {"kind": "pixels", "size": 4}, "gabor": {"kind": "gabor", "size": 16}}
    best_stage.choose_best(
        samples, spaces, tmp_path, tmp_path, measured, [Fold(list(TRAIN), list(IDS))], out,
        name="made-best",
    )  # fmt: skip
    made = Reconstructions.open(out)
    assert made.attributes["method"] == "made-best" and made.attributes["samples"] == 2
    np.testing.assert_allclose(made.images()[:, 0, 0, 0], right / 2)
    assert asked == [["0-pixels.h5", "0-gabor.h5"], ["1-pixels.h5", "1-gabor.h5"]]
    assert [path.name for path in out.parent.iterdir()] == ["best.h5"]
