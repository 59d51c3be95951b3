"""Configurations: every shipped one is valid; a wrong one is one line naming key and remedy."""

import pytest
import yaml

from brainvis import config
from brainvis.errors import BrainvisError


def minimal(**changes):
    values = {
        "run": "test",
        "dataset": {"name": "simulated"},
        "splits": {"main": {"scheme": "holdout"}},
    }
    return {**values, **changes}


def test_every_shipped_configuration_is_valid(repository):
    paths = sorted((repository / "workflows/config").glob("*.yaml"))
    assert {"demo", "full", "vangerven_digits", "haxby"} <= {path.stem for path in paths}
    for path in paths:
        assert config.load(path).run


def test_the_shipped_schema_is_in_step_with_the_models(repository):
    shipped = repository / "workflows/schemas/config.schema.json"
    assert shipped.read_text() == config.schema(), "run `make schema`"


@pytest.mark.parametrize(
    ("changes", "key", "said"),
    [
        ({"seeed": 1}, "seeed", "remove the key or correct its name"),
        ({"seed": "many"}, "seed", "found 'many'"),
        ({"seed": -1}, "seed", "greater than or equal to 0"),
        ({"dataset": {"name": "nsdd"}}, "dataset", "'simulated', 'bids', 'vangerven_digits'"),
        ({"splits": {"main": {"scheme": "random"}}}, "splits.main", "'holdout'"),
        ({"preprocess": {"hrf": "spline"}}, "preprocess.hrf", "'library' or 'canonical'"),
        ({"run": "../x"}, "run", "letters, digits and single hyphens"),
        ({"run": "a;rm -rf"}, "run", "letters, digits and single hyphens"),
        ({"splits": {}}, "splits", "at least 1 item"),
    ],
)
def test_a_wrong_key_is_one_line(changes, key, said):
    with pytest.raises(BrainvisError) as caught:
        config.validated(minimal(**changes), "run.yaml")
    text = str(caught.value)
    assert text.startswith(f"run.yaml: {key}")
    assert said in text
    assert "\n" not in text


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "!!python/object:os.system {}", "\x00"])
def test_yaml_that_holds_no_settings(tmp_path, text):
    path = tmp_path / "run.yaml"
    path.write_text(text)
    with pytest.raises(BrainvisError, match=r"run\.yaml"):
        config.load(path)


@pytest.mark.parametrize("folder", ["../secret", "/etc", "a/../../b", "~/data"])
def test_a_data_folder_outside_the_roots_is_refused(tmp_path, monkeypatch, folder):
    monkeypatch.setenv("BRAINVIS_DATA", str(tmp_path))
    with pytest.raises(BrainvisError, match="leaves the data roots"):
        config.find_data(folder)


def test_an_output_outside_the_working_folder_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BrainvisError, match="leaves its root"):
        config.run_folder(config.validated(minimal(output="../elsewhere")))


def test_a_missing_data_folder_says_where_it_was_looked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("BRAINVIS_DATA", str(tmp_path))
    with pytest.raises(BrainvisError, match=r"no such data folder.*BRAINVIS_DATA"):
        config.find_data("absent")


def test_slices_hold_only_what_was_asked_for():
    run = config.validated(minimal())
    assert set(run.slice("preprocess")) == {"preprocess"}
    assert run.slice("dataset.brain")["dataset.brain"]["repeats"] == 3
    assert yaml.safe_dump(run.slice("splits"))


ENCODED = {
    "features": {"pixels": {"kind": "pixels"}},
    "encoders": {"backbone": ["pixels"]},
    "interaction": {"brain-it": {"spaces": ["pixels"]}},
}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"interaction": {"one": {"spaces": ["gabor"]}}}, "names 'gabor'"),
        ({"interaction": {"one": {"spaces": ["pixels"], "heads": 5}}}, "heads must divide"),
        ({"encoders": None}, "interaction.brain-it needs the voxel embeddings"),
        ({"clusters": {"methods": ["random"]}}, "'mixture' is not in clusters.methods"),
        ({"generators": {"g": {"tokens": "ridge"}}}, "'brain-it-pixels'"),
        ({"generators": {"g": {"tokens": "brain-it-pixels", "start": "x"}}}, "no image decoder"),
        ({"low_level": {"l": {"decoded": "brain-it-pixels"}}}, "decodes no features of kind"),
        ({"low_level": {"l": {"decoded": "ridge"}}}, "decodes no features of kind"),
        ({"report": {"show": ["x"]}}, "report.show names 'x'"),
        ({"few_trials": {"shares": [40]}}, "needs a feature decoder of method ridge_features"),
        ({"few_trials": {"shares": [40], "model": "x"}}, "few_trials.model 'x' is not under"),
        ({"few_trials": {"shares": [1]}}, "greater than or equal to 2"),
        (
            {
                "encoders": None,
                "interaction": {},
                "feature_decoders": {
                    "ridge": {"method": "ridge_features", "features": "pixels", "tokens": True}
                },
                "generators": {"g": {"tokens": "ridge", "samples": 2}},
            },
            "only encoders can choose among them",
        ),
        (
            {
                "decoders": {"g": {"method": "mean"}},
                "generators": {"g": {"tokens": "brain-it-pixels"}},
            },
            "'g' names two methods",
        ),
    ],
)
def test_models_and_generators_need_what_they_read(changes, said):
    config.validated(minimal(**ENCODED), "run.yaml")
    with pytest.raises(BrainvisError) as caught:
        config.validated(minimal(**{**ENCODED, **changes}), "run.yaml")
    assert said in str(caught.value)


def test_several_samples_make_a_method_of_their_own():
    generators = {"g": {"tokens": "brain-it-pixels", "samples": 3}, "h": {"tokens": "mean"}}
    mean = {"mean": {"method": "mean", "features": "pixels", "tokens": True}}
    run = config.validated(
        minimal(**ENCODED, generators=generators, feature_decoders=mean), "run.yaml"
    )
    assert run.best_of == {"g-best": "g"}
    assert run.image_methods == ["g", "h", "g-best"] and "g-best" not in run.baselines


def test_few_trials_stand_beside_ridge_to_the_same_space():
    ridge = {"r": {"method": "ridge_features", "features": "pixels"}}
    run = config.validated(
        minimal(**ENCODED, feature_decoders=ridge, few_trials={"shares": [40, 8]}), "run.yaml"
    )
    assert (run.few_model, run.few_space, run.few_ridge) == ("brain-it", "pixels", "r")
