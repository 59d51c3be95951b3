"""The decoder whose prior knows single images; all data here are made up."""

import numpy as np
import pytest

from brainvis.decoding.bayesian import BayesianLinear, fit_model, posterior_means, row_correlation
from brainvis.decoding.latent import Latent
from brainvis.decoding.mixture import BayesianMixture, mixture_means


@pytest.fixture(scope="module")
def world():
    """Images of twenty shapes with small changes, and noisy linear responses to them."""
    rng = np.random.default_rng(0)
    shapes = rng.random((20, 40))
    draw = lambda n: shapes[rng.integers(20, size=n)] + 0.05 * rng.standard_normal((n, 40))  # noqa: E731
    pool, seen, new = draw(300), draw(90), draw(40)
    weights = rng.standard_normal((40, 80)) * 0.3
    answer = lambda x: x @ weights + 1.0 * rng.standard_normal((len(x), 80))  # noqa: E731
    return pool, (answer(seen), seen), (answer(new), new)


def by_sampling(precision, shift, known, bandwidth, draws=400_000):
    """Posterior mean of one row by importance sampling from the prior."""
    rng = np.random.default_rng(1)
    centre = np.sqrt(1 - bandwidth**2) * known[rng.integers(len(known), size=draws)]
    z = centre + bandwidth * rng.standard_normal(centre.shape)
    log = z @ shift - np.einsum("nd,de,ne->n", z, precision, z) / 2
    weights = np.exp(log - log.max())
    return weights @ z / weights.sum()


@pytest.mark.parametrize("bandwidth", [0.3, 0.8, 1.0])
def test_the_closed_form_is_the_posterior_mean(bandwidth):
    rng = np.random.default_rng(2)
    root = rng.standard_normal((3, 3))
    precision, shift = root @ root.T, rng.standard_normal((3, 2))
    known = rng.standard_normal((5, 3))
    (found,) = mixture_means(precision, shift, known, bandwidth, (1.0,))
    for row in range(2):
        wanted = by_sampling(precision, shift[:, row], known, bandwidth)
        np.testing.assert_allclose(found[row], wanted, atol=0.02)


def test_bandwidth_one_is_the_gaussian_prior(world):
    pool, (responses, seen), (fresh, _) = world
    latent = Latent.fit(pool, 0.99)
    model = fit_model(responses, seen, np.arange(len(seen)), latent)
    decoder = BayesianMixture(prior=latent, pool=pool)
    decoder._learn(responses, seen, np.arange(len(seen)))
    (one,) = decoder._images(fresh, 0.8, (1.0,), (1.0,))
    (other,) = posterior_means(model, fresh, (0.8,))
    np.testing.assert_allclose(one, other, atol=1e-8)


def test_known_images_help_where_images_are_far_from_gaussian(world):
    pool, (responses, seen), (fresh, new) = world
    latent = Latent.fit(pool, 0.99)
    mixture = BayesianMixture(prior=latent, pool=pool).fit(responses, seen)
    gaussian = BayesianLinear(prior=latent).fit(responses, seen)
    errors = [np.square(one.predict(fresh) - new).mean() for one in (mixture, gaussian)]
    assert errors[0] < 0.8 * errors[1]
    likeness = row_correlation(mixture.predict(fresh), new)
    assert likeness.mean() > 0.8 and mixture.bandwidth < 1


def test_a_row_is_decoded_alike_in_any_company(world):
    pool, (responses, seen), (fresh, _) = world
    decoder = BayesianMixture(pool=pool).fit(responses, seen)
    whole = decoder.predict(fresh)
    np.testing.assert_allclose(decoder.predict(fresh[3:4]), whole[3:4], atol=1e-5)


def test_levels_take_the_grey_out_of_images_that_are_black_or_white(world):
    rng = np.random.default_rng(5)
    pool, (_, seen), (_, new) = world
    pool, seen, new = ((images > 0.5).astype(float) for images in (pool, seen, new))
    weights = rng.standard_normal((40, 80)) * 0.3
    responses, fresh = (x @ weights + 2 * rng.standard_normal((len(x), 80)) for x in (seen, new))
    options = {"prior": Latent.fit(pool, 0.99), "pool": pool, "bounds": (0.0, 1.0)}
    plain = BayesianMixture(**options).fit(responses, seen)
    levelled = BayesianMixture(**options, levels=True).fit(responses, seen)
    assert (plain.black, plain.white) == (0, 1)
    assert levelled.black > 0 and levelled.white < 1
    errors = [np.abs(one.predict(fresh) - new).mean() for one in (levelled, plain)]
    assert errors[0] < errors[1]
