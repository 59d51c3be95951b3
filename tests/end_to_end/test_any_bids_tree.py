"""The same workflow on a BIDS tree given by configuration alone, with and without images."""

import numpy as np
import pytest

from brainvis.containers import Reconstructions, Stimuli

pytestmark = pytest.mark.slow


@pytest.fixture
def tree(workflow, settings, monkeypatch):
    """Settings that read the finished run's BIDS folder as a data set of its own."""
    root = workflow.folder / "results/tiny"
    monkeypatch.setenv("BRAINVIS_DATA", str(root))
    for manifest in (root / "bids").glob("*.manifest.json"):
        manifest.unlink()  # a user's own tree has none
    dataset = {"name": "bids", "folder": "bids", "label": "simulated-tree", "simulated": True}
    settings |= {"run": "tree", "dataset": {**dataset, "subjects": ["01"], "image_size": 64}}
    settings |= {"encoders": None, "interaction": {}}  # they take two subjects
    return settings


def test_a_tree_with_images_is_decoded_by_configuration_alone(workflow, tree):
    workflow.write(tree)
    workflow.snakemake("report")
    results = workflow.folder / "results"
    seen = Stimuli.open(results / "tree/stimuli/stimuli.h5")
    world = Stimuli.open(results / "tiny/stimuli/stimuli.h5")
    np.testing.assert_array_equal(seen.images(), world.images(world.rows(seen.ids)))
    name = "reconstructions/sub-01_split-main_method-ridge-pixels_images.h5"
    made = Reconstructions.open(results / "tree" / name)
    assert made.attributes["dataset"] == "simulated-tree"
    assert made.attributes["kind"] == "simulated"
    assert np.isfinite(made.images()).all()


def test_a_missing_stimulus_image_stops_with_its_name(workflow, tree):
    image = next((workflow.folder / "results/tiny/bids/stimuli").glob("*.png"))
    image.unlink()
    workflow.write(tree)
    assert workflow.snakemake("splits", check=False).returncode != 0
    log = (workflow.folder / "results/tree/logs/bids_stimuli.log").read_text()
    assert image.name in log
    assert "stimulus file is missing" in log
    assert not (workflow.folder / "results/tree/stimuli/stimuli.h5").exists()


def test_a_data_folder_outside_the_roots_stops_before_anything_runs(workflow, tree):
    tree["dataset"]["folder"] = "../../elsewhere"
    workflow.write(tree)
    said = workflow.snakemake(check=False)
    assert said.returncode != 0
    assert "leaves the data roots" in said.stdout + said.stderr
    assert not (workflow.folder / "results/tree").exists()
