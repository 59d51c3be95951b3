import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from brainvis.evaluate import statistics


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_bootstrap_covers_the_true_mean(method):
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(200):
        low, high = statistics.bootstrap_interval(
            rng.exponential(size=60), draws=300, method=method, seed=trial
        )
        covered += low <= 1.0 <= high
    assert 0.87 <= covered / 200 <= 0.99


def test_bca_agrees_with_scipy():
    values = np.random.default_rng(3).exponential(size=40)
    ours = statistics.bootstrap_interval(values, draws=20000, method="bca")
    scipy = stats.bootstrap((values,), np.mean, n_resamples=20000, method="BCa", rng=1)
    assert np.allclose(ours, scipy.confidence_interval, atol=0.02)


def test_interval_of_equal_scores_is_a_point():
    for method in ("percentile", "bca"):
        assert statistics.bootstrap_interval(np.ones(20), method=method) == (1.0, 1.0)


def test_drawing_subjects_widens_the_interval_when_subjects_differ():
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 0.1, (50, 1)) + rng.normal(0, 1.0, (1, 4))
    low, high = statistics.bootstrap_interval(scores)
    wide_low, wide_high = statistics.bootstrap_interval(scores, resample_subjects=True)
    assert wide_high - wide_low > 5 * (high - low)


def test_missing_scores_are_left_out_and_subjects_weigh_the_same():
    scores = np.array([[1.0, 0.0], [1.0, np.nan], [1.0, np.nan]])
    assert statistics.mean_score(scores) == 0.5
    low, high = statistics.bootstrap_interval(scores, draws=200)
    assert 0 <= low <= high <= 1


def test_an_unknown_interval_is_refused():
    with pytest.raises(ValueError, match="jackknife"):
        statistics.bootstrap_interval(np.arange(5.0), method="jackknife")


def test_paired_difference_sees_what_unpaired_intervals_hide():
    rng = np.random.default_rng(0)
    base = rng.normal(0, 5, 80)
    better = base + 0.5 + rng.normal(0, 0.2, 80)
    found = statistics.paired_difference(better, base)
    assert found.low < found.mean < found.high
    assert found.low > 0.4 and found.p < 0.01
    same = statistics.paired_difference(base, base)
    assert (same.mean, same.low, same.high, same.p) == (0, 0, 0, 1)


def test_permutation_p_is_uniform_when_nothing_was_decoded():
    rng = np.random.default_rng(0)
    p_values = []
    for trial in range(200):
        pairs = rng.normal(size=(20, 20))
        null = statistics.permuted_means(pairs, draws=99, seed=trial)
        p_values.append(statistics.permutation_p(np.diagonal(pairs).mean(), null))
    assert stats.kstest(p_values, "uniform").pvalue > 0.01
    assert min(p_values) >= 0.01


def test_permutation_p_is_smallest_for_a_true_effect_in_either_direction():
    pairs = np.random.default_rng(0).normal(size=(20, 20)) + 5 * np.eye(20)
    null = statistics.permuted_means(pairs, draws=199)
    observed = np.diagonal(pairs).mean()
    assert statistics.permutation_p(observed, null) == 1 / 200
    assert statistics.permutation_p(-observed, -null, higher_is_better=False) == 1 / 200
    assert statistics.permutation_p(-observed, null) == 1.0


def test_permutations_stay_within_strata():
    strata = np.array(["a", "a", "b", "b", "b"])
    pairs = np.where(strata[:, None] == strata[None], 1.0, np.nan)
    assert (statistics.permuted_means(pairs, draws=50, strata=strata) == 1).all()


def test_same_seed_same_numbers():
    values = np.random.default_rng(0).normal(size=30)
    assert statistics.bootstrap_interval(values, seed=4) == statistics.bootstrap_interval(
        values, seed=4
    )
    assert statistics.bootstrap_interval(values, seed=4) != statistics.bootstrap_interval(
        values, seed=5
    )


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
@settings(deadline=None)
def test_false_discovery_rate_is_the_step_up_procedure(p):
    p = np.array(p)
    q = statistics.false_discovery_rate(p)
    for level in (0.01, 0.05, 0.2, 0.5):
        order = np.sort(p)
        passing = np.flatnonzero(order <= level * np.arange(1, len(p) + 1) / len(p) * (1 + 1e-12))
        cut = order[passing[-1]] if passing.size else -1.0
        close = np.isclose(q, level)  # a rounding step either way
        assert ((q <= level) == (p <= cut))[~close].all()


def test_false_discovery_rate_skips_unknown_p():
    q = statistics.false_discovery_rate(np.array([0.01, np.nan, 0.04]))
    assert np.isnan(q[1]) and np.allclose(q[[0, 2]], [0.02, 0.04])
