"""Noise ceilings and reliability against known truth and invariances."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainvis.preprocess import reliability


def draw(stimuli, repeats, signal, noise, voxels=400, seed=0):
    rng = np.random.default_rng(seed)
    index = np.repeat(np.arange(stimuli), repeats)
    true = rng.normal(0, signal, (stimuli, voxels))
    return true, true[index] + rng.normal(0, noise, (len(index), voxels)), index


@pytest.mark.parametrize("ratio", [0.3, 0.7, 1.5])
@pytest.mark.parametrize("unequal", [False, True])
def test_known_signal_to_noise(ratio, unequal):
    stimuli = 400
    repeats = np.tile([2, 3, 4], 134)[:stimuli] if unequal else np.full(stimuli, 3)
    true, betas, index = draw(stimuli, repeats, ratio, 1.0)
    ncsnr, ceiling, half = reliability.voxel_reliability(betas, index)
    assert np.sqrt(np.mean(ncsnr**2)) == pytest.approx(ratio, rel=0.05)
    expected = ratio**2 / (ratio**2 + np.mean(1 / repeats))
    assert np.mean(ceiling) == pytest.approx(expected, abs=0.02)
    # What a perfect model reaches: squared correlation of the truth with the mean over repeats.
    mean = np.stack([betas[index == code].mean(axis=0) for code in range(stimuli)])
    reached = np.mean([np.corrcoef(a, b)[0, 1] ** 2 for a, b in zip(true.T, mean.T, strict=True)])
    assert reached == pytest.approx(expected, abs=0.02)
    assert np.mean(half) == pytest.approx(expected, abs=0.03)


def test_noise_has_no_ceiling():
    _, betas, index = draw(300, 3, 0.0, 1.0)
    _, ceiling, half = reliability.voxel_reliability(betas, index)
    assert np.median(ceiling) < 0.05 and np.median(half) < 0.1


def test_without_repeats_everything_is_unknown():
    betas = np.random.default_rng(0).normal(size=(20, 3))
    for values in reliability.voxel_reliability(betas, np.arange(20)):
        assert np.isnan(values).all()


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.floats(0.1, 50), st.floats(-100, 100))
def test_scale_and_order_of_trials_do_not_matter(seed, scale, shift):
    _, betas, index = draw(30, 3, 1.0, 1.0, voxels=4, seed=seed)
    order = np.random.default_rng(seed).permutation(len(index))
    plain = reliability.noise_ceiling_snr(betas, index)
    changed = reliability.noise_ceiling_snr(scale * betas[order] + shift, index[order] * 7 + 3)
    np.testing.assert_allclose(plain, changed, rtol=1e-4, atol=1e-4)


@given(st.floats(0, 1), st.integers(1, 10))
def test_spearman_brown_bounds(correlation, factor):
    value = reliability.spearman_brown(np.array(correlation), factor)
    assert correlation - 1e-12 <= value <= 1


def test_formula_of_the_ceiling_for_mixed_repeats():
    # 100 ncsnr^2 / (ncsnr^2 + (A/3 + B/2 + C) / (A + B + C)) of the NSD data paper
    repeats = np.array([3] * 5 + [2] * 3 + [1] * 2)
    expected = 0.49 / (0.49 + (5 / 3 + 3 / 2 + 2) / 10)
    assert reliability.noise_ceiling(np.array([0.7]), repeats)[0] == pytest.approx(expected)


def test_recovery_is_a_ratio_of_median_correlations():
    rng = np.random.default_rng(0)
    true = rng.normal(size=(300, 30))
    good, poor = true + rng.normal(size=true.shape), true + 3 * rng.normal(size=true.shape)
    found = reliability.beta_recovery(true, good, poor)
    assert found["ours"] == pytest.approx(1 / np.sqrt(2), abs=0.03)
    assert found["ratio"] == pytest.approx(np.sqrt(10 / 2), rel=0.1)
