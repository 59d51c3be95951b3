"""What a finished run offers: the store's commands, the page, Snakemake's own report."""

import json
from html.parser import HTMLParser

import numpy as np
import pytest
from typer.testing import CliRunner

from brainvis.cli import app
from brainvis.containers import Reconstructions, Responses, Stimuli

pytestmark = pytest.mark.slow
runner = CliRunner()


def run(*arguments: str):
    return runner.invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def results(finished):
    return finished.folder / "results/tiny"


def test_every_artifact_is_whole_and_says_simulated(results):
    said = run("artifacts", "verify", results)
    assert said.exit_code == 0, said.stdout
    listed = [json.loads(path.read_text()) for path in results.rglob("*.manifest.json")]
    assert len(listed) > 12
    assert {entry["kind"] for entry in listed} == {"simulated"}
    assert run("artifacts", "list", results).exit_code == 0


def test_verify_catches_a_flipped_byte(workflow):
    path = workflow.folder / "results/tiny/responses/sub-01_responses.h5"
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)
    said = run("artifacts", "verify", workflow.folder / "results/tiny")
    assert said.exit_code == 1
    assert "sub-01_responses.h5: differs from what its stage wrote" in said.stdout


def test_why_goes_from_the_page_back_to_the_stimuli(results):
    said = run("artifacts", "why", results / "report/index.html")
    assert said.exit_code == 0
    for name in ("summary.csv", "sub-01_responses.h5", "sub-01_betas.h5", "stimuli.h5"):
        assert name in said.stdout
    assert run("artifacts", "diff", results, results).stdout.strip() == "no difference"
    assert "0 found" in run("artifacts", "gc", results).stdout


def test_the_containers_keep_their_contract(results):
    """Shapes, order and kinds that later stages rely on."""
    seen = Stimuli.open(results / "stimuli/stimuli.h5")
    assert len(set(seen.ids)) == len(seen.ids) == 40
    assert seen.kind == "simulated"
    assert seen.images().min() >= 0
    assert seen.images().max() <= 1
    measured = Responses.open(results / "responses/sub-01_responses.h5")
    assert set(measured.trials["stimulus_id"]) <= set(seen.ids)
    assert {"i", "j", "k", "roi", "noise_ceiling", "reliability"} <= set(measured.voxels)
    splits = json.loads((results / "splits/splits.json").read_text())
    name = "sub-01_split-main_method-ridge-pixels_images.h5"
    made = Reconstructions.open(results / "reconstructions" / name)
    assert sorted(made.ids) == sorted(splits["main"][0]["test"])
    assert made.attributes["method"] == "ridge-pixels"
    fused = Reconstructions.open(results / "reconstructions" / name.replace("pixels", "fused"))
    assert (fused.attributes["start"], fused.attributes["steps"]) == ("ridge-low", 3)
    low = Reconstructions.open(results / "reconstructions" / name.replace("pixels", "low"))
    assert np.abs(fused.images() - low.images()).max() > 0.05  # denoising went on from there


class _Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.links, self.text = [], []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.links += [v for k, v in values.items() if k in ("src", "href") and v]

    def handle_data(self, data):
        self.text.append(data)


def test_the_page_holds_everything_and_asks_for_nothing(results):
    page = _Page()
    page.feed((results / "report/index.html").read_text())
    assert all(link.startswith(("data:", "#")) for link in page.links)
    text = " ".join(page.text)
    for word in ("SIMULATED", "ridge-pixels", "mean", "chance", "Lineage"):
        assert word.lower() in text.lower(), word
    assert list((results / "report/figures").glob("grid_*.png"))


def test_snakemakes_own_report_works(workflow):
    workflow.snakemake("--report", "index.html")
    assert "brainvis" in (workflow.folder / "index.html").read_text()
