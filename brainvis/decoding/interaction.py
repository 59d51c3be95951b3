"""Brain-Interaction Transformer (Brain-IT, 2510.25976): voxels to brain tokens to output tokens.

Voxels of a functional cluster, of any subject and in any number, become one brain token; brain
tokens exchange what they hold and output queries read them. Only voxel embeddings belong to a
subject.

Two things differ from the paper. An embedding is at first what the universal encoder learned for
the voxel, not random numbers. And next to the tokens the network reads the stimulus's latent code
back from all voxels at once (`LatentReadout`), whose linear map to the output the transformer
corrects; with few thousand training trials this is what puts it above ridge.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from brainvis.errors import BrainvisError


@dataclass(frozen=True)
class Sizes:
    """Shape of the network.

    Parameters
    ----------
    clusters : int
        Brain tokens, one a cluster.
    embedding : int
        Length of a voxel embedding.
    outputs : dict of str to (int, int)
        Tokens and their width, by name of the output.
    width, layers, heads : int
        Of the transformer.
    hidden : int
        Width of the two-layer network that reads the latent code.
    expansion : int
        Width of feed-forward networks, in `width`.
    dropout : float
    readout : bool
        Whether the latent code is read next to the tokens; without it brain tokens alone carry what
        the voxels say, as in the paper.
    """

    clusters: int
    embedding: int
    outputs: dict[str, tuple[int, int]]
    width: int = 64
    layers: int = 1
    heads: int = 4
    hidden: int = 512
    expansion: int = 2
    dropout: float = 0.1
    readout: bool = True


class BrainTokenizer(nn.Module):
    """Attention from each cluster to its own voxels (the paper's bipartite graph transformer).

    A voxel's value is its embedding times its activation. Its logit is linear in the activation,
    with gain and offset that the embedding and the cluster's query give: these do not depend on the
    trial, so nothing of size (trials, voxels, width) is ever made.
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.clusters, self.heads = sizes.clusters, sizes.heads
        self.query = nn.Parameter(torch.randn(sizes.clusters, sizes.width) * sizes.width**-0.5)
        self.gain = nn.Linear(sizes.embedding, sizes.width)
        self.offset = nn.Linear(sizes.embedding, sizes.width)
        self.value = nn.Linear(sizes.embedding, sizes.width)
        self.base = nn.Parameter(torch.zeros(sizes.clusters, sizes.width))
        self.norm = nn.LayerNorm(sizes.width)

    def forward(self, activations: Tensor, embeddings: Tensor, cluster: Tensor) -> Tensor:
        """Brain tokens.

        Parameters
        ----------
        activations : (b, v)
            z-scored responses.
        embeddings : (v, e)
        cluster : (v,) int
            In any order; a cluster without voxels leaves its learned base.

        Returns
        -------
        (b, clusters, width)
        """
        order = torch.argsort(cluster, stable=True)
        counts = torch.bincount(cluster, minlength=self.clusters).tolist()
        x, own = activations[:, order, None], embeddings[order]  # (b, v, 1), (v, e)
        query = self._heads(self.query)[cluster[order]]  # (v, h, w/h)
        scale = query.shape[-1] ** -0.5
        gain = (self._heads(self.gain(own)) * query).sum(-1) * scale  # (v, h)
        offset = (self._heads(self.offset(own)) * query).sum(-1) * scale
        parts = zip(
            (x * gain + offset).split(counts, 1),
            x.split(counts, 1),
            self._heads(self.value(own)).split(counts),
            strict=True,
        )
        tokens = torch.stack([self._token(*part) for part in parts], 1)  # (b, clusters, h, w/h)
        return self.norm(tokens.flatten(2)) + self.base

    def _token(self, logits: Tensor, x: Tensor, value: Tensor) -> Tensor:
        weights = logits.softmax(1) * x * math.sqrt(max(1, len(value)))  # (b, n, h)
        return torch.einsum("bnh,nhd->bhd", weights, value)

    def _heads(self, rows: Tensor) -> Tensor:
        return rows.unflatten(-1, (self.heads, -1))


class LatentReadout(nn.Module):
    """Posterior mean of a stimulus's latent code, given responses of any voxels.

    A voxel's z-scored response is taken as its embedding times the code plus noise of what
    variance is left; the code's mean and covariance over training images are its prior. Noise is
    shared between voxels, so evidence counts `exp(evidence)` of what independent noise would give.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.mean: Tensor
        self.covariance: Tensor
        self.voxels: Tensor
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("covariance", torch.eye(size))
        self.evidence = nn.Parameter(torch.tensor(math.log(0.3)))
        self.register_buffer("voxels", torch.tensor(1.0))

    def know(self, codes: Tensor, voxels: int) -> None:
        """Set the prior from codes (n, e) of training images, seen through `voxels` voxels."""
        self.mean.copy_(codes.mean(0))
        spread = torch.cov(codes.T)
        ridge = 1e-3 * spread.diagonal().mean() * torch.eye(len(spread))
        self.covariance.copy_(spread + ridge)
        self.voxels.copy_(torch.tensor(float(voxels)))

    def noise(self, embeddings: Tensor) -> Tensor:
        """Variance (v,) of z-scored responses that the code leaves, at least a tenth."""
        signal = ((embeddings @ self.covariance) * embeddings).sum(1)
        return (1 - signal).clamp(min=0.1)

    def forward(self, activations: Tensor, embeddings: Tensor) -> Tensor:
        """Codes (b, e) in standard deviations of the prior; any number of voxels counts alike."""
        precision = 1 / self.noise(embeddings)
        share = self.evidence.exp() * self.voxels / len(embeddings)
        weighted = (embeddings * (precision * share)[:, None]).T  # (e, v)
        left = activations - embeddings @ self.mean
        prior = torch.linalg.inv(self.covariance)
        shift = torch.linalg.solve(weighted @ embeddings + prior, weighted @ left.T).T  # (b, e)
        return shift / self.covariance.diagonal().sqrt()


class Block(nn.Module):
    """Brain tokens attend to one another, then output queries to them."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        width, options = sizes.width, {"dropout": sizes.dropout, "batch_first": True}
        self.norms = nn.ModuleList([nn.LayerNorm(width) for _ in range(5)])
        self.mix = nn.MultiheadAttention(width, sizes.heads, **options)
        self.read = nn.MultiheadAttention(width, sizes.heads, **options)
        self.think, self.answer = (_feed_forward(sizes) for _ in range(2))

    def forward(self, tokens: Tensor, queries: Tensor) -> tuple[Tensor, Tensor]:
        own = self.norms[0](tokens)
        tokens = tokens + self.mix(own, own, own, need_weights=False)[0]
        tokens = tokens + self.think(self.norms[1](tokens))
        seen = self.norms[2](tokens)
        queries = queries + self.read(self.norms[3](queries), seen, seen, need_weights=False)[0]
        return tokens, queries + self.answer(self.norms[4](queries))


class Output(nn.Module):
    """Queries and last layers of one output: linear in the code, bent by it, corrected by queries.

    Starts as the linear read-out alone.
    """

    def __init__(self, sizes: Sizes, tokens: int, width: int) -> None:
        super().__init__()
        self.shape = (tokens, width)
        self.queries = nn.Parameter(torch.randn(tokens, sizes.width) * 0.1)
        self.steer = nn.Linear(sizes.hidden, sizes.width)
        self.linear = nn.Linear(sizes.embedding, tokens * width)
        self.bent = nn.Linear(sizes.hidden, tokens * width)
        self.correct = nn.Linear(sizes.width, width)
        for last in (self.bent, self.correct):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def ask(self, hidden: Tensor) -> Tensor:
        """Queries (b, tokens, network width), steered by what the code says (b, hidden)."""
        return self.queries + self.steer(hidden)[:, None]

    def forward(self, code: Tensor, hidden: Tensor, answers: Tensor) -> Tensor:
        """Tokens (b, tokens, width) from code, hidden layer and answered queries."""
        flat = self.linear(code) + self.bent(hidden)
        return flat.view(len(code), *self.shape) + self.correct(answers)


class BrainInteraction(nn.Module):
    """The whole network: responses of any voxels to standardised output tokens."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.tokenizer, self.readout = BrainTokenizer(sizes), LatentReadout(sizes.embedding)
        self.blocks = nn.ModuleList([Block(sizes) for _ in range(sizes.layers)])
        self.code = nn.Sequential(
            nn.Linear(sizes.embedding, sizes.hidden),
            nn.GELU(),
            nn.Dropout(sizes.dropout),
            nn.Linear(sizes.hidden, sizes.hidden),
            nn.GELU(),
            nn.Dropout(sizes.dropout),
        )
        self.norm = nn.LayerNorm(sizes.width)
        self.outputs = nn.ModuleList([Output(sizes, *o) for o in sizes.outputs.values()])

    def forward(
        self, activations: Tensor, embeddings: Tensor, cluster: Tensor
    ) -> dict[str, Tensor]:
        """Output tokens, by name.

        Parameters
        ----------
        activations : (b, v)
            z-scored responses of some voxels.
        embeddings : (v, e)
        cluster : (v,) int

        Returns
        -------
        dict of str to (b, tokens, width)

        Raises
        ------
        BrainvisError
            A voxel without a cluster.
        """
        if len(cluster) and not 0 <= int(cluster.min()) <= int(cluster.max()) < self.sizes.clusters:
            raise BrainvisError(
                "a voxel belongs to no cluster of the network",
                field="cluster",
                found=f"{int(cluster.min())} to {int(cluster.max())}",
                remedy=f"assign voxels to clusters 0 to {self.sizes.clusters - 1}",
            )
        code = self.latent(activations, embeddings)  # (b, e)
        tokens, hidden = self.tokenizer(activations, embeddings, cluster), self.code(code)
        queries = torch.cat([output.ask(hidden) for output in self._heads()], 1)  # (b, all, width)
        for block in self.blocks:
            tokens, queries = block(tokens, queries)
        parts = self.norm(queries).split([count for count, _ in self.sizes.outputs.values()], 1)
        found = zip(self.sizes.outputs, self._heads(), parts, strict=True)
        return {name: output(code, hidden, part) for name, output, part in found}

    def latent(self, activations: Tensor, embeddings: Tensor) -> Tensor:
        """Codes (b, e) of `LatentReadout`, zeros in a network without it."""
        if self.sizes.readout:
            return self.readout(activations, embeddings)
        return activations.new_zeros(len(activations), self.sizes.embedding)

    def _heads(self) -> list[Output]:
        return [output for output in self.outputs if isinstance(output, Output)]

    def start_linear(
        self, codes: Tensor, parts: Iterable[tuple[slice, dict[str, Tensor]]], penalty: float
    ) -> None:
        """Set the linear maps to the ridge solution from codes (n, e) to targets.

        `parts` gives rows of the codes and their targets, (k, t, w) by output, over all n.
        """
        centre = codes.mean(0)
        left = codes - centre
        gram = left.T @ left + penalty * torch.eye(codes.shape[1])
        cross = [torch.zeros_like(one.linear.weight.T) for one in self._heads()]
        total = [torch.zeros_like(one.linear.bias) for one in self._heads()]
        for rows, targets in parts:
            for number, name in enumerate(self.sizes.outputs):
                flat = targets[name].flatten(1)
                cross[number] += left[rows].T @ flat
                total[number] += flat.sum(0)
        with torch.no_grad():
            for output, product, summed in zip(self._heads(), cross, total, strict=True):
                weights = torch.linalg.solve(gram, product)
                output.linear.weight.copy_(weights.T)
                output.linear.bias.copy_(summed / len(codes) - centre @ weights)


def _feed_forward(sizes: Sizes) -> nn.Sequential:
    inner = sizes.expansion * sizes.width
    return nn.Sequential(
        nn.Linear(sizes.width, inner),
        nn.GELU(),
        nn.Dropout(sizes.dropout),
        nn.Linear(inner, sizes.width),
    )
