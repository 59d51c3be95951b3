"""The commands of movies: settings in, tables out, and errors that leave nothing behind."""

import json

import h5py
import numpy as np
import pandas as pd
import pytest
import typer
from test_movie_truth import files as judged_files
from typer.testing import CliRunner

from brainvis.artifacts import hdf5
from brainvis.commands.movie_judge import movie_judge
from brainvis.commands.movie_score import movie_score
from brainvis.config.movie_encoding import MovieEncoding, MovieScore
from brainvis.containers import write_stimuli
from brainvis.evaluate import table as tables


def run(command, *options):
    app = typer.Typer()
    app.command()(command)
    return CliRunner().invoke(app, [str(one) for one in options])


def config(**settings):
    known = {"dataset": "made_up", "kind": "simulated", "seed": 0, "settings": settings}
    return json.dumps(known)


@pytest.fixture
def movie(tmp_path):
    rng = np.random.default_rng(0)
    ids = np.array([f"c{i}" for i in range(4)])
    noise = rng.integers(0, 255, (4, 40, 40, 3), dtype=np.uint8)
    clips = np.stack([np.roll(noise, t, axis=2)[:, :32, :32] for t in range(5)], axis=1)
    table = pd.DataFrame({"stimulus_id": ids, "category": "cup", "caption": "a cup"})
    known = {"dataset": "made_up", "kind": "simulated"}
    write_stimuli(tmp_path / "s.h5", clips[:, 0], table, fps=8, **known)
    with h5py.File(tmp_path / "s.h5", "a") as file:
        hdf5.put(file, "clips", clips)
    true = np.zeros((4, 2, 8, 8, 2), np.float32)
    true[..., 0] = 0.25  # one pixel of 32 is a quarter of a cell of 8
    mask = np.ones((4, 2, 8, 8), np.float32)
    known |= {"subject": "01", "split": "main", "method": "right", "baseline": False}
    still = np.repeat(clips[:, :1], 5, axis=1)
    for path, schema, arrays, own in (
        ("t.h5", "flow-targets", {"flow": true, "mask": mask}, {"estimator": "exact"}),
        ("f.h5", "decoded-flow", {"flow": true}, known),
        ("m.h5", "clips", {"clips": clips}, known),
        ("z.h5", "clips", {"clips": still}, known | {"method": "static", "baseline": True}),
    ):
        with hdf5.create(tmp_path / path, {"schema": schema, **own}) as file:
            hdf5.put(file, "ids", ids)
            for name, values in arrays.items():
                hdf5.put(file, name, values)
    return tmp_path


SETTINGS = {"features": {"pixels": {"kind": "pixels", "size": 4}}}
SETTINGS |= {"evaluate.bootstrap": 20, "evaluate.permutations": 20}


def score(folder, name="pixels"):
    own = MovieScore(frames=name, null_items=3).model_dump()
    return run(
        movie_score, "--config", config(**SETTINGS, **{"motion.score": own}),
        "--stimuli", folder / "s.h5", "--targets", folder / "t.h5", "--flow", folder / "f.h5",
        "--clips", folder / "m.h5", "--clips", folder / "z.h5", "--out", folder / "v.parquet",
        "--summary", folder / "v.csv", "--protocols", folder / "p.csv",
    )  # fmt: skip


def test_scores_come_from_settings_and_files(movie):
    done = score(movie)
    assert done.exit_code == 0, done.output
    rows = tables.read(movie / "v.csv").set_index(["method", "metric", "subject"])["mean"]
    assert rows["right", "epe_object", "all"] == 0
    assert rows["right", "clip_epe_whole", "all"] == 0
    assert rows["static", "clip_epe_moving", "all"] == pytest.approx(0.25, abs=0.1)  # by DIS
    assert rows["static", "clip_direction_cosine_object", "all"] == 0
    assert rows["right", "pixels_frame_cosine", "all"] == pytest.approx(1)


def test_an_unknown_space_is_named_and_nothing_is_written(movie):
    done = score(movie, "absent")
    assert done.exit_code and "absent" in str(done.exception)
    assert not (movie / "v.csv").exists()


def test_the_judge_writes_its_table(tmp_path):
    scores, truth = judged_files(tmp_path)
    done = run(
        movie_judge, "--config", config(), "--scores", scores[0], "--truth", truth[0],
        "--table", tmp_path / "t.csv",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert set(pd.read_csv(tmp_path / "t.csv")["tuning"]) >= {"direction", "colour"}


def test_settings_have_defaults_and_refuse_the_impossible():
    assert MovieEncoding(image="a", video=["b"]).delays == [1, 2, 3, 4]
    for bad in ({"image": "a", "video": []}, {"image": "a", "video": ["b"], "folds": 1}):
        with pytest.raises(ValueError, match=r"Input should|at least"):
            MovieEncoding(**bad)
