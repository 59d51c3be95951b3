"""The exact ridge limit: closed forms against refits, and the network before it has learned."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from planted_population import blank, opinionated
from sklearn.linear_model import Ridge

from brainvis.encoding.context import RATIOS, Images, exact_ridge
from brainvis.encoding.in_context import adapt


def refit(x: np.ndarray, y: np.ndarray, ratio: float) -> tuple[np.ndarray, np.ndarray]:
    """Weights with intercept (v, d + 1), and responses (v, n) of left-out images, by refitting."""
    model, rows = Ridge(ratio).fit(x, y.T), np.arange(len(x))
    left = [Ridge(ratio).fit(x[rows != i], y.T[rows != i]).predict(x[[i]])[0] for i in rows]
    weights = np.column_stack([model.coef_.reshape(len(y), -1), np.atleast_1d(model.intercept_)])
    return weights, np.array(left).reshape(len(x), len(y)).T


def best_refit(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same at each voxel's penalty of least squared leave-one-out error."""
    weights, left = map(np.stack, zip(*(refit(x, y, ratio) for ratio in RATIOS), strict=True))
    best = np.square(y - left).sum(axis=2).argmin(axis=0)  # (v,)
    return weights[best, np.arange(len(y))], left[best, np.arange(len(y))]


def draw(n: int, d: int, v: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d)) / np.sqrt(d)
    return x, 3 + (x @ rng.normal(size=(d, v)) + 0.5 * rng.normal(size=(n, v))).T


@settings(deadline=None, max_examples=40)
@given(
    st.integers(2, 12), st.integers(1, 9), st.integers(1, 4), st.sampled_from(RATIOS),
    st.integers(0, 10_000),
)  # fmt: skip
def test_ridge_and_left_out_images_equal_refits(n, d, v, ratio, seed):
    x, y = draw(n, d, v, seed)
    weights, left = exact_ridge(Images.of(torch.tensor(x)), torch.tensor(y), (ratio,))
    assert weights.dtype == left.dtype == torch.float64
    expected = refit(x, y, ratio)
    assert np.allclose(weights, expected[0], atol=1e-9)
    assert np.allclose(left, expected[1], atol=1e-9)


@pytest.mark.parametrize("n, d", [(12, 5), (6, 20), (40, 8)])
def test_penalty_of_each_voxel_is_the_best_left_out(n, d):
    x, y = draw(n, d, 5, n + d)
    y[0] = np.random.default_rng(0).normal(size=n)  # no signal: another penalty than the others
    weights, left = exact_ridge(Images.of(torch.tensor(x)), torch.tensor(y))
    expected = best_refit(x, y)
    assert np.allclose(weights, expected[0], atol=1e-8)
    assert np.allclose(left, expected[1], atol=1e-8)


def test_intercept_is_not_penalised():
    x, y = draw(10, 4, 3, 0)
    near, far = (
        exact_ridge(Images.of(torch.tensor(x + shift)), torch.tensor(y + 100 * shift), (10.0,))
        for shift in (0, 7)
    )
    assert torch.allclose(near[0][:, :-1], far[0][:, :-1])
    assert torch.allclose(near[1] + 700, far[1])


def test_single_precision_is_close_to_double():
    x, y = draw(60, 30, 20, 3)
    double = exact_ridge(Images.of(torch.tensor(x)), torch.tensor(y), (1.0,))
    single = exact_ridge(Images.of(torch.tensor(x).float()), torch.tensor(y).float(), (1.0,))
    for first, second in zip(double, single, strict=True):
        assert torch.allclose(first.float(), second, atol=1e-4)


@pytest.mark.parametrize("n", [3, 10, 60])
def test_untrained_network_is_ridge(population, n):
    """Equal to scikit-learn's Ridge on raw responses, at the penalty of least left-out error."""
    x, y = population.train[:n], 5 + 2 * population.measured(n, 1.0)[:10]
    weights, noise = adapt(blank(population), x, y)
    ridge, left = exact_ridge(Images.of(x), y)
    assert torch.allclose(weights, ridge, atol=1e-4)
    assert torch.allclose(noise, (y - left).square().mean(1), rtol=1e-3)
    expected = best_refit(x.double().numpy(), y.double().numpy())[0]
    assert np.allclose(weights, expected, atol=1e-4, rtol=1e-3)  # float32, weights of about 10


def test_reset_network_is_ridge_again(population, trained):
    x, y = population.train[:20], population.measured(20, 1.0)
    ridge = exact_ridge(Images.of(x), y)[0]
    network = blank(population)
    network.load_state_dict(trained.state_dict())
    assert not torch.allclose(adapt(network, x, y)[0], ridge, atol=0.05)
    network.reset()
    assert torch.allclose(adapt(network, x, y)[0], ridge, atol=1e-4)


def test_random_heads_are_not_ridge(population):
    """The network that the tests of invariance use does correct."""
    x, y = population.train[:20], population.measured(20, 1.0)
    assert not torch.allclose(
        adapt(opinionated(population), x, y)[0], exact_ridge(Images.of(x), y)[0], atol=0.1
    )
