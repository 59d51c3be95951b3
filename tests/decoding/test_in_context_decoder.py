"""The in-context decoder as a function: closed form, any voxels in any order, what it learns."""

import numpy as np
import pytest
import torch
from in_context_world import EMBEDDING, FEATURES, scenery
from torch.nn import functional as F

from brainvis.decoding.in_context import InContextDecoder, Sizes, Voxels, decode, recover
from brainvis.decoding.in_context_fit import Plan, Seen, train


def made(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


def network(*, corrects: bool = True) -> InContextDecoder:
    """Knows the planted images; its corrections are random, and large."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        built = InContextDecoder(Sizes(FEATURES, EMBEDDING, 16, 2, 2, 2))
        if corrects:
            torch.nn.init.normal_(built.correct.weight)
    x, e = (torch.from_numpy(part) for part in scenery())
    built.know(x, F.normalize(e, dim=1))
    return built.eval()


def some_voxels(count: int) -> tuple[Voxels, torch.Tensor]:
    """Voxels and their responses to seven images."""
    weights, noise = made(count, FEATURES + 1), made(count, seed=1).square() + 0.1
    return network().voxels(weights, noise), made(7, count, seed=2)


def test_the_closed_form_is_the_posterior_mean():
    """Against the dual form of the Gaussian posterior, through the covariance of the answers."""
    tuning, answers = made(9, 5), made(4, 9, seed=1)
    wanted = answers @ torch.linalg.solve(tuning @ tuning.T + torch.eye(9), tuning)
    assert torch.allclose(recover(tuning, answers), wanted, atol=1e-4)


def test_many_clean_voxels_give_the_features_back():
    x, e = (torch.from_numpy(part) for part in scenery())
    weights = made(400, FEATURES + 1)
    responses = x @ weights[:, :-1].T + weights[:, -1]
    untrained = network(corrects=False)
    told = decode(untrained, untrained.voxels(weights, torch.full((400,), 1e-4)), responses)
    linear = x @ untrained.readout[:, :-1].T + untrained.readout[:, -1]
    assert torch.allclose(told, F.normalize(linear, dim=1), atol=1e-3)
    assert F.cosine_similarity(linear, e).mean() > 0.9


def test_the_order_of_voxels_means_nothing():
    voxels, responses = some_voxels(300)
    order = torch.randperm(300, generator=torch.Generator().manual_seed(0))
    first = decode(network(), voxels, responses)
    assert torch.allclose(first, decode(network(), voxels[order], responses[:, order]), atol=1e-4)
    wrong = decode(network(), voxels[order], responses)
    assert not torch.allclose(first, wrong, atol=1e-1)


@pytest.mark.parametrize("count", [1, 2, 37, 5000])
def test_any_number_of_voxels(count):
    voxels, responses = some_voxels(count)
    whole = decode(network(), voxels, responses)
    assert whole.shape == (7, EMBEDDING) and torch.isfinite(whole).all()
    assert torch.allclose(whole.norm(dim=1), torch.ones(7), atol=1e-5)
    assert torch.allclose(whole, decode(network(), voxels, responses, batch=2), atol=1e-4)


def test_units_of_the_responses_mean_nothing():
    weights, noise, responses = made(50, FEATURES + 1), torch.ones(50), made(7, 50, seed=2)
    units = made(50, seed=3).exp()
    first = decode(network(), network().voxels(weights, noise), responses)
    scaled = network().voxels(weights * units[:, None], noise * units.square())
    assert torch.allclose(first, decode(network(), scaled, responses * units), atol=1e-4)


def test_voxels_that_tell_nothing_are_not_chosen():
    weights, noise = made(6, FEATURES + 1), torch.tensor([1.0, 0.0, -1.0, 1.0, torch.nan, 4.0])
    weights[0] = 0
    weights[5] *= 0.1
    voxels = network().voxels(weights, noise)
    assert voxels.best(6).tolist() == [3, 5]
    assert voxels.best(1).tolist() == [3]


def lesson() -> list[Seen]:
    """Images that embeddings fold along an axis, as voxels see them: to learn from, held out."""
    features, tuning = made(600, FEATURES), made(80, FEATURES, seed=1)
    answers = features @ tuning.T + made(600, 80, seed=2)
    folded = features[:, :EMBEDDING].clone()
    folded[:, 0] = 4 * features[:, 0].abs() - 3
    unit = F.normalize(folded, dim=1)
    return [Seen(tuning, answers[rows], unit[rows]) for rows in (slice(500), slice(500, 600))]


def pupil() -> InContextDecoder:
    """Knows the images of the lesson."""
    built, (learn, _held) = network(corrects=False), lesson()
    built.know(made(600, FEATURES)[:500], learn.embeddings)
    built.basis.copy_(torch.eye(FEATURES))
    built.centre.zero_()
    return built


def test_training_learns_what_the_closed_form_misses():
    learn, held = lesson()
    one = pupil()
    checks = train(one, [learn], [held], Plan(300, (20, 80), 32, 5e-3))
    assert len(checks) == 5 and min(checks) < 0.95 * checks[0]
    told = one(held.tuning, held.answers)
    assert train(one, [learn], [held], Plan(0)) == [pytest.approx(min(checks))]
    before = pupil()(held.tuning, held.answers)
    closer = [F.cosine_similarity(each, held.embeddings).mean() for each in (told, before)]
    assert closer[0] > closer[1] + 0.01


def test_training_follows_its_seed():
    learn, held = lesson()
    plans = [Plan(8, (20, 80), 32, seed=seed) for seed in (0, 0, 1)]
    first, again, other = (train(pupil(), [learn], [held], plan) for plan in plans)
    assert first == again and first[0] == other[0] and first[1:] != other[1:]


def test_the_closed_form_is_kept_where_nothing_better_is_learned():
    """What is taught is the opposite of what is true."""
    learn, held = lesson()
    wrong = Seen(learn.tuning, learn.answers, -learn.embeddings)
    one, closed = pupil(), pupil()
    checks = train(one, [wrong], [held], Plan(20, (20, 80), 32, 3e-2))
    assert checks[0] == min(checks)
    for name, value in closed.state_dict().items():
        assert torch.equal(value, one.state_dict()[name]), name
    assert train(one, [learn], [held], Plan(0)) == checks[:1]
