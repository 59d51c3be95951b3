"""Joint training in a configuration: names are checked, rules and plan follow."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from brainvis import config as configuration
from brainvis.errors import BrainvisError
from brainvis.planning.plan import plan
from brainvis.planning.size import size_of

DEMO = Path(__file__).resolve().parents[2] / "workflows/config/demo.yaml"


def with_joint(**joint) -> dict:
    """The demo, whose decoder and generator are tuned together as well."""
    values = yaml.safe_load(DEMO.read_text())
    values["joint"] = {"tuned": {"model": "brain-it", **joint}}
    tokens = {"tokens": "tuned-image-text", "start": "brain-it-low", "strength": 0.4}
    values["generators"]["tuned-fused"] = {**tokens, "folder": "tuned"}
    return values


def test_a_tuned_model_decodes_what_it_began_as_and_its_shuffled_control_is_a_baseline():
    run = configuration.validated(with_joint())
    assert run.decoded_spaces["tuned-latents"] == "latents"
    assert {"tuned-image-text", "tuned-shuffled-latents"} <= set(run.vector_methods)
    assert "tuned-shuffled-image-text" in run.baselines
    assert run.generator_folder("tuned") == "foundation/generator"
    assert run.generator_folder("other/folder") == "other/folder"


@pytest.mark.parametrize("model", ["brain-it-2", "tuned"])
def test_a_model_that_is_not_there_is_refused(model):
    with pytest.raises(BrainvisError, match=r"joint.tuned.model .* must be under interaction"):
        configuration.validated(with_joint(model=model))


def test_the_workflow_tunes_decodes_and_draws_and_the_plan_counts_the_same_jobs(
    repository, tmp_path
):
    path = tmp_path / "joint.yaml"
    path.write_text(yaml.safe_dump(with_joint()))
    done = subprocess.run(
        [
            sys.executable, "-m", "snakemake", "--dry-run", "--printshellcmds", "--cores", "1",
            "--snakefile", str(repository / "Snakefile"), "--directory", str(tmp_path),
            "--configfile", str(path),
        ],
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    commands = [line for line in done.stdout.splitlines() if "brainvis " in line]
    tuning = [line for line in commands if "generate joint" in line]
    assert len(tuning) == 1
    images = [line for line in commands if "generate images" in line]
    drawn = [line for line in images if "--method tuned-fused" in line]
    assert len(drawn) == 2 and all("model-tuned_generator" in line for line in drawn)
    moved = [line for line in commands if "interaction transfer" in line]
    assert len(moved) == 2 and all("--model brain-it " in line for line in moved)
    jobs = [line.split() for line in done.stdout.splitlines()]
    counted = {row[0]: int(row[1]) for row in jobs if len(row) == 2 and row[1].isdigit()}
    run = configuration.load(path)
    planned = {one.rule: one.jobs for one in plan(run, size_of(run))}
    rules = ("generate_joint", "interaction_train", "interaction_transfer", "interaction_decode")
    assert {rule: planned[rule] for rule in rules} == {rule: counted[rule] for rule in rules}
