"""Scores against scikit-learn and scipy; tests and intervals against their guarantees."""

import warnings

import numpy as np
import pytest
from scipy.stats import norm, pearsonr
from sklearn.metrics import explained_variance_score, r2_score

from brainvis.encoding.scores import (
    all_scores,
    explained_variance,
    normalised_r,
    pearson_r,
    r2,
    split_r,
    split_r2,
)
from brainvis.encoding.significance import bootstrap_interval, permutation_test
from brainvis.errors import BrainvisError


def pair(n=80, v=12, signal=1.0, seed=0, offset=3.0):
    rng = np.random.default_rng(seed)
    predicted = rng.standard_normal((n, v)) + offset
    truth = signal * predicted + rng.standard_normal((n, v))
    return truth.astype(np.float32), predicted.astype(np.float32)


@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_scores_agree_with_sklearn_and_scipy(offset):
    y, p = pair(offset=offset)
    raw = {"multioutput": "raw_values"}
    np.testing.assert_allclose(r2(y, p), r2_score(y.astype(float), p, **raw), atol=1e-5)
    expected = explained_variance_score(y.astype(float), p, **raw)
    np.testing.assert_allclose(explained_variance(y, p), expected, atol=1e-5)
    np.testing.assert_allclose(pearson_r(y, p), pearsonr(y.astype(float), p)[0], atol=1e-5)
    together = all_scores(y, p, voxels_batch=5)
    np.testing.assert_array_equal(together["r2"], r2(y, p))
    assert list(together) == ["r", "r2", "explained_variance"]


def test_a_bias_costs_r2_but_neither_r_nor_explained_variance():
    y, p = pair()
    np.testing.assert_allclose(explained_variance(y, p + 5), explained_variance(y, p), atol=1e-5)
    np.testing.assert_allclose(pearson_r(y, p + 5), pearson_r(y, p), atol=1e-5)
    assert (r2(y, p + 5) < r2(y, p) - 1).all()


def test_constant_voxels_and_predictions_are_nan_not_numbers():
    y, p = pair(v=3)
    y[:, 0], p[:, 1] = 0.1, 0.1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = all_scores(y, p)
        interval = bootstrap_interval(y, p, n_samples=50)
    assert np.isnan([found[name][0] for name in found]).all() and np.isnan(interval.low[0])
    assert np.isnan(found["r"][1]) and np.isclose(found["explained_variance"][1], 0, atol=1e-6)
    assert np.isfinite([found[name][2] for name in found]).all()


def test_normalised_r_is_one_at_the_ceiling_and_nan_below_the_threshold():
    """Mean of m repeats, noise ceiling s / (s + e / m): a perfect model reaches its root."""
    rng = np.random.default_rng(1)
    signal = rng.standard_normal((20_000, 3))
    truth = signal + rng.standard_normal((20_000, 3)) * [0.5, 1.0, 10.0]
    ceiling = 1 / (1 + np.array([0.5, 1.0, 10.0]) ** 2)
    found = normalised_r(pearson_r(truth, signal), ceiling, threshold=0.05)
    np.testing.assert_allclose(found[:2], 1, atol=0.02)
    assert np.isnan(found[2])
    assert np.isnan(normalised_r(np.array([0.3]), np.array([np.nan])))[0]
    assert np.isnan(normalised_r(np.array([0.3]), np.array([-0.2]), threshold=0.0))[0]


def test_split_scores_sum_to_the_whole_with_a_biased_intercept():
    rng = np.random.default_rng(0)
    parts = rng.standard_normal((3, 60, 7)) + rng.standard_normal((3, 1, 7))
    y = parts[0] + 0.5 * parts[1] + rng.standard_normal((60, 7))
    intercept = rng.standard_normal(7)
    whole = parts.sum(0) + intercept
    np.testing.assert_allclose(split_r2(y, parts, intercept).sum(0), r2(y, whole), atol=1e-5)
    np.testing.assert_allclose(split_r(y, parts).sum(0), pearson_r(y, whole), atol=1e-5)


def test_uncorrelated_parts_get_their_own_variance():
    basis = np.linalg.qr(np.random.default_rng(0).standard_normal((50, 4)))[0]
    basis -= basis.mean(0)
    basis = np.linalg.qr(basis)[0]  # orthonormal and of zero mean
    parts = np.stack([2 * basis[:, :1], basis[:, 1:2]])
    y = parts.sum(0) + 3 * basis[:, 2:3]
    np.testing.assert_allclose(split_r2(y, parts, np.zeros(1))[:, 0], [4 / 14, 1 / 14], atol=1e-10)


def test_permutation_p_values_are_uniform_under_the_null():
    y, p = pair(n=40, v=2000, signal=0.0)
    result = permutation_test(y, p, n_permutations=199)
    for level in (0.05, 0.2, 0.5):
        assert abs((result.p <= level).mean() - level) < 4 * np.sqrt(level * (1 - level) / 2000)
    assert result.q.min() > 0.05 and result.p_max.min() > 0.005


def test_permutation_finds_signal_and_controls_false_discoveries():
    y, p = pair(n=60, v=400, signal=0.0)
    y[:, :100] += p[:, :100]
    result = permutation_test(y, p, n_permutations=499, voxels_batch=33)
    kept = result.q < 0.05
    assert kept[:100].mean() > 0.95 and kept[100:].sum() / kept.sum() < 0.1
    assert (result.p_max[:100] < 0.05).mean() > 0.8 and (result.p_max[100:] < 0.05).mean() < 0.01
    assert (result.p_max >= result.p).all() and (result.q >= result.p).all()
    again = permutation_test(y, p, n_permutations=499, voxels_batch=400)
    np.testing.assert_array_equal(again.p, result.p)
    np.testing.assert_array_equal(again.p_max, result.p_max)


def test_blocks_guard_against_repeats():
    """Of chance predictions that agree over repeats, permuted rows make effects, blocks do not."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(12), 10)
    y = rng.standard_normal((12, 1500))[groups] + 0.1 * rng.standard_normal((120, 1500))
    p = rng.standard_normal((12, 1500))[groups] + 0.1 * rng.standard_normal((120, 1500))
    mixed = rng.permutation(120)
    blocked = permutation_test(y[mixed], p[mixed], groups=groups[mixed], n_permutations=199)
    naive = permutation_test(y[mixed], p[mixed], n_permutations=199)
    assert (naive.p < 0.05).mean() > 0.2 and abs((blocked.p < 0.05).mean() - 0.05) < 0.025


def test_voxels_without_variance_take_no_part():
    y, p = pair(n=30, v=6)
    y[:, 0] = 2.0
    result = permutation_test(y, p, n_permutations=99)
    alone = permutation_test(y[:, 1:], p[:, 1:], n_permutations=99)
    assert result.p[0] == result.q[0] == result.p_max[0] == 1 and np.isnan(result.r[0])
    np.testing.assert_array_equal(result.q[1:], alone.q)
    np.testing.assert_array_equal(result.p_max[1:], alone.p_max)


def test_bootstrap_of_r_agrees_with_fisher():
    y, p = pair(n=300, v=40)
    interval = bootstrap_interval(y, p, n_samples=800, voxels_batch=7)
    z, half = np.arctanh(interval.score), norm.ppf(0.975) / np.sqrt(297)
    np.testing.assert_allclose(interval.low, np.tanh(z - half), atol=0.03)
    np.testing.assert_allclose(interval.high, np.tanh(z + half), atol=0.03)


@pytest.mark.parametrize("metric", ["r", "r2", "explained_variance"])
def test_bootstrap_equals_resampled_arrays(metric):
    y, p = pair(n=30, v=4)
    groups = np.arange(30) // 3
    found = bootstrap_interval(y, p, metric=metric, groups=groups, n_samples=300, seed=5)
    counts = np.random.default_rng(5).multinomial(10, np.full(10, 0.1), size=300)
    samples = []
    for count in counts:
        rows = np.concatenate(
            [np.tile(np.flatnonzero(groups == g), c) for g, c in enumerate(count)]
        )
        samples.append(all_scores(y[rows.astype(int)], p[rows.astype(int)])[metric])
    np.testing.assert_allclose(found.low, np.quantile(samples, 0.025, axis=0), atol=1e-4)
    np.testing.assert_allclose(found.high, np.quantile(samples, 0.975, axis=0), atol=1e-4)


def test_bootstrap_over_stimuli_is_wider_than_over_their_repeats():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(20), 8)
    p = rng.standard_normal((20, 50))[groups]
    y = p + rng.standard_normal((20, 50))[groups]
    stimuli = bootstrap_interval(y, p, groups=groups, n_samples=300)
    rows = bootstrap_interval(y, p, n_samples=300)
    assert np.median(stimuli.high - stimuli.low) > 2 * np.median(rows.high - rows.low)


def test_bad_input_is_told_in_one_line():
    y, p = pair()
    with pytest.raises(BrainvisError, match="one shape"):
        all_scores(y, p[:, 1:])
    with pytest.raises(BrainvisError, match="too few blocks"):
        permutation_test(y, p, groups=np.arange(80) % 2)
    with pytest.raises(BrainvisError, match="n_permutations"):
        permutation_test(y, p, n_permutations=0)
    with pytest.raises(BrainvisError, match="metric"):
        bootstrap_interval(y, p, metric="mse")
    with pytest.raises(BrainvisError, match="ceiling"):
        normalised_r(np.zeros(3), np.zeros(4))
