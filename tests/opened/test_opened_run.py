"""Opening the folder of a run: what it offers, and what it says to a folder that is none."""

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

import brainvis
from brainvis import containers
from brainvis.artifacts.stage import Job, execute
from brainvis.datasets import splits
from brainvis.errors import BrainvisError
from brainvis.paths import Layout

IDS = np.array([f"stim{i}" for i in range(6)])
TEST = IDS[4:]


def record(stage, path, write, config, kind="simulated"):
    job = Job(stage, {}, {"out": Path(path)}, config, code="0" * 16, kind=kind, seed=5)
    execute(job, lambda made: write(made["out"]))


@pytest.fixture
def folder(tmp_path, rng):
    root = tmp_path / "results/small"
    layout = Layout(root)
    images = rng.integers(0, 255, (6, 8, 8, 3), dtype=np.uint8)
    table = pd.DataFrame({"stimulus_id": IDS, "category": "thing"})
    labels = {"dataset": "made-up", "kind": "simulated"}
    trials = pd.DataFrame({"stimulus_id": IDS, "run": 0, "repeat": 0})
    voxels = pd.DataFrame({"i": [0, 1], "j": [0, 0], "k": [0, 0], "roi": ["V1", ""]})
    record(
        "stimuli",
        layout.stimuli,
        lambda out: containers.write_stimuli(out, images, table, **labels),
        {"dataset.stimuli": {"count": 6}},
    )
    for subject in ("02", "01"):
        record(
            "responses",
            layout.responses(subject),
            lambda out, subject=subject: containers.write_responses(
                out, np.ones((6, 2)), trials, voxels, subject=subject, **labels
            ),
            {"by": None, "split": "main"},
        )
        record(
            "decode",
            layout.images(subject, "main", "ridge-pixels"),
            lambda out, subject=subject: containers.write_reconstructions(
                out, TEST, images[4:] / 255, np.zeros(2), subject=subject, split="main", **labels
            ),
            {"decoders.ridge-pixels": {"method": "ridge_pixels"}, "method": "ridge-pixels"},
        )
    fold = splits.Fold(list(IDS[:4]), list(TEST))
    record(
        "splits",
        layout.splits,
        lambda out: splits.write(out, {"main": [fold]}),
        {"splits": {"main": {"scheme": "holdout"}}},
    )
    return root


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_a_run_says_what_it_holds(folder):
    run = brainvis.open_run(folder)
    assert run.kind == "simulated"
    assert run.subjects == ["01", "02"]
    assert run.methods == ["ridge-pixels"]
    assert run.feature_methods == run.cluster_methods == []
    assert run.config == {
        "seed": 5,
        "dataset": {"stimuli": {"count": 6}},
        "decoders": {"ridge-pixels": {"method": "ridge_pixels"}},
        "splits": {"main": {"scheme": "holdout"}},
    }
    assert run.splits["main"][0].test == list(TEST)
    assert run.responses("02").subject == "02"


def test_images_are_shown_beside_what_was_seen_and_labelled(folder):
    run = brainvis.open_run(folder)
    figure = run.show("ridge-pixels", "01", ids=[str(TEST[1])])
    assert "SIMULATED BRAIN" in {text.get_text() for text in figure.texts}
    seen, made = (np.asarray(picture.get_array()) for picture in figure.axes[0].images)
    np.testing.assert_allclose(seen, made, atol=1e-6)  # the made-up method is perfect
    assert len(run.show("ridge-pixels", "01", count=2).axes[0].images) == 4


def test_a_slice_reads_a_slice(folder, monkeypatch):
    made = brainvis.open_run(folder).reconstructions("ridge-pixels", "01")
    asked, read = [], h5py.Dataset.__getitem__

    def spy(self, rows, *others):
        asked.append((self.name, rows))
        return read(self, rows, *others)

    monkeypatch.setattr(h5py.Dataset, "__getitem__", spy)
    assert made.images(slice(0, 1)).shape == (1, 8, 8, 3)
    assert asked == [("/images", slice(0, 1))]


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda run: run.reconstructions("pixels", "01"), r"'pixels'.*has \['ridge-pixels'\]"),
        (lambda run: run.reconstructions("ridge-pixels", "03"), "subject '03'"),
        (lambda run: run.reconstructions("ridge-pixels", "01", "other"), "split 'other'"),
        (lambda run: run.responses("09"), r"sub-09_responses.h5.*no 09"),
        (lambda run: run.decoded("x", "01"), "no method 'x'"),
        (lambda run: run.clusters("mixture"), "no such clusters"),
        (lambda run: run.summary, "summary.csv: no such file"),
        (lambda run: run.show("ridge-pixels", "01", ids=["stim0"]), "lacks 1 of 1"),
    ],
)
def test_what_a_run_lacks_is_said_in_one_line(folder, ask, words):
    with pytest.raises(BrainvisError, match=words):
        ask(brainvis.open_run(folder))


def test_a_folder_that_is_no_run_is_refused(folder, tmp_path):
    with pytest.raises(BrainvisError, match=r"absent: no such folder; give the folder of a run"):
        brainvis.open_run(tmp_path / "absent")
    with pytest.raises(BrainvisError, match=r"open one of the runs in it: \['small'\]"):
        brainvis.open_run(folder.parent)
    (tmp_path / "empty").mkdir()
    with pytest.raises(BrainvisError, match="an empty folder"):
        brainvis.open_run(tmp_path / "empty")


def test_simulated_and_measured_never_share_a_run(folder):
    record("prior", Layout(folder).prior, lambda out: out.write_text("x"), {}, kind="measured")
    with pytest.raises(BrainvisError, match="more than one kind"):
        _ = brainvis.open_run(folder).kind


def test_importing_brainvis_is_light():
    heavy = "numpy pandas h5py torch matplotlib pydantic"
    code = f"import brainvis, sys; print([n for n in '{heavy}'.split() if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
