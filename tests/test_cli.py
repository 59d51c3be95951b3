"""The command line teaches and fails in one line."""

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from brainvis.cli import STAGES, app
from brainvis.commands.common import read_settings
from brainvis.errors import BrainvisError

runner = CliRunner()


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_explains_its_options(stage):
    said = runner.invoke(app, [stage.replace("_", "-"), "--help"], env={"COLUMNS": "200"})
    assert said.exit_code == 0
    assert "--config" in said.stdout
    assert "--log" in said.stdout


def test_an_error_is_one_line_with_exit_code_one(tmp_path):
    config = {"dataset": "x", "kind": "measured", "seed": 0, "settings": {"splits": {}}}
    command = [sys.executable, "-c", "from brainvis.cli import main; main()", "splits"]
    command += ["--config", json.dumps(config), "--stimuli", str(tmp_path / "absent.h5")]
    command += ["--out", str(tmp_path / "splits.json"), "--log", str(tmp_path / "log")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.strip() == (tmp_path / "log").read_text().strip()
    assert done.stderr.startswith("error: ")
    assert "absent.h5: no such file" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "splits.json").exists()


def test_settings_come_from_json_or_from_a_runs_yaml(repository):
    path = repository / "workflows/config/demo.yaml"
    values = read_settings(str(path), "preprocess")
    assert values["kind"] == "simulated"
    assert set(values["settings"]) == {"preprocess"}
    with pytest.raises(BrainvisError, match="not a settings slice"):
        read_settings("{", "preprocess")
    with pytest.raises(BrainvisError, match="settings are missing"):
        read_settings(json.dumps(values), "decoders")
