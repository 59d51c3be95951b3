"""Decoders on planted linear signals, and their equations against direct computation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge as SklearnRidge

from brainvis.decoding.baselines import Mean, NearestTraining, PriorOnly, Shuffled
from brainvis.decoding.bayesian import BayesianLinear, fit_model, posterior_means, row_correlation
from brainvis.decoding.encoder import encode, select_voxels
from brainvis.decoding.latent import Latent
from brainvis.decoding.linear import Ridge
from brainvis.decoding.protocol import inner_folds


def planted(seed=0, n=120, v=80, p=40, rank=6, noise=1.0):
    """Targets of low rank, voxels that respond linearly to them, with correlated noise."""
    rng = np.random.default_rng(seed)
    targets = rng.normal(size=(n, rank)) @ rng.normal(size=(rank, p)) + 3
    shared = rng.normal(size=(n, 1)) @ rng.normal(size=(1, v))
    clean = targets @ rng.normal(size=(p, v)) / np.sqrt(p * rank)
    responses = clean + noise * (0.5 * rng.normal(size=(n, v)) + shared)
    return responses.astype(np.float32), targets.astype(np.float32)


DECODERS = {
    "ridge": Ridge,
    "ridge on components": lambda: Ridge(explained=0.99),
    "ridge on selected voxels": lambda: Ridge(voxels=30),
    "bayesian": BayesianLinear,
    "bayesian on selected voxels": lambda: BayesianLinear(voxels=30),
}


@pytest.mark.parametrize("name", DECODERS)
def test_recovers_a_planted_signal_and_shuffling_destroys_it(name):
    x, y = planted()
    train, test = slice(0, 100), slice(100, 120)
    deviation = y[test] - y[train].mean(axis=0)

    def score(decoder):
        predicted = decoder.fit(x[train], y[train]).predict(x[test])
        assert predicted.shape == (20, 40) and predicted.dtype == np.float32
        return row_correlation(deviation, predicted - y[train].mean(axis=0)).mean()

    assert score(DECODERS[name]()) > 0.8
    assert abs(score(Shuffled(DECODERS[name](), seed=1))) < 0.4


def test_correlated_noise_is_cancelled():
    """With strong noise shared by all voxels, modelling its covariance beats assuming none."""
    x, y = planted(noise=4.0)
    latent = Latent.fit(y[:100])
    model = fit_model(x[:100], y[:100], np.arange(100), latent)
    modelled, independent = posterior_means(model, x[100:], (0.3, 1.0))
    assert row_correlation(y[100:] - 3, modelled - 3).mean() > (
        row_correlation(y[100:] - 3, independent - 3).mean() + 0.05
    )
    assert BayesianLinear().fit(x[:100], y[:100]).shrinkage < 1.0


def test_posterior_mean_equals_the_direct_formula():
    x, y = planted(n=50)
    latent = Latent.fit(y, 0.999)
    model = fit_model(x, y, np.arange(50), latent)
    encoding = encode(latent.project(y), x)
    kept = model.voxels
    residuals = encoding.residuals[:, kept] / model.noise
    scale = np.sqrt(latent.variance)
    for shrinkage in (0.2, 0.9, 1.0):
        sample = residuals.T @ residuals / 50
        sigma = (1 - shrinkage) * sample + shrinkage * np.eye(len(kept))
        w = (encoding.weights[:, kept] / model.noise) * scale[:, None]
        centred = (x[:, kept] - encoding.mean[kept]) / model.noise
        centred = centred + (encoding.z_mean / scale) @ w
        z = w @ np.linalg.inv(w.T @ w + sigma) @ centred.T  # the voxel-space form of Bayes
        (means,) = posterior_means(model, x, (shrinkage,))
        np.testing.assert_allclose(means, latent.restore(z.T * scale), atol=1e-6)


@pytest.mark.parametrize("groups", [None, np.repeat(np.arange(10), 3)])
def test_left_out_errors_equal_refits(groups):
    rng = np.random.default_rng(3)
    z, y = rng.normal(size=(30, 5)), rng.normal(size=(30, 4))
    y = y + z @ rng.normal(size=(5, 4)) + 2
    unit = ((z - z.mean(0)) ** 2).sum() / 30
    fitted = encode(z, y, groups, alphas=(0.7,))
    rows = np.arange(30) if groups is None else groups
    for group in np.unique(rows):
        out = rows == group
        # A ridge on the rest with the same penalty; its intercept is free as well.
        model = SklearnRidge(alpha=0.7 * unit).fit(z[~out], y[~out])
        np.testing.assert_allclose(fitted.residuals[out], y[out] - model.predict(z[out]), atol=1e-8)


def test_encoding_picks_voxels_with_signal():
    x, y = planted(noise=0.5)
    silent = np.random.default_rng(5).normal(size=(120, 60)).astype(np.float32)
    constant = np.ones((120, 3), np.float32)
    fitted = encode(Latent.fit(y).project(y), np.hstack([x, silent, constant]))
    assert (fitted.r2[:80] > 0.2).mean() > 0.9
    assert (fitted.r2[80:140] > 0.2).sum() == 0
    kept = select_voxels(fitted.r2, 20)
    assert len(kept) == 20 and kept.max() < 80
    assert (np.diff(kept) > 0).all()
    assert not np.isin([140, 141, 142], select_voxels(fitted.r2, None)).any()


@pytest.mark.parametrize("decoder", [Ridge(voxels=10), BayesianLinear()])
def test_dead_voxels_give_the_mean(decoder):
    _, y = planted()
    predicted = decoder.fit(np.ones((120, 9), np.float32), y).predict(np.ones((2, 9), np.float32))
    np.testing.assert_allclose(predicted, np.tile(y.mean(0), (2, 1)), atol=1e-3)


def test_repeats_stay_together_in_inner_folds():
    groups = np.array([5, 5, 2, 9, 9, 9, 2, 7, 1, 1])
    folds = inner_folds(groups, 3, 0)
    assert sorted(np.concatenate([v for _, v in folds])) == list(range(10))
    for train, validation in folds:
        assert not set(groups[train]) & set(groups[validation])
        assert len(train) and len(validation)


@pytest.mark.parametrize("decoder", [Ridge, BayesianLinear])
def test_single_trials_decode_averages(decoder):
    x, y = planted(n=60)
    rng = np.random.default_rng(1)
    trials = np.repeat(x, 3, axis=0) + rng.normal(size=(180, 80)).astype(np.float32)
    groups = np.repeat(np.arange(60), 3)
    fitted = decoder().fit(trials[:150], np.repeat(y, 3, axis=0)[:150], groups[:150])
    mean = y[:50].mean(axis=0)
    assert row_correlation(y[50:] - mean, fitted.predict(x[50:]) - mean).mean() > 0.6


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 12), st.integers(1, 15), st.floats(0.1, 1.0), st.integers(0, 99))
def test_latent_axes(n, p, explained, seed):
    vectors = np.random.default_rng(seed).normal(size=(n, p)) * 4 + 2
    latent = Latent.fit(vectors, explained)
    d = len(latent.variance)
    np.testing.assert_allclose(latent.axes @ latent.axes.T, np.eye(d), atol=1e-6)
    assert (latent.variance > 0).all() and (np.diff(latent.variance) <= 1e-9).all()
    centred = vectors - vectors.mean(0)
    error = ((latent.restore(latent.project(vectors)) - vectors) ** 2).sum() / (centred**2).sum()
    assert error <= 1 - explained + 1e-6
    np.testing.assert_allclose(latent.project(vectors).var(axis=0), latent.variance, rtol=1e-6)


def test_baselines():
    x, y = planted(noise=0.3)
    train, test = slice(0, 100), slice(100, 120)
    mean = Mean().fit(x[train], y[train]).predict(x[test])
    np.testing.assert_allclose(mean, np.tile(y[train].mean(0), (20, 1)), rtol=1e-5)

    drawn = PriorOnly(seed=1).fit(x[train], y[train]).predict(x[test])
    assert all((row == y[train]).all(axis=1).any() for row in drawn)
    pool = y[test] + 1
    drawn = PriorOnly(pool, seed=1).fit(x[train], y[train]).predict(x[test])
    assert all((row == pool).all(axis=1).any() for row in drawn)

    for features in (None, y[train] @ np.random.default_rng(0).normal(size=(40, 10))):
        nearest = NearestTraining(Ridge(), features).fit(x[train], y[train]).predict(x[test])
        assert all((row == y[train]).all(axis=1).any() for row in nearest)
        assert row_correlation(y[test] - 3, nearest - 3).mean() > 0.5


def test_shuffling_moves_repeats_together_and_changes_pairs():
    class Recorder(Mean):
        def fit(self, responses, targets, groups=None):
            self.seen = targets
            return super().fit(responses, targets, groups)

    groups = np.repeat(np.arange(20), 2)
    targets = groups[:, None].astype(np.float32)
    recorder = Recorder()
    Shuffled(recorder, seed=0).fit(np.zeros((40, 2), np.float32), targets, groups)
    assert (recorder.seen[::2] == recorder.seen[1::2]).all()
    assert sorted(recorder.seen[:, 0]) == sorted(targets[:, 0])
    assert (recorder.seen != targets).mean() > 0.5
