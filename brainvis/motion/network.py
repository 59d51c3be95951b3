"""Head of BrainNRDS (2406.02659): fMRI, broadcast over patches of the first frame, to codewords."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Sizes:
    """Sizes of the head: `patch` features and `code` numbers of fMRI in, `codewords` out."""

    patch: int
    code: int
    frames: int = 3
    codewords: int = 40
    width: int = 128
    hidden: int = 512
    blocks: int = 3
    dropout: float = 0.2


class FlowHead(nn.Module):
    """Logits over codewords for every patch and flow frame.

    An MLP of the fMRI code is broadcast over the patches, joined with their features and goes
    through residual blocks of 1x1 convolutions: linear maps, since a patch sees only itself.
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.brain = nn.Sequential(
            nn.Linear(sizes.code, sizes.hidden), nn.GELU(), nn.Dropout(sizes.dropout),
            nn.Linear(sizes.hidden, sizes.hidden), nn.GELU(), nn.Linear(sizes.hidden, sizes.width),
        )  # fmt: skip
        self.patch = nn.Linear(sizes.patch, sizes.width)
        self.join = nn.Linear(2 * sizes.width, sizes.width)
        self.blocks = nn.ModuleList([_block(sizes) for _ in range(sizes.blocks)])
        self.out = nn.Sequential(
            nn.LayerNorm(sizes.width), nn.Linear(sizes.width, sizes.frames * sizes.codewords)
        )

    def forward(self, patches: Tensor, code: Tensor) -> Tensor:
        """(b, p, patch) and (b, code) -> (b, p, frames, codewords)."""
        brain = self.brain(code)[:, None].expand(-1, patches.shape[1], -1)  # (b, p, width)
        x = self.join(torch.cat([self.patch(patches), brain], dim=-1))
        for block in self.blocks:
            x = x + block(x)
        return self.out(x).unflatten(-1, (self.sizes.frames, self.sizes.codewords))


def _block(sizes: Sizes) -> nn.Module:
    return nn.Sequential(
        nn.LayerNorm(sizes.width), nn.Linear(sizes.width, sizes.width), nn.GELU(),
        nn.Dropout(sizes.dropout), nn.Linear(sizes.width, sizes.width),
    )  # fmt: skip


@torch.no_grad()
def expected_flow(network: FlowHead, patches: Tensor, code: Tensor, codebook: Tensor) -> Tensor:
    """Probability-weighted sum of codewords, one clip at a time: (b, frames, p, 2)."""
    network.eval()
    parts = [
        torch.softmax(network(patches[k : k + 1], code[k : k + 1]), dim=-1) @ codebook
        for k in range(len(code))  # so that a clip's numbers do not depend on its batch
    ]
    return torch.cat(parts).transpose(1, 2)
