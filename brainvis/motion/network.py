"""Head of BrainNRDS (2406.02659): fMRI, broadcast over patches of the first frame, to codewords."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Sizes:
    """Sizes of the head: `patch` features, `code` numbers of fMRI, `codewords` out."""

    patch: int
    code: int
    frames: int = 3
    codewords: int = 40
    width: int = 128
    hidden: int = 512
    blocks: int = 3
    dropout: float = 0.2
    blind: float = 0.5  # dropout of patch features: they are many, first frames few


class FlowHead(nn.Module):
    """Logits over codewords for every patch and flow frame.

    An MLP of the fMRI code is broadcast over the patches, joined with their features and with flow
    painted onto the first frame, and goes through residual blocks of 1x1 convolutions: linear
    maps, since a patch sees only itself. What comes out is added to logits that fall with the
    squared distance of a codeword from the painted flow, so an untrained head gives that flow.

    Parameters
    ----------
    sizes : Sizes
    codebook : (codewords, 2)
        In the units of painted flow.
    """

    codebook: Tensor

    def __init__(self, sizes: Sizes, codebook: Tensor) -> None:
        super().__init__()
        self.sizes = sizes
        self.register_buffer("codebook", codebook)
        self.precision = nn.Parameter(torch.full((sizes.frames, 1), 1.0))  # log of it
        self.brain = nn.Sequential(
            nn.Linear(sizes.code, sizes.hidden), nn.GELU(), nn.Dropout(sizes.dropout),
            nn.Linear(sizes.hidden, sizes.hidden), nn.GELU(), nn.Linear(sizes.hidden, sizes.width),
        )  # fmt: skip
        self.patch = nn.Sequential(nn.Dropout(sizes.blind), nn.Linear(sizes.patch, sizes.width))
        self.join = nn.Linear(2 * sizes.width + 2 * sizes.frames + 1, sizes.width)
        self.blocks = nn.ModuleList([_block(sizes) for _ in range(sizes.blocks)])
        self.out = nn.Sequential(
            nn.LayerNorm(sizes.width), nn.Linear(sizes.width, sizes.frames * sizes.codewords)
        )
        nn.init.zeros_(self.out[1].weight)  # pyright: ignore[reportArgumentType]
        nn.init.zeros_(self.out[1].bias)  # pyright: ignore[reportArgumentType]

    def forward(self, patches: Tensor, hint: Tensor, code: Tensor) -> Tensor:
        """(b, p, patch), (b, p, 2 frames + 1), (b, code) -> (b, p, frames, codewords)."""
        brain = self.brain(code)[:, None].expand(-1, patches.shape[1], -1)  # (b, p, width)
        x = self.join(torch.cat([self.patch(patches), hint, brain], dim=-1))
        for block in self.blocks:
            x = x + block(x)
        learned = self.out(x).unflatten(-1, (self.sizes.frames, self.sizes.codewords))
        painted = hint[..., :-1].unflatten(-1, (self.sizes.frames, 1, 2))  # (b, p, frames, 1, 2)
        distance = (painted - self.codebook).square().sum(dim=-1)  # (b, p, frames, codewords)
        return learned - self.precision.exp() * distance


def _block(sizes: Sizes) -> nn.Module:
    return nn.Sequential(
        nn.LayerNorm(sizes.width), nn.Linear(sizes.width, sizes.width), nn.GELU(),
        nn.Dropout(sizes.dropout), nn.Linear(sizes.width, sizes.width),
    )  # fmt: skip


@torch.no_grad()
def expected_flow(
    network: FlowHead, patches: Tensor, hint: Tensor, code: Tensor, codebook: Tensor
) -> Tensor:
    """Probability-weighted sum of codewords, one clip at a time: (b, frames, p, 2)."""
    network.eval()
    parts = []
    for k in range(len(code)):  # so that a clip's numbers do not depend on its batch
        one = slice(k, k + 1)
        parts.append(torch.softmax(network(patches[one], hint[one], code[one]), dim=-1) @ codebook)
    return torch.cat(parts).transpose(1, 2)
