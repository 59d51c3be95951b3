"""The plan names the rules that the workflow has, and comes near what its stages write and hold."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from safetensors.torch import save_file
from typer.testing import CliRunner

from brainvis import config as configuration
from brainvis import containers
from brainvis.cli import app
from brainvis.config import RunConfig, find_checkpoint
from brainvis.errors import BrainvisError
from brainvis.features.registry import make_extractor
from brainvis.features.stage import write_features
from brainvis.planning import features, in_context, networks
from brainvis.planning.data import betas_disk
from brainvis.planning.decoders import images_disk
from brainvis.planning.estimate import stored
from brainvis.planning.plan import measured_product, plan, seconds
from brainvis.planning.size import size_of
from brainvis.planning.spaces import saved_parameters, spaces_of

CONFIGS = Path(__file__).resolve().parents[2] / "workflows/config"
NEAR = 0.25
runner = CliRunner()


@pytest.fixture(scope="module")
def demo() -> RunConfig:
    return configuration.load(CONFIGS / "demo.yaml")


@pytest.fixture(scope="module")
def spaces(demo):
    return spaces_of(demo)


def test_every_configuration_that_ships_can_be_planned():
    for path in sorted(CONFIGS.glob("*.yaml")):
        run = configuration.load(path)
        found = plan(run, size_of(run, voxels=500, trials=60))
        assert all(one.jobs >= 1 and one.memory > 1e8 and one.disk > 0 for one in found), path
        assert len({one.rule for one in found}) == len(found)


def test_rules_and_jobs_are_those_of_the_workflow(repository, demo, tmp_path):
    done = subprocess.run(
        [
            sys.executable, "-m", "snakemake", "--dry-run", "--quiet", "rules", "--cores", "1",
            "--snakefile", str(repository / "Snakefile"), "--directory", str(tmp_path),
            "--configfile", str(CONFIGS / "demo.yaml"),
        ],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    rows = [line.split() for line in done.stdout.splitlines()]
    counted = {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdigit()}
    wanted = {rule: jobs for rule, jobs in counted.items() if rule not in ("all", "total")}
    assert {one.rule: one.jobs for one in plan(demo, size_of(demo))} == wanted


@pytest.mark.parametrize(("trials", "voxels"), [(60, 100), (300, 1200), (900, 4000)])
def test_disk_of_responses(tmp_path, demo, trials, voxels):
    table = pd.DataFrame({"stimulus_id": [f"world-{i:05d}" for i in range(trials)]})
    table = table.assign(trial_type="object", run=1, repeat=0, onset=0.0, duration=2.0, session=1)
    grid = pd.DataFrame(np.zeros((voxels, 9), np.float32), columns=list("ijkxyzabc"))
    path = tmp_path / "responses.h5"
    betas = np.zeros((trials, voxels), np.float32)
    containers.write_responses(path, betas, table, grid.assign(roi="V1"), kind="simulated")
    size = replace(size_of(demo), trials=trials, voxels=voxels)
    assert betas_disk(size) == pytest.approx(path.stat().st_size, rel=NEAR)


@pytest.mark.parametrize("count", [30, 120])
@pytest.mark.parametrize("name", ["pixels", "gabor", "image-text"])
def test_disk_and_shapes_of_features(tmp_path, demo, spaces, name, count):
    images = np.random.default_rng(0).integers(0, 255, (count, 16, 16, 3), dtype=np.uint8)
    ids = [f"world-{i:05d}" for i in range(count)]
    table = pd.DataFrame({"stimulus_id": ids, "category": "a"})
    containers.write_stimuli(tmp_path / "s.h5", images, table, dataset="x", kind="simulated")
    given = demo.features[name].model_dump()
    if "folder" in given:
        given["folder"] = find_checkpoint(given["folder"])
    write_features(tmp_path / "s.h5", tmp_path / "f.h5", space=name, **given)
    space, made = spaces[name], containers.Features.open(tmp_path / "f.h5")
    assert made.pooled().shape == (count, space.pooled)
    if space.tokens:
        assert made.tokens()[0].size == space.per_image
    size = (tmp_path / "f.h5").stat().st_size
    assert features.features_disk(space, count) == pytest.approx(size, rel=NEAR)


def test_disk_of_reconstructions(tmp_path):
    images = np.random.default_rng(0).random((24, 64, 64, 3), dtype=np.float32)
    ids = np.array([f"world-{i:05d}" for i in range(24)])
    containers.write_reconstructions(tmp_path / "r.h5", ids, images, np.zeros(24), kind="simulated")
    assert images_disk(24, 64) == pytest.approx((tmp_path / "r.h5").stat().st_size, rel=NEAR)


def test_parameters_are_those_of_the_networks(demo, spaces):
    settings = demo.features["image-text"].model_dump()
    settings["folder"] = find_checkpoint(settings["folder"])
    kind = settings.pop("kind")
    model = make_extractor(kind, **settings).model
    assert spaces["image-text"].parameters == sum(one.numel() for one in model.parameters())
    learned, kept = in_context.in_context_parameters(demo.encoders, 256, 3000)
    assert kept > 4 * learned > 0
    interaction = demo.interaction["brain-it"]
    outputs = networks.outputs_of(interaction, spaces)
    count, _ = networks.interaction_parameters(demo, interaction, outputs, 64)
    assert count > sum(64 * tokens * width for tokens, width in outputs.values())


@pytest.mark.parametrize("kind", ["visual", "latents"])
def test_low_level_spaces_have_the_length_that_is_planned(demo, kind):
    run = RunConfig.model_validate({**demo.model_dump(), "features": {"it": {"kind": kind}},
                                    "decoders": {}, "feature_decoders": {}, "encoders": None,
                                    "interaction": {}, "generators": {}, "low_level": {},
                                    "motion": None, "animators": {}, "objects": None,
                                    "few_trials": {}, "evaluate": {}, "report": {}})  # fmt: skip
    given = run.features["it"].model_dump()
    folder = find_checkpoint(given.pop("folder"))
    extractor = make_extractor(given.pop("kind"), folder=folder, **given)
    pooled, _ = extractor.extract(np.zeros((1, 64, 64, 3), np.float32))
    assert spaces_of(run)["it"].pooled == pooled.shape[1]


def test_weights_are_counted_from_their_headers(tmp_path):
    (tmp_path / "unet").mkdir()
    save_file({"a": torch.zeros(3, 4), "b": torch.zeros(5)}, tmp_path / "unet/x.safetensors")
    assert saved_parameters(tmp_path) == 17
    with pytest.raises(BrainvisError, match="holds no weights to count"):
        saved_parameters(CONFIGS)


def test_a_large_data_set_takes_more(demo):
    small, large = (
        plan(demo, size_of(demo, voxels=v, images=i)) for v, i in ((2000, 200), (9000, 900))
    )
    for one, other in zip(small, large, strict=True):
        assert one.rule == other.rule
        assert other.memory >= one.memory
        assert seconds(other) >= seconds(one)
    assert sum(one.disk for one in large) > 4 * sum(one.disk for one in small)


def test_nsd_by_what_is_known_of_it():
    run = configuration.load(CONFIGS / "nsd.yaml")
    size = size_of(run)
    assert (size.trials, size.images, size.seen, size.test) == (30_000, 10_000, 10_000, 1000)
    whole = size_of(run, subjects=8, voxels=40_000, images=73_000)
    found = {one.rule: one for one in plan(run, whole)}
    betas = 8 * 30_000 * 40_000 * 4
    assert found["nsd_betas"].disk == pytest.approx(betas, rel=0.01)
    assert found["stimulus_features"].parameters == 2_539_567_105  # ViT-bigG-14 of open_clip
    assert found["stimulus_features"].disk > 73_000 * 256 * (1664 + 5 * 1024) * 2


def test_chunks_are_stored_whole():
    assert stored(1000, 1000) == pytest.approx(4e6, rel=0.05)
    assert stored(0, 7) > 0
    assert stored(100, 100, ratio=0.5) < stored(100, 100)


def test_the_command_prints_a_table_or_json():
    config = str(CONFIGS / "demo.yaml")
    said = runner.invoke(app, ["plan", "--config", config, "--voxels", "2000"])
    assert said.exit_code == 0, said.output
    for word in ("encode_universal", "2,000 voxels", "total", "one core"):
        assert word in said.stdout
    said = runner.invoke(app, ["plan", "--config", config, "--json", "--images", "640"])
    found = json.loads(said.stdout)
    assert found["size"]["images"] == 640
    assert found["total"]["jobs"] == sum(one["jobs"] for one in found["rules"])
    assert found["total"]["memory"] == max(one["memory"] for one in found["rules"])


def test_times_follow_the_machine(demo):
    one = plan(demo, size_of(demo))[0]
    assert seconds(one, 1e10) > seconds(one, 1e11)
    assert measured_product(64, 1) > 1e6


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--voxels", "0"], "--voxels: must be at least 1 (found 0)"),
        (["--subjects", "1"], "leaves no subject to train on"),
    ],
)
def test_counts_that_cannot_be_are_refused(options, words):
    said = runner.invoke(app, ["plan", "--config", str(CONFIGS / "demo.yaml"), *options])
    assert isinstance(said.exception, BrainvisError)
    assert words in str(said.exception)


def test_what_cannot_be_known_is_asked_for(tmp_path):
    said = runner.invoke(app, ["plan", "--config", str(tmp_path / "absent.yaml")])
    assert "cannot be read as YAML" in str(said.exception)
    run = configuration.load(CONFIGS / "haxby.yaml")
    with pytest.raises(BrainvisError, match="give --voxels and --trials, those of one subject"):
        size_of(run)
    values = yaml.safe_load((CONFIGS / "nsd.yaml").read_text())
    values["features"]["dinov2"] = {"kind": "transformers", "folder": "checkpoints/unheard-of"}
    with pytest.raises(BrainvisError, match=r"features.dinov2.folder.*put its config.json there"):
        spaces_of(configuration.validated(values))
