"""The network alone: brain tokens, the latent code, what it starts as."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from torch import Tensor

from brainvis.decoding.interaction import BrainInteraction, BrainTokenizer, LatentReadout, Sizes
from brainvis.errors import BrainvisError

CLUSTERS, EMBEDDING, VOXELS, BATCH = 7, 6, 60, 5
SIZES = Sizes(
    CLUSTERS, EMBEDDING, {"toy": (5, 4), "toy-pooled": (1, 3)}, width=12, layers=2, heads=3,
    hidden=10, dropout=0.0,
)  # fmt: skip


def drawn(seed: int, voxels: int = VOXELS) -> tuple[Tensor, Tensor, Tensor]:
    """Activations, embeddings, and clusters that are never 2 (of 7)."""
    source = torch.Generator().manual_seed(seed)
    numbers = torch.randint(CLUSTERS - 1, (voxels,), generator=source)
    return (
        torch.randn(BATCH, voxels, generator=source),
        0.4 * torch.randn(voxels, EMBEDDING, generator=source),
        numbers + (numbers >= 2),
    )


def shaken(module: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    """Module without a parameter that happens to be zero or one."""
    source = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in module.parameters():
            value.add_(0.3 * torch.randn(value.shape, generator=source))
    return module.eval()


def dense(tokenizer: BrainTokenizer, x: Tensor, embeddings: Tensor, cluster: Tensor) -> Tensor:
    """Brain tokens, one trial, cluster and head after the other, by a softmax over all voxels."""
    clusters, width = tokenizer.query.shape
    size = width // tokenizer.heads
    gain, offset, value = (
        f(embeddings) for f in (tokenizer.gain, tokenizer.offset, tokenizer.value)
    )
    tokens = torch.zeros(len(x), clusters, width)
    for trial in range(len(x)):
        for own in range(clusters):
            for first in range(0, width, size):
                part = slice(first, first + size)
                keys = x[trial][:, None] * gain[:, part] + offset[:, part]
                logits = keys @ tokenizer.query[own, part] / size**0.5
                weights = logits.masked_fill(cluster != own, -torch.inf).softmax(0).nan_to_num(0)
                summed = (weights * x[trial]) @ value[:, part]
                tokens[trial, own, part] = summed * (cluster == own).sum() ** 0.5
    return tokenizer.norm(tokens) + tokenizer.base


@pytest.mark.parametrize("heads", [1, 3])
def test_brain_tokens_equal_a_dense_loop(heads):
    torch.manual_seed(1)
    tokenizer = shaken(BrainTokenizer(Sizes(CLUSTERS, EMBEDDING, {}, width=12, heads=heads)))
    seen = drawn(0)
    assert torch.allclose(tokenizer(*seen), dense(tokenizer, *seen), atol=1e-5)


@given(st.integers(1, 80), st.integers(0, 1000))
@settings(deadline=None, max_examples=12)
def test_any_number_of_voxels_in_any_order(voxels, seed):
    torch.manual_seed(2)
    network = shaken(BrainInteraction(SIZES))
    x, embeddings, cluster = drawn(seed, voxels)
    order = torch.randperm(voxels, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        first = network.tokenizer(x, embeddings, cluster)
        second = network.tokenizer(x[:, order], embeddings[order], cluster[order])
        whole = network(x, embeddings, cluster)
        turned = network(x[:, order], embeddings[order], cluster[order])
    assert first.shape == (BATCH, CLUSTERS, 12) and torch.allclose(first, second, atol=1e-5)
    assert {k: tuple(v.shape) for k, v in whole.items()} == {
        "toy": (BATCH, 5, 4),
        "toy-pooled": (BATCH, 1, 3),
    }
    for name in whole:
        assert whole[name].isfinite().all()
        assert torch.allclose(whole[name], turned[name], atol=1e-4)


def test_a_cluster_without_voxels_holds_the_same_whatever_the_brain_does():
    torch.manual_seed(3)
    tokenizer = shaken(BrainTokenizer(SIZES))
    first, second = (tokenizer(*drawn(seed))[:, 2] for seed in (0, 1))
    assert torch.equal(first, second)
    assert torch.allclose(first, (tokenizer.base[2] + tokenizer.norm.bias).expand(BATCH, -1))
    tokenizer(*drawn(0)).square().sum().backward()
    assert all(value.grad.isfinite().all() for value in tokenizer.parameters())


def test_tokens_hear_their_own_voxels_alone():
    torch.manual_seed(4)
    tokenizer = shaken(BrainTokenizer(SIZES))
    x, embeddings, cluster = drawn(0)
    louder = torch.where(cluster == 4, 3 * x + 1, x)
    moved = (tokenizer(louder, embeddings, cluster) - tokenizer(x, embeddings, cluster)).abs()
    others = [number for number in range(CLUSTERS) if number != 4]
    assert moved[:, 4].amax() > 0.1 and moved[:, others].amax() < 1e-6


@pytest.mark.parametrize("wrong", [-1, CLUSTERS])
def test_a_voxel_without_a_cluster_is_refused(wrong):
    x, embeddings, cluster = drawn(0)
    cluster[3] = wrong
    with pytest.raises(BrainvisError, match="belongs to no cluster") as raised:
        BrainInteraction(SIZES)(x, embeddings, cluster)
    assert raised.value.field == "cluster" and str(wrong) in str(raised.value)


def planted_codes(images: int, voxels: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Codes, embeddings of which two thirds of a voxel's variance come, and its responses."""
    source = torch.Generator().manual_seed(seed)
    mix = torch.randn(EMBEDDING, EMBEDDING, generator=source) / EMBEDDING**0.5
    z = torch.randn(images, EMBEDDING, generator=source) @ mix + 0.2
    table = torch.randn(voxels, EMBEDDING, generator=source)
    signal = z @ table.T
    table = table * (2 / 3) ** 0.5 / signal.std(0)[:, None]
    x = z @ table.T + (1 / 3) ** 0.5 * torch.randn(images, voxels, generator=source)
    return z, table, x


def correlation(first: Tensor, second: Tensor) -> float:
    """Lowest over entries of the code."""
    pairs = zip(first.T, second.T, strict=True)
    return min(float(torch.corrcoef(torch.stack(pair))[0, 1]) for pair in pairs)


def informed(z: Tensor, voxels: int, evidence: float | None = None) -> LatentReadout:
    readout = LatentReadout(z.shape[1])
    readout.know(z, voxels)
    if evidence is not None:
        readout.evidence.data.fill_(evidence)
    return readout.requires_grad_(False)


def test_planted_codes_come_back_and_hardly_change_with_half_of_the_voxels():
    z, table, x = planted_codes(400, 240, 5)
    readout = informed(z[:200], 240)
    found = readout(x[200:], table)
    assert correlation(found, z[200:]) > 0.95
    half = torch.randperm(240, generator=torch.Generator().manual_seed(0))[:120]
    fewer = readout(x[200:, half], table[half])
    assert correlation(fewer, found) > 0.95
    assert 0.9 < float(fewer.std() / found.std()) < 1.1


def test_the_same_voxels_twice_say_nothing_new():
    z, table, x = planted_codes(200, 40, 11)
    readout = informed(z, 40)
    twice = readout(torch.cat([x, x], 1), torch.cat([table, table]))
    assert torch.allclose(twice, readout(x, table), atol=1e-5)


def test_the_code_is_the_posterior_mean_of_a_linear_gaussian_model():
    """By the gain form, which inverts (v, v) where the network inverts (e, e)."""
    z, table, x = planted_codes(300, 40, 6)
    readout = informed(z, 40, evidence=0.0)
    prior = readout.covariance.double()
    rows = table.double()
    spread = rows @ prior @ rows.T
    noise = (1 - spread.diagonal()).clamp(min=0.1).diag()
    gain = prior @ rows.T @ torch.linalg.inv(spread + noise)  # (e, v)
    shift = (x.double() - rows @ readout.mean.double()) @ gain.T
    wanted = shift / prior.diagonal().sqrt()
    assert torch.allclose(readout(x, table).double(), wanted, atol=1e-4)


def test_less_evidence_trusts_the_prior_more():
    z, table, x = planted_codes(200, 40, 7)
    lengths = [float(informed(z, 40, e)(x, table).norm()) for e in (-6.0, -1.0, 0.0)]
    assert lengths[0] < lengths[1] < lengths[2]


def test_the_untrained_network_is_ridge_on_the_code_alone():
    torch.manual_seed(8)
    network = BrainInteraction(SIZES).eval()
    z, table, x = planted_codes(300, VOXELS, 8)
    network.readout.know(z, VOXELS)
    targets = {"toy": torch.randn(300, 5, 4) + 2, "toy-pooled": torch.randn(300, 1, 3)}
    cluster = drawn(0)[2]
    with torch.no_grad():
        code = network.readout(x, table)
        steps = (slice(0, 128), slice(128, 300))
        parts = ((k, {name: values[k] for name, values in targets.items()}) for k in steps)
        network.start_linear(code, parts, 10.0)
        found = network(x, table, cluster)
        elsewhere = network(x, table, cluster.flip(0))  # other brain tokens, other answers
    for name, wanted in targets.items():
        ridge = Ridge(alpha=10.0).fit(code.numpy(), wanted.flatten(1).numpy())
        predicted = torch.from_numpy(ridge.predict(code.numpy())).view_as(wanted)
        assert torch.allclose(found[name], predicted.float(), atol=1e-4)
        assert torch.equal(found[name], elsewhere[name])


def test_a_learned_network_listens_to_brain_tokens():
    """What the test above asserts is no accident of a dead branch."""
    torch.manual_seed(9)
    network = shaken(BrainInteraction(SIZES))
    x, embeddings, cluster = drawn(0)
    with torch.no_grad():
        first, second = (network(x, embeddings, own) for own in (cluster, cluster.flip(0)))
    assert all((first[name] - second[name]).abs().max() > 1e-3 for name in first)


def test_every_parameter_learns_once_the_last_layers_are_not_zero():
    torch.manual_seed(10)
    network = shaken(BrainInteraction(SIZES))
    x, embeddings, cluster = drawn(0)
    embeddings.requires_grad_()
    sum(value.square().sum() for value in network(x, embeddings, cluster).values()).backward()
    silent = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert not silent and embeddings.grad.abs().sum(1).min() > 0


def test_without_the_readout_the_tokens_alone_carry_the_brain():
    torch.manual_seed(9)
    network = shaken(BrainInteraction(replace(SIZES, readout=False)))
    x, embeddings, cluster = drawn(0)
    code = network.latent(x, embeddings)
    assert code.shape == (BATCH, EMBEDDING) and not code.any()
    silent, other = torch.zeros_like(x), drawn(1)[0]
    with torch.no_grad():
        heard = network(other, embeddings, cluster)["toy"] - network(x, embeddings, cluster)["toy"]
        deaf = network(silent[:1], embeddings, cluster)["toy"]
        assert heard.abs().amax() > 1e-4
        assert torch.allclose(network(silent, embeddings, cluster)["toy"], deaf.expand_as(heard))


def test_training_without_the_readout_starts_from_the_mean_target():
    torch.manual_seed(10)
    network = BrainInteraction(replace(SIZES, readout=False)).eval()
    targets = {"toy": torch.randn(30, 5, 4) + 2, "toy-pooled": torch.randn(30, 1, 3)}
    x, table, cluster = drawn(2)
    network.start_linear(torch.zeros(30, EMBEDDING), [(slice(0, 30), targets)], 10.0)
    with torch.no_grad():
        found = network(x, table, cluster)
    assert torch.allclose(found["toy"], targets["toy"].mean(0).expand(BATCH, -1, -1), atol=1e-5)
