"""The command `movie import`: files whole or not at all, one line for bad input."""

import numpy as np
import pytest
from typer.testing import CliRunner

from brainvis.cli import app
from brainvis.containers import Stimuli
from brainvis.movies import MovieResponses


@pytest.fixture
def tree(tmp_path):
    rng = np.random.default_rng(0)
    root = tmp_path / "cc2017"
    root.mkdir()
    for part, count in (("train", 2), ("test", 1)):
        film = rng.integers(0, 255, (count, 5, 6, 16, 16, 3), dtype=np.uint8)
        np.save(root / f"video_{part}_256_3hz.npy", film)
        np.save(root / f"fmri_{part}_subject1.npy", rng.normal(size=(count, 5, 4)))
    return root


def run(tree, out, *extra, dataset="cc2017"):
    out.mkdir(exist_ok=True)
    files = {"stimuli": "stimuli.h5", "responses": "movie.h5", "splits": "splits.json"}
    outputs = [part for name, file in files.items() for part in (f"--{name}", str(out / file))]
    command = ["movie", "import", "--dataset", dataset, "--folder", str(tree), "--subject", "1"]
    return CliRunner().invoke(app, [*command, *outputs, *extra])


def test_the_command_writes_all_three_files(tree, tmp_path):
    out = tmp_path / "out"
    result = run(tree, out, "--size", "16")
    assert result.exit_code == 0, result.output
    stimuli, movie = Stimuli.open(out / "stimuli.h5"), MovieResponses.open(out / "movie.h5")
    assert stimuli.shape == (16, 16, 3) and np.array_equal(stimuli.ids, movie.ids)
    assert (out / "splits.json").is_file()


def test_bad_input_leaves_earlier_files_as_they_were(tree, tmp_path):
    out = tmp_path / "out"
    run(tree, out, "--size", "16")
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
    np.save(tree / "fmri_test_subject1.npy", np.ones((1, 4, 4)))
    result = run(tree, out, "--size", "16")
    assert result.exit_code == 1
    after = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
    assert before == after


@pytest.mark.parametrize(("extra", "dataset"), [((), "hollywood"), (("--frames", "9"), "cc2017")])
def test_wrong_options_are_refused(tree, tmp_path, extra, dataset):
    result = run(tree, tmp_path / "out", *extra, dataset=dataset)
    assert result.exit_code == 1 and not list((tmp_path / "out").iterdir())
