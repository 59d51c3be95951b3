"""Ridge by normal equations, fractions, on-off model, repeats: against plain formulas."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainvis.preprocess import design, glm, hrf, selection, shrinkage

TIMES = design.frame_times(120, 1.6)
ONSETS = 8 + 4.0 * np.arange(40)


def make_system(nuisance=None, onsets=ONSETS):
    matrix = design.trial_regressors(hrf.canonical()[0], onsets, np.full(len(onsets), 2.0), TIMES)
    basis = design.orthonormal(np.ones((120, 1))) if nuisance is None else nuisance
    return matrix, basis, glm.system(matrix, basis)


def test_ridge_is_the_textbook_solution():
    rng = np.random.default_rng(0)
    matrix, basis, model = make_system()
    data = rng.normal(size=(120, 6)).astype(np.float32)
    clean = matrix - basis @ (basis.T @ matrix)
    penalty = np.array([0.0, 0.1, 1.0, 3.0, 10.0, 100.0])
    betas = model.ridge(model.project(data), penalty)
    for voxel, amount in enumerate(penalty):
        expected = np.linalg.solve(clean.T @ clean + amount * np.eye(40), clean.T @ data[:, voxel])
        np.testing.assert_allclose(betas[:, voxel], expected, atol=2e-3)


def test_least_squares_returns_noiseless_betas_despite_nuisance():
    rng = np.random.default_rng(1)
    confounds = rng.normal(size=(120, 3))
    basis = design.orthonormal(design.nuisance_regressors(TIMES, 0.008, confounds))
    matrix, _, _ = make_system()
    true = rng.normal(size=(40, 5))
    data = matrix @ true + 100 * confounds @ rng.normal(size=(3, 5)) + 7
    np.testing.assert_allclose(
        glm.least_squares_all(data.astype(np.float32), matrix, basis), true, atol=0.02
    )


def test_nuisance_holds_constant_drift_and_confounds():
    confounds = np.stack([np.arange(120.0), np.ones(120)], axis=1)
    basis = design.orthonormal(design.nuisance_regressors(TIMES, 0.008, confounds))
    assert basis.shape == (120, 1 + int(2 * 120 * 1.6 * 0.008) + 1)  # a constant confound is none
    for column in (np.ones(120), np.arange(120.0)):
        np.testing.assert_allclose(basis @ (basis.T @ column), column, atol=1e-8)
    only = design.orthonormal(design.nuisance_regressors(TIMES, 0.0, np.zeros((120, 0))))
    assert only.shape == (120, 1)


def test_trial_regressors_match_nilearn():
    from nilearn.glm.first_level import compute_regressor

    condition = np.array([[20.0], [2.0], [1.0]])
    expected = compute_regressor(condition, "spm", TIMES, oversampling=100)[0][:, 0]
    ours = design.trial_regressors(hrf.canonical()[0], np.array([20.0]), np.array([2.0]), TIMES)
    np.testing.assert_allclose(ours[:, 0], expected / expected.max(), atol=0.03)


def test_library_spans_peak_and_width():
    library = hrf.library()
    assert library.shape == (20, 320)
    np.testing.assert_allclose(library.max(axis=1), 1)
    peaks = library.argmax(axis=1) * hrf.STEP
    np.testing.assert_allclose(peaks, np.repeat(hrf.PEAKS, len(hrf.WIDTHS)), atol=0.06)
    reference = hrf.double_gamma(5.0, 1.0)[0]
    assert np.corrcoef(reference, hrf.canonical()[0])[0, 1] > 0.995


@given(st.floats(0.02, 1.0))
def test_penalty_gives_the_fraction(fraction):
    rng = np.random.default_rng(2)
    _, _, model = make_system()
    parts = [model.project(rng.normal(size=(120, 4)).astype(np.float32)) for _ in range(2)]
    penalty = shrinkage.penalties([model, model], parts, (fraction,))[0]
    full = np.concatenate([model.ridge(part, 0.0) for part in parts])
    shrunk = np.concatenate([model.ridge(part, penalty) for part in parts])
    share = np.linalg.norm(shrunk, axis=0) / np.linalg.norm(full, axis=0)
    np.testing.assert_allclose(share, fraction, rtol=0.05)


def test_repeats_lie_in_other_runs():
    stimulus = np.array([0, 1, 2, 0, 1, 3, 0, 3, 3])
    run = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2])
    found = selection.find_repeats(stimulus, run)
    dense = found.others.toarray()
    for trial in range(9):
        elsewhere = (stimulus == stimulus[trial]) & (run != run[trial])
        np.testing.assert_allclose(dense[trial], elsewhere / max(elsewhere.sum(), 1))
        assert (found.partner[trial] < 0) == (not elsewhere.any())
        assert found.partner[trial] < 0 or elsewhere[found.partner[trial]]
    assert not selection.find_repeats(np.arange(4), np.array([0, 0, 1, 1])).exist


def test_noise_explains_nothing_in_left_out_runs():
    rng = np.random.default_rng(3)
    _, _, model = make_system()
    stimulus, run = np.tile(np.arange(40), 4), np.repeat(np.arange(4), 40)
    data = [rng.normal(size=(120, 400)).astype(np.float32) for _ in range(4)]
    gain = selection.explained([model] * 4, data, selection.find_repeats(stimulus, run))
    assert gain.mean() < 0


def test_many_trials_on_few_volumes_give_finite_betas():
    onsets = np.arange(0, 180, 0.5)
    _, _, model = make_system(onsets=onsets)
    betas = model.ridge(model.project(np.ones((120, 2), np.float32)), np.array([0.0, 1.0]))
    assert np.isfinite(betas).all()


@pytest.mark.parametrize("penalty", [0.0, 2.0])
def test_energy_is_the_length_of_the_prediction(penalty):
    rng = np.random.default_rng(4)
    _, _, model = make_system()
    betas = model.ridge(model.project(rng.normal(size=(120, 3)).astype(np.float32)), penalty)
    expected = np.square(model.design @ betas).sum(axis=0)
    np.testing.assert_allclose(model.energy(betas), expected, rtol=1e-3)
