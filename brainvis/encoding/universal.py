"""The universal encoder: one network for all voxels of all subjects (Beliy et al., 2406.12179).

A voxel is a learned embedding, and nothing else of the network belongs to it. In every layer of a
frozen image backbone the embedding asks the image's tokens by attention; what it gets passes a
small network shared by all voxels; a last product with the embedding weighs layers and channels.
Brain-IT (2510.25976) makes its functional clusters from these embeddings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from brainvis.errors import BrainvisError

Attention = Literal["content", "position"]


@dataclass(frozen=True)
class Architecture:
    """Sizes of a universal encoder; the first two are the backbone's.

    Parameters
    ----------
    tokens, widths : tuple of int
        Tokens, and channels per token, of each backbone layer.
    channels : int
        Channels that a token is reduced to.
    embedding : int
        Length of a voxel embedding.
    expansion : int
        Hidden units of the shared network, as a multiple of `channels`.
    dropout : float
        Share of pooled channels dropped in training.
    attention : {"content", "position"}
        Keys from token and place, as in the paper, or from place alone: a receptive field that is
        the same for every image, and attention weights that are computed once per batch.
    """

    tokens: tuple[int, ...]
    widths: tuple[int, ...]
    channels: int = 32
    embedding: int = 64
    expansion: int = 2
    dropout: float = 0.1
    attention: Attention = "content"

    def __post_init__(self) -> None:
        if self.attention not in ("content", "position"):
            raise BrainvisError(
                "no such attention",
                field="attention",
                found=self.attention,
                remedy="allowed: content, position",
            )
        for name in ("channels", "embedding", "expansion"):
            if getattr(self, name) < 1:
                raise BrainvisError("must be at least 1", field=name, found=getattr(self, name))

    @property
    def layers(self) -> int:
        return len(self.widths)


class TokenAttention(nn.Module):
    """One backbone layer: reduce tokens, let voxels attend to them, pass the shared network."""

    def __init__(self, tokens: int, width: int, architecture: Architecture) -> None:
        super().__init__()
        a = architecture
        self.normalise, self.reduce = nn.LayerNorm(width), nn.Linear(width, a.channels)
        self.query = nn.Linear(a.embedding, a.embedding)
        self.place = nn.Parameter(torch.randn(tokens, a.embedding) * a.embedding**-0.5)
        self.key = nn.Linear(a.channels, a.embedding) if a.attention == "content" else None
        self.pooled_norm, self.dropout = nn.LayerNorm(a.channels), nn.Dropout(a.dropout)
        hidden = a.expansion * a.channels
        self.shared = nn.Sequential(
            nn.Linear(a.channels, hidden), nn.GELU(), nn.Linear(hidden, a.channels)
        )

    def forward(self, tokens: Tensor, voxels: Tensor) -> Tensor:
        """Pooled features, (b, v, channels), of tokens (b, t, width) for voxels (v, embedding)."""
        values = self.reduce(self.normalise(tokens))  # (b, t, c)
        pooled = self.weights(values, voxels) @ values  # (b, v, c)
        return pooled + self.shared(self.dropout(self.pooled_norm(pooled)))

    def field(self, tokens: Tensor, voxels: Tensor) -> Tensor:
        """Attention of voxels over tokens, mean over images, (v, t)."""
        weights = self.weights(self.reduce(self.normalise(tokens)), voxels)
        return weights.mean(0) if weights.ndim == 3 else weights

    def weights(self, values: Tensor, voxels: Tensor) -> Tensor:
        """Attention of voxels over tokens, (b, v, t); (v, t) where it ignores content."""
        query = self.query(voxels)  # (v, e)
        if self.key is None:
            return F.softmax(query @ self.place.T, dim=-1)
        keys = self.key(values) + self.place  # (b, t, e)
        return F.softmax(query @ keys.transpose(1, 2), dim=-1)


class UniversalEncoder(nn.Module):
    """Predicts the responses of any voxels, given as embeddings, to images, given as tokens.

    Source: Beliy et al. 2406.12179, with the block order of Brain-IT's Stage 0 (2510.25976): layer
    norm, linear to `channels`, voxel-query attention without the factor 1/sqrt(d), shared residual
    network, product with ``embedding @ readout``. The network has no parameter per voxel.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = a = architecture
        sizes = zip(a.tokens, a.widths, strict=True)
        self.blocks = nn.ModuleList([TokenAttention(count, width, a) for count, width in sizes])
        self.readout = nn.Parameter(torch.randn(a.embedding, a.layers * a.channels))
        nn.init.normal_(self.readout, std=(a.layers * a.channels) ** -0.5)

    def forward(self, tokens: Sequence[Tensor], voxels: Tensor) -> Tensor:
        """Predicted responses.

        Parameters
        ----------
        tokens : sequence of (b, tokens, width) float
            One per layer of the backbone, for b images.
        voxels : (v, embedding) float
            Embeddings of the voxels wanted; any number, in any order.

        Returns
        -------
        (b, v) float
            Responses as z-scores of each voxel.
        """
        layers = zip(self.blocks, tokens, strict=True)
        pooled = torch.cat([block(layer, voxels) for block, layer in layers], dim=-1)  # (b, v, l c)
        return torch.einsum("bvf,vf->bv", pooled, voxels @ self.readout)

    def receptive_fields(self, tokens: Sequence[Tensor], voxels: Tensor) -> list[Tensor]:
        """Attention of every voxel over each layer's tokens, mean over images, (v, tokens) each."""
        pairs = zip(self.blocks, tokens, strict=True)
        return [cast(TokenAttention, block).field(layer, voxels) for block, layer in pairs]


def build(architecture: Architecture, seed: int) -> UniversalEncoder:
    """A new encoder, its weights drawn from `seed` alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return UniversalEncoder(architecture)


def initial_embeddings(voxels: int, size: int, seed: int) -> Tensor:
    """Small random embeddings, (voxels, size)."""
    return 0.1 * torch.randn(voxels, size, generator=torch.Generator().manual_seed(seed))


def encoding_loss(predicted: Tensor, measured: Tensor, cosine: float = 0.1) -> Tensor:
    """Mean squared error minus `cosine` times the mean cosine over images of voxel patterns."""
    similarity = F.cosine_similarity(predicted, measured, dim=1).mean()
    return F.mse_loss(predicted, measured) - cosine * similarity
