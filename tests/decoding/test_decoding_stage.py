"""The decoding stage: files in and out, no leakage from test stimuli, determinism, bad input."""

import numpy as np
import pandas as pd
import pytest

from brainvis.containers import (
    Features,
    Reconstructions,
    Responses,
    Stimuli,
    write_features,
    write_responses,
    write_stimuli,
)
from brainvis.datasets.splits import Fold, kfold
from brainvis.decoding import stage
from brainvis.decoding.bayesian import BayesianLinear
from brainvis.decoding.registry import FEATURE_METHODS, IMAGE_METHODS
from brainvis.decoding.stage import decode, decode_features
from brainvis.errors import BrainvisError

COUNT, SIDE, VOXELS, REPEATS = 40, 8, 60, 2
IDS = np.array([f"s{number:02d}" for number in range(COUNT)])
FOLDS = kfold(IDS, np.array(["a", "b"] * (COUNT // 2)), 4, 0)


def smooth_images(rng, count):
    """Coloured images of 2 x 2 uniform patches, (count, 8, 8, 3) uint8."""
    patches = rng.integers(0, 256, size=(count, 2, 2, 3))
    return np.kron(patches, np.ones((1, SIDE // 2, SIDE // 2, 1))).astype(np.uint8)


def write_world(folder, *, images=None, betas=None):
    rng = np.random.default_rng(7)
    made = smooth_images(rng, COUNT)
    images = made if images is None else images
    flat = made.reshape(COUNT, -1) / 255.0 - 0.5
    clean = flat @ rng.normal(size=(flat.shape[1], VOXELS)) / 4
    order = rng.permutation(np.repeat(np.arange(COUNT), REPEATS))
    noisy = clean[order] + 0.5 * rng.normal(size=(len(order), VOXELS))
    trials = pd.DataFrame({"stimulus_id": IDS[order], "run": 0})
    trials["repeat"] = trials.groupby("stimulus_id").cumcount()
    voxels = pd.DataFrame({name: np.arange(VOXELS) for name in "ijk"}).assign(roi="")
    about = {"dataset": "toy", "kind": "simulated"}
    table = pd.DataFrame({"stimulus_id": IDS, "category": "x"})
    write_stimuli(folder / "stimuli.h5", images, table, **about)
    write_responses(
        folder / "responses.h5", noisy if betas is None else betas, trials, voxels,
        subject="03", **about,
    )  # fmt: skip
    extra = pd.DataFrame({"stimulus_id": [f"p{n}" for n in range(60)], "category": "x"})
    write_stimuli(folder / "prior.h5", smooth_images(rng, 60), extra, **about)
    pooled = flat @ rng.normal(size=(flat.shape[1], 12))
    write_features(folder / "features.h5", IDS, pooled, space="toy", model="m", kind="simulated")
    return folder


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return write_world(tmp_path_factory.mktemp("world"))


def run(world, out, split=FOLDS, **options):
    decode(world / "responses.h5", world / "stimuli.h5", split, out, **options)
    return Reconstructions.open(out)


@pytest.mark.parametrize("method", IMAGE_METHODS)
def test_every_method_writes_every_test_stimulus_once(world, tmp_path, method):
    made = run(world, tmp_path / "r.h5", method=method, split_name="cv")
    assert sorted(made.ids) == sorted(IDS)
    assert all(name in FOLDS[fold].test for name, fold in zip(made.ids, made.folds(), strict=True))
    images = made.images()
    assert images.shape == (COUNT, SIDE, SIDE, 3)
    assert images.min() >= 0 and images.max() <= 1
    assert made.attributes["method"] == method and made.attributes["split"] == "cv"
    assert made.attributes["subject"] == "03" and made.attributes["kind"] == "simulated"


def mean_error(world, made):
    shown = Stimuli.open(world / "stimuli.h5")
    return np.abs(made.images() - shown.images(shown.rows(made.ids))).mean()


def test_decoders_beat_baselines(world, tmp_path):
    def error(method, **options):
        return mean_error(world, run(world, tmp_path / "r.h5", method=method, **options))

    floor = min(error(name) for name in ("mean", "shuffled", "prior_only"))
    for method in ("bayesian_linear", "bayesian_mixture", "ridge_pixels", "ridge_pca"):
        assert error(method) < 0.7 * floor
        assert error(method, trials="single") < 0.7 * floor
        assert error(method, prior=world / "prior.h5") < 0.7 * floor
    nearest = error("nearest_training", features=world / "features.h5")
    assert nearest < error("prior_only")


def test_prior_only_draws_from_the_prior(world, tmp_path):
    made = run(world, tmp_path / "r.h5", method="prior_only", prior=world / "prior.h5")
    pool = Stimuli.open(world / "prior.h5").images()
    for image in made.images():
        assert np.isclose(pool, image, atol=1e-6).all(axis=(1, 2, 3)).any()


def test_fitted_parameters_ignore_test_stimuli(world, tmp_path, monkeypatch):
    """Other images and other responses for the test stimuli: every learned number is the same."""
    fold = FOLDS[0]
    stimuli = Stimuli.open(world / "stimuli.h5")
    images = stimuli.read("images")
    images[stimuli.rows(fold.test)] = 255 - images[stimuli.rows(fold.test)] // 2
    responses = Responses.open(world / "responses.h5")
    betas = responses.betas()
    betas[responses.trials["stimulus_id"].isin(fold.test).to_numpy()] *= -50
    changed = write_world(tmp_path, images=images, betas=betas)

    fitted: list[BayesianLinear] = []
    original = BayesianLinear.fit

    def record(self, *arguments):
        fitted.append(self)
        return original(self, *arguments)

    monkeypatch.setattr(BayesianLinear, "fit", record)
    first = run(world, tmp_path / "a.h5", split=[fold])
    second = run(changed, tmp_path / "b.h5", split=[fold])
    one, two = fitted
    assert one.shrinkage == two.shrinkage
    for name in ("voxels", "mean", "noise", "weights", "offset", "directions", "power"):
        np.testing.assert_array_equal(getattr(one.model, name), getattr(two.model, name))
    for name in ("mean", "axes", "variance"):
        np.testing.assert_array_equal(
            getattr(one.model.latent, name), getattr(two.model.latent, name)
        )
    assert not np.array_equal(first.images(), second.images())  # the responses did change


@pytest.mark.parametrize("method", [m for m in IMAGE_METHODS if m != "prior_only"])
def test_test_images_do_not_reach_predictions(world, tmp_path, method):
    fold = FOLDS[1]
    stimuli = Stimuli.open(world / "stimuli.h5")
    images = stimuli.read("images")
    images[stimuli.rows(fold.test)] = 0
    changed = write_world(tmp_path, images=images)
    first = run(world, tmp_path / "a.h5", split=[fold], method=method)
    second = run(changed, tmp_path / "b.h5", split=[fold], method=method)
    np.testing.assert_array_equal(first.images(), second.images())


def test_same_seed_same_numbers(world, tmp_path):
    for method in ("bayesian_linear", "bayesian_mixture", "shuffled", "prior_only"):
        first, again, other = (
            run(world, tmp_path / "r.h5", method=method, seed=seed).images() for seed in (1, 1, 2)
        )
        np.testing.assert_array_equal(first, again)
        if method != "bayesian_linear":
            assert not np.array_equal(first, other)


@pytest.mark.parametrize("method", FEATURE_METHODS)
def test_features_are_decoded(world, tmp_path, method):
    decode_features(
        world / "responses.h5", world / "features.h5", FOLDS, tmp_path / "f.h5", method=method
    )
    made = Features.open(tmp_path / "f.h5")
    true = Features.open(world / "features.h5").pooled(made.ids)
    assert made.space == "toy" and made.attributes["method"] == method
    correlation = np.corrcoef(true.ravel(), made.pooled().ravel())[0, 1]
    assert correlation > 0.8 if method in ("ridge_features", "bayesian_features") else True
    if method == "shuffled":
        assert correlation < 0.4


@pytest.mark.parametrize("method", ["ridge_features", "ceiling"])
def test_tokens_are_decoded_for_a_generator(world, tmp_path, method):
    known = Features.open(world / "features.h5")
    layers = np.stack([np.zeros((COUNT, 2, 4)), known.pooled()[:, :8].reshape(COUNT, 2, 4)], 1)
    source, out = tmp_path / "tokens.h5", tmp_path / "f.h5"
    write_features(
        source, known.ids, known.pooled(), layers, space="toy", model="m", kind="simulated"
    )
    decode_features(world / "responses.h5", source, FOLDS, out, method=method, tokens=True)
    made = Features.open(out)
    assert made.tokens().shape == (COUNT, 2, 4)
    true = layers[[known.ids.tolist().index(name) for name in made.ids], 1]
    if method == "ceiling":  # the true features, which a response could not give
        np.testing.assert_allclose(made.tokens(), true, atol=1e-2)
        np.testing.assert_array_equal(made.pooled(), known.pooled(made.ids))
    assert np.corrcoef(true.ravel(), made.tokens().ravel().astype(float))[0, 1] > 0.8


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "magic"}, "method: unknown method .*bayesian_linear"),
        ({"method": "shuffled", "base": "mean"}, "base: .*found mean"),
        ({"trials": "all"}, "trials: unknown value"),
        ({"explained": 0.0}, "explained: unknown value"),
        ({"inner_folds": 1}, "inner_folds: unknown value"),
        ({"voxels": 0}, "voxels: unknown value"),
        ({"split": []}, "split: "),
        ({"split": [Fold(["s00", "s01"], ["s02"])]}, "three training stimuli"),
        ({"split": [Fold(["s00", "s01"], ["s01"])]}, "test stimuli in training"),
        ({"split": [FOLDS[0], FOLDS[0]]}, "test each stimulus once"),
        ({"split": [Fold(["s00", "s01"], ["zz"])]}, "unknown stimulus"),
    ],
)
def test_bad_settings_give_one_clear_error(world, tmp_path, options, message):
    with pytest.raises(BrainvisError, match=message):
        run(world, tmp_path / "r.h5", **options)


def test_prior_must_be_other_images_of_the_same_size(world, tmp_path):
    with pytest.raises(BrainvisError, match="holds stimuli"):
        run(world, tmp_path / "r.h5", prior=world / "stimuli.h5")
    table = pd.DataFrame({"stimulus_id": ["p"], "category": "x"})
    write_stimuli(tmp_path / "p.h5", np.zeros((1, 4, 4, 3), np.uint8), table, kind="simulated")
    with pytest.raises(BrainvisError, match="differ in size"):
        run(world, tmp_path / "r.h5", prior=tmp_path / "p.h5")


def test_responses_and_images_that_cannot_be_learned_from(world, tmp_path):
    betas = Responses.open(world / "responses.h5").betas()
    betas[3, 5] = np.nan
    with pytest.raises(BrainvisError, match=r"betas: holds values that are not finite.*1 such"):
        run(write_world(tmp_path, betas=betas), tmp_path / "r.h5")
    grey = np.full((COUNT, SIDE, SIDE, 3), 7, np.uint8)
    with pytest.raises(BrainvisError, match="vectors that differ"):
        run(write_world(tmp_path, images=grey), tmp_path / "r.h5")


def test_stage_names_in_signature_match_the_registry():
    assert stage.decode.__kwdefaults__["method"] in IMAGE_METHODS
    assert stage.decode_features.__kwdefaults__["method"] in FEATURE_METHODS
