"""Variations of an image that leave its caption true, and a random view of its patches."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def varied(
    images: torch.Tensor, may_flip: torch.Tensor, generator: torch.Generator, shift: int = 4
) -> torch.Tensor:
    """Shift by up to `shift` pixels, mirror where allowed, vary brightness and contrast a little.

    Parameters
    ----------
    images : tensor, (b, 3, height, width)
        In [0, 1].
    may_flip : tensor, (b,) bool
        False where a mirror image would falsify the caption.
    generator : torch.Generator
    shift : int
        Pixels; borders are mirrored.

    Returns
    -------
    tensor, (b, 3, height, width)
        In [0, 1].
    """
    import torch
    from torch.nn.functional import pad

    count, _, height, width = images.shape
    padded = pad(images, (shift,) * 4, mode="reflect")
    offsets = torch.randint(0, 2 * shift + 1, (count, 2), generator=generator)
    rows = offsets[:, :1] + torch.arange(height)  # (b, height)
    columns = offsets[:, 1:] + torch.arange(width)
    flip = may_flip & (torch.rand(count, generator=generator) < 0.5)
    columns = torch.where(flip[:, None], columns.flip(1), columns)
    every = torch.arange(count)[:, None, None]
    moved = padded[every, :, rows[:, :, None], columns[:, None, :]]  # (b, height, width, 3)
    gain, offset = torch.rand(2, count, 1, 1, 1, generator=generator).sub(0.5).mul(0.2)
    return ((moved - 0.5) * (1 + gain) + 0.5 + offset / 2).clamp(0, 1).permute(0, 3, 1, 2)


def patch_sampler(share: float, generator: torch.Generator) -> torch.nn.Module:
    """A stand-in for open_clip's patch dropout that remembers which patches it let through.

    Parameters
    ----------
    share : float
        Share of the patches that each image keeps, at least one.
    generator : torch.Generator

    Returns
    -------
    torch module
        Maps (b, 1 + patches, d) to (b, 1 + kept, d); its attribute ``seen`` (b, kept) then holds
        the numbers of the kept patches.
    """
    import torch

    class PatchSampler(torch.nn.Module):
        seen: torch.Tensor

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            count, patches = tokens.shape[0], tokens.shape[1] - 1
            kept = max(1, round(share * patches))
            order = torch.rand(count, patches, generator=generator).argsort(dim=1)
            self.seen = order[:, :kept].sort(dim=1).values
            where = self.seen[:, :, None].expand(-1, -1, tokens.shape[2])
            return torch.cat([tokens[:, :1], tokens[:, 1:].gather(1, where)], dim=1)

    return PatchSampler()
