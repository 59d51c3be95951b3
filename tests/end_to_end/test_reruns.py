"""What a change reruns: the stage it touches, what follows, and nothing else."""

import shutil

import pytest

pytestmark = pytest.mark.slow


def test_touching_nothing_reruns_nothing(workflow):
    assert workflow.planned() == {}


def test_a_decoder_setting_reruns_that_decoder_and_what_follows(workflow, settings):
    settings["decoders"]["ridge-pixels"]["inner_folds"] = 4
    workflow.write(settings)
    subjects = len(settings["subjects"]) if "subjects" in settings else 2
    assert workflow.planned() == {
        "decode": subjects,
        "image_features": subjects,
        "encode_predict": subjects,
        "brain": 1,
        "metrics": 1,
        "report": 1,
    }


def test_a_setting_of_the_generator_reruns_no_decoder(workflow, settings):
    settings["generators"]["ridge-fused"]["strength"] = 0.7
    workflow.write(settings)
    assert workflow.planned() == {
        "generate_images": 2,
        "image_features": 2,
        "encode_predict": 2,
        "brain": 1,
        "metrics": 1,
        "report": 1,
    }


def test_an_evaluation_setting_reruns_evaluation_only(workflow, settings):
    settings["evaluate"]["bootstrap"] = 300
    workflow.write(settings)
    assert workflow.planned() == {"metrics": 1, "retrieval": 1, "brain": 1, "report": 1}


@pytest.mark.parametrize(
    ("module", "first", "untouched"),
    [
        ("brainvis/evaluate/metrics.py", "metrics", "decode"),
        ("brainvis/preprocess/normalise.py", "normalise_responses", "estimate_betas"),
        ("brainvis/stimuli/world.py", "stimuli", "nothing"),
        ("brainvis/simulate/noise.py", "simulate", "stimuli"),
    ],
)
def test_an_edit_of_a_module_reruns_its_stage(workflow, module, first, untouched):
    workflow.edit(module)
    planned = workflow.planned()
    assert first in planned
    assert "report" in planned
    assert untouched not in planned


def test_plumbing_edits_rerun_nothing(workflow):
    workflow.edit("brainvis/artifacts/inspect.py")
    workflow.edit("brainvis/errors.py")
    assert workflow.planned() == {}


def test_the_same_run_twice_gives_the_same_bytes(workflow, finished):
    shutil.rmtree(workflow.folder / "results")
    shutil.rmtree(workflow.folder / ".snakemake")
    workflow.snakemake("metrics")
    for name in (
        "stimuli/stimuli.h5",
        "responses/sub-01_responses.h5",
        "reconstructions/sub-01_split-main_method-ridge-pixels_images.h5",
    ):
        path = f"results/tiny/{name}"
        assert workflow.manifest(path)["sha256"] == finished.manifest(path)["sha256"], name


def test_two_runs_share_stages_through_the_cache(workflow, settings):
    shutil.rmtree(workflow.folder / "results")
    for run in ("one", "two"):
        workflow.write({**settings, "run": run, "cache": "shared"})
        workflow.snakemake("splits")
    log = workflow.folder / "results/two/logs/stimuli.log"
    assert "taken from the cache" in log.read_text()
