"""Banded ridge against himalaya, and its split scores against the whole."""

import numpy as np
import pytest
from himalaya.ridge import GroupRidgeCV
from himalaya.scoring import r2_score_split
from sklearn.linear_model import Ridge

from brainvis.encoding.banded import BandedRidge, draw_shares
from brainvis.encoding.ridge import VoxelwiseRidge
from brainvis.encoding.scores import pearson_r, r2
from brainvis.errors import BrainvisError

ALPHAS = np.logspace(-1, 4, 6)


def world(n, sizes, v, seed=0):
    """Voxels in the first half follow space a, in the second half space b; space c is noise."""
    rng = np.random.default_rng(seed)
    a, b, c = (rng.standard_normal((n, p)).astype(np.float32) + 1 for p in sizes)
    W, half = rng.standard_normal((max(sizes), v)) * 0.4, v // 2
    signal = np.hstack([a @ W[: sizes[0], :half], b @ W[: sizes[1], half:]])
    Y = signal + rng.standard_normal((n, v)) + 2
    return {"a": a, "b": b, "c": c}, Y.astype(np.float32)


def part(spaces, rows):
    return {name: X[rows] for name, X in spaces.items()}


@pytest.mark.parametrize("sizes", [(12, 20, 8), (60, 90, 70)])  # primal, kernel
def test_same_search_as_himalaya(sizes):
    spaces, Y = world(120, sizes, 24)
    gammas = draw_shares(12, 3, (0.3, 1.0), seed=4)[4:]  # no zeros: himalaya divides by them
    ours = BandedRidge(ALPHAS, 4, draws=gammas).fit(spaces, Y)
    theirs = GroupRidgeCV(
        groups="input",
        solver="random_search",
        cv=4,
        fit_intercept=True,
        solver_params={"alphas": ALPHAS, "n_iter": gammas, "progress_bar": False, "warn": False},
    ).fit([X.astype(np.float64) for X in spaces.values()], Y.astype(np.float64))
    agree = np.isclose(np.exp(-theirs.deltas_), ours.band_alphas_, rtol=1e-3).all(0)
    assert agree.mean() > 0.95  # two draws may score alike to rounding
    np.testing.assert_allclose(ours.cv_scores_, theirs.cv_scores_, rtol=1e-4)
    difference = np.abs(ours.coef_ - theirs.coef_)[:, agree].max()
    assert difference < 1e-5 * np.abs(theirs.coef_).max()
    np.testing.assert_allclose(ours.intercept_[agree], theirs.intercept_[agree], atol=1e-4)


@pytest.mark.parametrize("sizes", [(12, 20, 8), (60, 90, 70)])
def test_one_penalty_a_band_is_ridge_on_rescaled_features(sizes):
    spaces, Y = world(120, sizes, 6)
    gamma = np.array([[0.7, 0.1, 0.2]])
    ours = BandedRidge([5.0], draws=gamma).fit(spaces, Y)
    np.testing.assert_allclose(ours.band_alphas_[:, 0], 5.0 / gamma[0])
    scale = np.repeat(np.sqrt(gamma[0]), sizes)
    X = np.hstack(list(spaces.values())).astype(np.float64)
    exact = Ridge(5.0).fit(X * scale, Y)
    np.testing.assert_allclose(ours.coef_, (exact.coef_ * scale).T, atol=1e-5)
    np.testing.assert_allclose(ours.predict(spaces), exact.predict(X * scale), rtol=1e-3, atol=1e-3)


def test_equal_shares_of_one_draw_are_plain_ridge():
    spaces, Y = world(120, (12, 20, 8), 6)
    banded = BandedRidge(ALPHAS, draws=np.full((1, 3), 1 / 3)).fit(spaces, Y)
    plain = VoxelwiseRidge(ALPHAS * 3).fit(np.hstack(list(spaces.values())), Y)
    np.testing.assert_allclose(banded.band_alphas_[0], plain.alpha_)
    np.testing.assert_allclose(banded.coef_, plain.coef_, atol=1e-5)


def test_search_finds_the_space_of_each_voxel_and_beats_plain_ridge():
    spaces, Y = world(260, (15, 40, 80), 20)
    train, test = part(spaces, slice(160)), part(spaces, slice(160, 260))
    model = BandedRidge(ALPHAS, draws=30, voxels_batch=8).fit(train, Y[:160])
    shares = model.split_scores(test, Y[160:])
    assert (shares[0, :10] > 0.3).all() and (np.abs(shares[1, :10]) < 0.15).all()
    assert (shares[1, 10:] > 0.3).all() and (np.abs(shares[0, 10:]) < 0.15).all()
    assert np.abs(shares[2]).max() < 0.15
    assert np.median(model.band_alphas_[2]) > 10 * np.median(model.band_alphas_[0, :10])
    plain = VoxelwiseRidge(ALPHAS).fit(np.hstack(list(train.values())), Y[:160])
    banded_r2 = r2(Y[160:], model.predict(test))
    assert banded_r2.mean() > plain.score(np.hstack(list(test.values())), Y[160:]).mean() + 0.02
    np.testing.assert_allclose(shares.sum(0), banded_r2, atol=1e-5)
    split_r = model.split_scores(test, Y[160:], "correlation").sum(0)
    np.testing.assert_allclose(split_r, pearson_r(Y[160:], model.predict(test)), atol=1e-5)


def test_split_agrees_with_himalaya_where_both_are_centred():
    spaces, Y = world(260, (15, 40, 80), 20)
    model = BandedRidge(ALPHAS, draws=5).fit(spaces, Y)
    parts, exact = model.predict(spaces, split=True).astype(float), Y.astype(float)
    theirs = r2_score_split(exact - exact.mean(0), parts - parts.mean(1, keepdims=True))
    np.testing.assert_allclose(model.split_scores(spaces, Y), theirs, atol=1e-4)


def test_draws_are_seeded_on_the_simplex_and_begin_with_the_corners():
    shares = draw_shares(50, 3, (0.1, 1.0), seed=1)
    np.testing.assert_allclose(shares.sum(1), 1)
    np.testing.assert_array_equal(shares[1:4], np.eye(3))
    np.testing.assert_array_equal(shares[:20], draw_shares(20, 3, (0.1, 1.0), seed=1))
    assert not np.allclose(shares[4:], draw_shares(50, 3, (0.1, 1.0), seed=2)[4:])


def test_bad_input_is_told_in_one_line():
    spaces, Y = world(60, (5, 6, 7), 4)
    with pytest.raises(BrainvisError, match="feature space"):
        BandedRidge().fit({}, Y)
    with pytest.raises(BrainvisError, match="feature spaces must be"):
        BandedRidge().fit({**spaces, "c": spaces["c"][:-1]}, Y)
    with pytest.raises(BrainvisError, match="sum to 1"):
        BandedRidge(draws=np.array([[0.5, 0.6, 0.1]])).fit(spaces, Y)
    with pytest.raises(BrainvisError, match="draws"):
        BandedRidge(draws=0).fit(spaces, Y)
    model = BandedRidge(ALPHAS, draws=1).fit(spaces, Y)
    with pytest.raises(BrainvisError, match="differ from those fitted"):
        model.predict({"b": spaces["b"], "a": spaces["a"], "c": spaces["c"]})
