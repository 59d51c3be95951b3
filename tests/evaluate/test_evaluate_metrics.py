import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.color import rgb2gray
from skimage.metrics import structural_similarity

from brainvis.errors import BrainvisError
from brainvis.evaluate import correlation, metrics, pairs
from brainvis.evaluate.resize import resize


def images(n=6, side=28, seed=0):
    return np.random.default_rng(seed).random((n, side, side, 3)).astype(np.float32)


def blurred_pair(n=6, side=64):
    from scipy.ndimage import gaussian_filter

    real = gaussian_filter(images(n, side), (0, 4, 4, 0))
    real = (real - real.min()) / (real.max() - real.min())
    noise = np.random.default_rng(1).normal(0, 0.05, real.shape)
    made = np.clip(gaussian_filter(real, (0, 2, 2, 0)) + noise, 0, 1)
    return real.astype(np.float32), made.astype(np.float32)


def test_perfect_reconstruction_scores_perfectly():
    real = images()
    assert np.allclose(metrics.pixel_correlation(real, real), 1)
    assert np.allclose(metrics.ssim(real, real), 1)
    assert np.allclose(metrics.ssim_legacy_columns(real, real), 1)
    assert np.allclose(metrics.mean_squared_error(real, real), 0)


def test_inverted_image_anticorrelates():
    real = images()
    assert np.allclose(metrics.pixel_correlation(real, 1 - real), -1, atol=1e-6)


def test_constant_reconstruction_has_correlation_zero_not_nan():
    real = images()
    assert (metrics.pixel_correlation(real, np.full_like(real, 0.3)) == 0).all()


def test_pixel_correlation_equals_numpy_per_image():
    real, made = images(seed=1), images(seed=2)
    expected = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(real, made, strict=True)]
    assert np.allclose(metrics.pixel_correlation(real, made), expected, atol=1e-7)


def test_ssim_is_the_two_dimensional_form_of_scikit_image():
    real, made = blurred_pair()
    expected = [
        structural_similarity(
            rgb2gray(a.astype(float)),
            rgb2gray(b.astype(float)),
            data_range=1.0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        for a, b in zip(real, made, strict=True)
    ]
    assert np.allclose(metrics.ssim(real, made), expected)


def test_legacy_ssim_is_the_mean_over_columns_and_differs():
    real, made = blurred_pair()
    options = {
        "data_range": 1.0,
        "gaussian_weights": True,
        "sigma": 1.5,
        "use_sample_covariance": False,
    }
    a, b = rgb2gray(real[0].astype(float)), rgb2gray(made[0].astype(float))
    columns = [structural_similarity(a[:, c], b[:, c], **options) for c in range(a.shape[1])]
    legacy = metrics.ssim_legacy_columns(real, made)
    assert np.isclose(legacy[0], np.mean(columns))
    assert np.abs(legacy - metrics.ssim(real, made)).max() > 0.01


@pytest.mark.parametrize("columns", [False, True])
def test_all_pairs_ssim_equals_scikit_image(columns):
    real, made = blurred_pair(4, 40)
    form = metrics.ssim_legacy_columns if columns else metrics.ssim
    table = pairs.ssim_pairs(real, made, columns=columns)
    assert np.allclose(np.diagonal(table), form(real, made), atol=1e-10)
    shifted = form(real, np.roll(made, -1, axis=0))
    assert np.allclose([table[i, (i + 1) % 4] for i in range(4)], shifted, atol=1e-10)


def test_all_pairs_error_equals_direct():
    real, made = images(seed=1), images(seed=2)
    table = pairs.mean_squared_error_pairs(real, made)
    assert np.allclose(np.diagonal(table), metrics.mean_squared_error(real, made), atol=1e-10)
    assert np.isclose(table[2, 4], np.mean((real[2].astype(float) - made[4]) ** 2))


@given(st.integers(2, 7), st.integers(2, 30), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_all_pairs_correlation_equals_numpy(n, width, seed):
    rng = np.random.default_rng(seed)
    first, second = rng.normal(size=(n, width)), rng.normal(size=(n, width))
    expected = np.corrcoef(first, second)[:n, n:]
    assert np.allclose(correlation.all_pairs(first, second), expected, atol=1e-8)


def test_correlation_does_not_depend_on_block_size(monkeypatch):
    first, second = images(7, seed=1), images(7, seed=2)
    whole = correlation.all_pairs(first, second), correlation.paired(first, second)
    monkeypatch.setattr(correlation, "_BLOCK_VALUES", 1)
    assert np.array_equal(correlation.all_pairs(first, second), whole[0])
    assert np.array_equal(correlation.paired(first, second), whole[1])


@pytest.mark.slow  # imports torchvision
def test_resize_keeps_native_size_and_matches_torchvision():
    from torchvision.transforms.v2.functional import resize as torchvision_resize

    real = images(3, 28)
    assert resize(real, 28, 28) is real
    import torch

    for side in (14, 50):
        tensor = torch.from_numpy(real).permute(0, 3, 1, 2)
        expected = torchvision_resize(tensor, [side, side], antialias=True).permute(0, 2, 3, 1)
        assert np.allclose(resize(real, side, side), expected.numpy(), atol=1e-6)


@pytest.mark.parametrize(
    "made",
    [np.full((6, 28, 28, 3), 1.5), np.full((6, 28, 28, 3), np.nan), np.zeros((5, 28, 28, 3))],
    ids=["out of range", "NaN", "other shape"],
)
def test_images_that_cannot_be_compared_are_refused(made):
    with pytest.raises(BrainvisError, match="images"):
        metrics.pixel_correlation(images(), made)


def test_images_smaller_than_the_window_are_refused_with_a_remedy():
    with pytest.raises(BrainvisError, match="larger size"):
        metrics.ssim(images(2, 8), images(2, 8))
