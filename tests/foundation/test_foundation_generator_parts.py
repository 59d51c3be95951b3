"""Conditions, loss weights and averages of the generator's training."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from brainvis.containers import Stimuli, write_stimuli
from brainvis.foundation.card import content_hash
from brainvis.foundation.diffusion import weights
from brainvis.foundation.diffusion_condition import (
    Components,
    components,
    varied_condition,
    wiener,
)
from brainvis.foundation.diffusion_network import schedule
from brainvis.foundation.fitting import Average, means


def some_tokens(count=400, seed=0):
    """Tokens (n, 4, 5) whose components fall off in variance."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.linalg.qr(torch.randn(20, 20, generator=generator))[0]
    scale = 2.0 ** -torch.arange(20.0)
    return (torch.randn(count, 20, generator=generator) * scale @ mixing + 1).view(-1, 4, 5)


@pytest.fixture(scope="module")
def parts():
    torch.manual_seed(0)
    return components(some_tokens(), 8)


def test_components_are_those_of_the_covariance(parts):
    flat = some_tokens().flatten(1)
    exact = torch.linalg.eigvalsh(torch.cov(flat.T)).flip(0)[:8]
    torch.testing.assert_close(parts.variances, exact, rtol=1e-2, atol=1e-5)
    torch.testing.assert_close(parts.axes.T @ parts.axes, torch.eye(8), atol=1e-5, rtol=0)


def test_wiener_ends_at_the_tokens_and_at_the_mean(parts):
    tokens, generator = some_tokens(50), torch.Generator().manual_seed(1)
    sharp = wiener(tokens, parts, torch.full((50,), 1e-9), generator)
    flat = tokens.flatten(1) - parts.mean
    projected = (parts.mean + flat @ parts.axes @ parts.axes.T).view_as(tokens)
    torch.testing.assert_close(sharp, projected, atol=1e-3, rtol=0)
    vague = wiener(tokens, parts, torch.full((50,), 1e9), generator)
    torch.testing.assert_close(
        vague, parts.mean.view(1, 4, 5).expand(50, -1, -1), atol=1e-3, rtol=0
    )


@settings(max_examples=15, deadline=None)
@given(noise=st.floats(0.01, 10))
def test_wiener_guesses_are_the_best_linear_ones(noise):
    """What remains of the truth is uncorrelated with the guess, at any noise."""
    axes = torch.eye(6)
    parts = Components(torch.zeros(6), axes, torch.tensor([4.0, 2.0, 1.0, 0.5, 0.2, 0.1]))
    generator = torch.Generator().manual_seed(2)
    truth = torch.randn(40_000, 6, generator=generator) * parts.variances.sqrt()
    guess = wiener(truth.view(-1, 2, 3), parts, torch.full((40_000,), noise), generator).flatten(1)
    shared = ((truth - guess) * guess).mean(dim=0)
    scale = guess.square().mean(dim=0)
    assert (shared.abs() <= 0.04 * (scale * parts.variances).sqrt()).all()


def test_conditions_are_dropped_and_blurred_as_often_as_asked(parts):
    tokens, generator = some_tokens(4000, seed=3), torch.Generator().manual_seed(4)
    shown = varied_condition(tokens, parts, generator, dropped=0.1, vague=0.5)
    absent = (shown == 0).all(dim=(1, 2))
    same = (shown == tokens).all(dim=(1, 2))
    assert float(absent.float().mean()) == pytest.approx(0.1, abs=0.02)
    assert float(same.float().mean()) == pytest.approx(0.45, abs=0.03)
    whole = varied_condition(tokens, parts, generator, dropped=0.0, vague=0.0)
    assert torch.equal(whole, tokens)


def test_schedule_ends_in_noise_and_its_weights_are_limited():
    scheduler = schedule()
    assert float(scheduler.alphas_cumprod[-1]) == 0
    times = torch.arange(1000)
    found = weights(scheduler, times, 5.0)
    noise = 1 - scheduler.alphas_cumprod
    assert found.max() == 1 and (found[noise >= 0.2] == 1).all()
    # error of the clean latents: velocity's error over noise-free share, so never above the limit
    assert float((found / noise).max()) == pytest.approx(5, rel=1e-4)


def test_average_follows_slowly_and_is_installed():
    model = torch.nn.Linear(1, 1, bias=False)
    model.weight.data.fill_(0.0)
    average = Average(model, 0.5)
    for _ in range(30):
        model.weight.data.add_(1.0)
        average.update()
    average.install()
    assert float(model.weight) == pytest.approx(29, abs=0.2)  # 30 less 0.5 / (1 - 0.5)


def test_means_of_parts():
    assert means([1.0, 3.0, 5.0, 7.0], parts=2) == [2.0, 6.0]
    assert means([1.0], parts=20) == [1.0]
    assert np.isclose(np.mean(means(list(range(40)), 4)), 19.5)


def test_the_hash_of_training_images_needs_no_captions_and_counts_them(tmp_path):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (5, 8, 8, 3), dtype=np.uint8)
    table = pd.DataFrame({"stimulus_id": [f"d{k}" for k in range(5)], "category": "digit"})
    found = []
    for number, columns in enumerate(({}, {"caption": "a 6"}, {"caption": "a 9"})):
        path = tmp_path / f"{number}.h5"
        write_stimuli(path, images, table.assign(**columns), dataset="placeholder", kind="measured")
        found.append(content_hash(Stimuli.open(path), batch=2))
        assert found[-1] == content_hash(Stimuli.open(path))
    assert len(set(found)) == 3
