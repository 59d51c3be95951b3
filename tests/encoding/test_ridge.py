"""The ridge core against closed forms, scikit-learn and himalaya."""

import h5py
import numpy as np
import pytest
from himalaya.ridge import RidgeCV
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import r2_score

from brainvis.encoding.folds import make_folds
from brainvis.encoding.ridge import VoxelwiseRidge, ridge_baseline
from brainvis.errors import BrainvisError

ALPHAS = np.logspace(-1, 5, 7)
SHAPES = [(150, 40), (60, 130)]  # primal, kernel


def world(n, p, v, seed=0, offset=1.0, noise=1.0):
    """Features and noisy linear responses, both far from zero mean, of voxels of unequal signal."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) + offset
    W = rng.standard_normal((p, v)) * np.linspace(0, 0.5, v)
    Y = X @ W + noise * rng.standard_normal((n, v)) + 3 * offset
    return X.astype(np.float32), Y.astype(np.float32)


def by_hand(X, Y, folds, alphas, score):
    """Mean score over folds of every alpha, by scikit-learn's Ridge in float64."""
    X, Y = X.astype(np.float64), Y.astype(np.float64)
    return np.mean(
        [
            [score(Y[test], Ridge(a).fit(X[train], Y[train]).predict(X[test])) for a in alphas]
            for train, test in folds
        ],
        axis=0,
    )


def correlation(truth, predicted):
    return [np.corrcoef(truth[:, i], predicted[:, i])[0, 1] for i in range(truth.shape[1])]


SCORES = {
    "mse": lambda y, p: -((y - p) ** 2).mean(0),
    "r2": lambda y, p: r2_score(y, p, multioutput="raw_values"),
    "correlation": correlation,
}


@pytest.mark.parametrize("shape", SHAPES)
def test_same_alphas_and_weights_as_himalaya(shape):
    X, Y = world(*shape, 80)
    ours = VoxelwiseRidge(ALPHAS, 5).fit(X, Y)
    theirs = RidgeCV(ALPHAS, fit_intercept=True, cv=5, solver_params={"warn": False})
    theirs.fit(X.astype(np.float64), Y.astype(np.float64))
    assert len(np.unique(ours.alpha_)) > 2
    np.testing.assert_allclose(ours.alpha_, theirs.best_alphas_, rtol=1e-12)  # exp of a log there
    assert np.abs(ours.coef_ - theirs.coef_).max() < 1e-5 * np.abs(theirs.coef_).max()
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(ours.cv_scores_.max(0), theirs.cv_scores_, rtol=1e-5)


@pytest.mark.parametrize("form", ["primal", "kernel"])
@pytest.mark.parametrize("scoring", ["mse", "r2", "correlation"])
@pytest.mark.parametrize("shape", SHAPES)
def test_cv_scores_are_those_of_a_full_refit_of_every_fold(shape, scoring, form):
    X, Y = world(*shape, 6)
    ours = VoxelwiseRidge(ALPHAS, 4, scoring=scoring, form=form).fit(X, Y)
    expected = by_hand(X, Y, make_folds(len(X), 4), ALPHAS, SCORES[scoring])
    np.testing.assert_allclose(ours.cv_scores_, expected, rtol=2e-4, atol=2e-4)
    np.testing.assert_array_equal(ours.alpha_, ALPHAS[expected.argmax(0)])


def test_folds_that_do_not_partition_the_rows():
    X, Y = world(150, 40, 6)
    rows = np.random.default_rng(3).permutation(150)
    folds = [(rows[:80], rows[100:120]), (rows[20:140], rows[:15])]
    expected = by_hand(X, Y, folds, ALPHAS, SCORES["mse"])
    for form in ("primal", "kernel"):
        ours = VoxelwiseRidge(ALPHAS, folds, form=form).fit(X, Y)
        np.testing.assert_allclose(ours.cv_scores_, expected, rtol=2e-4)


def test_groups_are_never_split_and_change_the_choice():
    """Repeats of a stimulus in both halves would favour a penalty that memorises them."""
    X, Y = world(60, 90, 30, noise=5.0)
    X, Y = np.repeat(X, 3, 0), np.repeat(Y, 3, 0)
    groups = np.tile(np.arange(60), 3).reshape(3, 60).T.ravel()
    mixed = np.random.default_rng(0).permutation(180)
    X, Y, groups = X[mixed], Y[mixed], groups[mixed]
    for train, test in make_folds(180, 5, groups):
        assert not set(groups[train]) & set(groups[test])
        assert len(train) + len(test) == 180
    grouped = VoxelwiseRidge(ALPHAS, 5).fit(X, Y, groups)
    leaky = VoxelwiseRidge(ALPHAS, 5).fit(X, Y)
    assert np.median(grouped.alpha_) > 10 * np.median(leaky.alpha_)
    expected = by_hand(X, Y, make_folds(180, 5, groups), ALPHAS, SCORES["mse"])
    np.testing.assert_allclose(grouped.cv_scores_, expected, rtol=1e-3)


def test_small_penalty_is_least_squares():
    X, Y = world(150, 40, 9)
    ours, exact = VoxelwiseRidge([1e-9]).fit(X, Y), LinearRegression().fit(X.astype(float), Y)
    np.testing.assert_allclose(ours.coef_, exact.coef_.T, atol=1e-5)
    np.testing.assert_allclose(ours.intercept_, exact.intercept_, atol=1e-4)


def test_small_penalty_with_more_features_interpolates_with_minimum_norm():
    X, Y = world(60, 130, 9)
    for form in ("kernel", "primal"):
        ours = VoxelwiseRidge([1e-9], form=form).fit(X, Y)
        centred = X - X.mean(0, dtype=float)
        np.testing.assert_allclose(ours.coef_, np.linalg.pinv(centred) @ (Y - Y.mean(0)), atol=1e-5)
        np.testing.assert_allclose(ours.predict(X), Y, atol=1e-3)


@pytest.mark.parametrize("shape", SHAPES)
def test_large_penalty_is_the_mean(shape):
    X, Y = world(*shape, 9)
    ours = VoxelwiseRidge([1e14]).fit(X, Y)
    np.testing.assert_allclose(ours.predict(X), np.tile(Y.mean(0), (len(Y), 1)), rtol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_intercept_is_not_penalised(shape):
    X, Y = world(*shape, 5, offset=50.0)
    ours, exact = VoxelwiseRidge([30.0]).fit(X, Y), Ridge(30.0).fit(X.astype(float), Y)
    np.testing.assert_allclose(ours.predict(X), exact.predict(X), rtol=1e-4, atol=1e-3)
    shifted = VoxelwiseRidge([30.0]).fit(X, Y + 7)
    np.testing.assert_allclose(shifted.coef_, ours.coef_, atol=1e-5)
    np.testing.assert_allclose(shifted.intercept_, ours.intercept_ + 7, rtol=1e-4)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(SHAPES), st.integers(1, 20))
def test_order_and_batches_of_voxels_do_not_matter(seed, shape, size):
    X, Y = world(*shape, 17, seed)
    order = np.random.default_rng(seed).permutation(17)
    whole = VoxelwiseRidge(ALPHAS).fit(X, Y)
    parts = VoxelwiseRidge(ALPHAS, voxels_batch=size).fit(X, Y[:, order])
    np.testing.assert_allclose(parts.cv_scores_, whole.cv_scores_[:, order], rtol=1e-3, atol=1e-3)
    same = parts.alpha_ == whole.alpha_[order]
    assert same.mean() > 0.9  # two penalties may score alike to rounding
    np.testing.assert_allclose(parts.coef_[:, same], whole.coef_[:, order][:, same], atol=1e-5)


def test_duplicated_feature_shares_its_weight():
    X, Y = world(150, 40, 5)
    ours = VoxelwiseRidge([10.0]).fit(np.hstack([X, X[:, :1]]), Y)
    np.testing.assert_allclose(ours.coef_[0], ours.coef_[-1], atol=1e-6)


def test_responses_are_read_from_hdf5_in_batches(tmp_path):
    X, Y = world(150, 40, 25)
    with h5py.File(tmp_path / "betas.h5", "w") as file:
        lazy = file.create_dataset("betas", data=Y, chunks=(150, 8))
        ours = VoxelwiseRidge(ALPHAS, voxels_batch=7).fit(X, lazy)
        scores = ours.score(X, lazy)
    whole = VoxelwiseRidge(ALPHAS).fit(X, Y)
    np.testing.assert_allclose(ours.coef_, whole.coef_, atol=1e-5)
    np.testing.assert_allclose(
        scores, r2_score(Y, whole.predict(X), multioutput="raw_values"), atol=1e-4
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_torch_gives_the_same(shape):
    X, Y = world(*shape, 12)
    numpy, torch = VoxelwiseRidge(ALPHAS).fit(X, Y), VoxelwiseRidge(ALPHAS, device="cpu").fit(X, Y)
    np.testing.assert_array_equal(torch.alpha_, numpy.alpha_)
    np.testing.assert_allclose(torch.coef_, numpy.coef_, atol=1e-5)
    np.testing.assert_allclose(torch.cv_scores_, numpy.cv_scores_, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-3), ("float64", 1e-7)])
def test_ill_conditioned_features_keep_the_choice_of_float64(dtype, tolerance):
    """Spectrum over nine decades: squaring the condition number must not change the penalty."""
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.standard_normal((300, 60)))[0] * np.logspace(2, -7, 60)
    X = (basis @ np.linalg.qr(rng.standard_normal((60, 60)))[0]).astype(np.float32)
    Y = (X @ rng.standard_normal((60, 20)) + rng.standard_normal((300, 20))).astype(np.float32)
    alphas = np.logspace(-4, 4, 9)
    ours = VoxelwiseRidge(alphas, dtype=dtype).fit(X, Y)
    expected = by_hand(X, Y, make_folds(300), alphas, SCORES["mse"])
    np.testing.assert_allclose(ours.cv_scores_, expected, rtol=tolerance)
    chosen = np.take_along_axis(expected, np.searchsorted(alphas, ours.alpha_)[None], 0)[0]
    np.testing.assert_allclose(chosen, expected.max(0), rtol=1e-6)


def test_constant_voxel_is_predicted_as_its_value():
    X, Y = world(150, 40, 4)
    Y[:, 2] = 5.0
    for scoring in ("mse", "r2", "correlation"):
        ours = VoxelwiseRidge(ALPHAS, scoring=scoring).fit(X, Y)
        assert np.isfinite(ours.cv_scores_).all()
        np.testing.assert_allclose(ours.predict(X)[:, 2], 5.0, rtol=1e-6)


def test_noise_voxels_are_not_predicted_and_signal_is():
    X, Y = world(400, 30, 50, noise=1.0)
    model = VoxelwiseRidge(np.logspace(-1, 7, 9)).fit(X[:300], Y[:300])
    held_out = model.score(X[300:], Y[300:])
    assert held_out[0] < 0.05 and held_out[-10:].min() > 0.6


def test_baseline_draws_nested_subsets_of_images():
    X, Y = world(120, 20, 8)
    few, rows_few = ridge_baseline(X, Y, 40, 1, alphas=ALPHAS)
    _, rows_more = ridge_baseline(X, Y, 90, 1, alphas=ALPHAS)
    everything, rows_all = ridge_baseline(X, Y, None, 1, alphas=ALPHAS)
    assert len(rows_few) == 40 and set(rows_few) < set(rows_more) and len(rows_all) == 120
    assert set(ridge_baseline(X, Y, 40, 2, alphas=ALPHAS)[1]) != set(rows_few)
    np.testing.assert_array_equal(
        few.coef_, VoxelwiseRidge(ALPHAS).fit(X[rows_few], Y[rows_few]).coef_
    )
    np.testing.assert_array_equal(everything.coef_, VoxelwiseRidge(ALPHAS).fit(X, Y).coef_)


def test_baseline_keeps_the_repeats_of_an_image_together():
    X, Y = world(120, 20, 8)
    groups = np.arange(120) // 3
    _, rows = ridge_baseline(X, Y, 10, 0, groups=groups, alphas=ALPHAS)
    assert len(rows) == 30 and len(np.unique(groups[rows])) == 10
    with pytest.raises(BrainvisError, match="n_images"):
        ridge_baseline(X, Y, 41, 0, groups=groups)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"alphas": [0.0, 1.0]}, "alphas"),
        ({"alphas": []}, "alphas"),
        ({"scoring": "f1"}, "scoring"),
        ({"form": "dual"}, "form"),
        ({"folds": 1}, "folds"),
        ({"folds": []}, "folds"),
        ({"folds": [(np.arange(50), np.arange(40, 60))]}, "shares rows"),
        ({"folds": [(np.arange(50), np.arange(140, 160))]}, "leaves the rows"),
        ({"voxels_batch": 0}, "voxels_batch"),
    ],
)
def test_bad_settings_are_told_in_one_line(settings, message):
    X, Y = world(150, 40, 4)
    with pytest.raises(BrainvisError, match=message):
        VoxelwiseRidge(**settings).fit(X, Y)


def test_bad_data_are_told_in_one_line():
    X, Y = world(150, 40, 4)
    broken = Y.copy()
    broken[3, 2] = np.nan
    with pytest.raises(BrainvisError, match="voxel 2"):
        VoxelwiseRidge(voxels_batch=1).fit(X, broken)
    holed = X.copy()
    holed[0, 7] = np.inf
    with pytest.raises(BrainvisError, match="feature 7"):
        VoxelwiseRidge().fit(holed, Y)
    with pytest.raises(BrainvisError, match=r"\(149, 4\)"):
        VoxelwiseRidge().fit(X, Y[:-1])
    with pytest.raises(BrainvisError, match="number of groups"):
        VoxelwiseRidge().fit(X, Y, groups=np.arange(150) % 3)
    with pytest.raises(BrainvisError, match="split no group"):
        VoxelwiseRidge(folds=[(np.arange(75), np.arange(75, 150))]).fit(X, Y, np.arange(150) % 9)
    with pytest.raises(BrainvisError, match="features do not fit"):
        VoxelwiseRidge(ALPHAS).fit(X, Y).predict(X[:, 1:])
