"""The notebook runs on a finished run, and what it shows is that run's."""

import runpy

import numpy as np
import pytest
from matplotlib.figure import Figure

import brainvis

pytestmark = pytest.mark.slow


@pytest.fixture
def executed(finished, repository, monkeypatch, capsys):
    monkeypatch.setenv("BRAINVIS_RUN", str(finished.folder / "results/tiny"))
    monkeypatch.setenv("MPLBACKEND", "Agg")
    names = runpy.run_path(str(repository / "notebooks/explore_reconstructions.py"))
    return names, capsys.readouterr().out


def test_the_notebook_shows_the_run_and_says_simulated(executed):
    names, said = executed
    assert said.startswith("simulated fMRI; subjects ['01', '02']")
    rows = names["run"].summary.query("subject == 'all' and metric == 'pixel_correlation'")
    means = rows[~rows["baseline"]].set_index("method")["mean"]
    assert set(means.index) == {"ridge-pixels", "ridge-low", "ridge-fused"}
    assert names["method"] == means.idxmax()
    figures = [*names["best_and_worst"].values()]
    figures += [names[n] for n in ("first_stimuli", "scores_with_intervals", "by_subject")]
    figures.append(names["clusters_on_cortex"])
    for figure in figures:
        assert isinstance(figure, Figure)
        assert "SIMULATED BRAIN" in {text.get_text() for text in figure.texts}
    assert said.count("median noise ceiling") == 2
    assert said.count("cluster ") == 6


def test_the_opened_run_holds_what_the_workflow_made(finished):
    run = brainvis.open_run(finished.folder / "results/tiny")
    fold = run.splits["main"][0]
    assert sorted(run.reconstructions("mean", "02").ids) == sorted(fold.test)
    assert run.config["dataset"]["brain"]["voxels"] == 400
    assert run.config["seed"] == 3
    assert set(run.scores["subject"]) == set(run.subjects)
    decoded = run.decoded("brain-it-pixels", "01")
    assert decoded.pooled().shape == (len(fold.test), 8 * 8 * 3)
    hard = run.clusters("kmeans", "02").hard("02")
    assert len(hard) == len(run.responses("02").voxels)
    assert np.isin(hard, range(16)).all()
