"""Noise that moves with the flow, so that refinement does not flicker.

A network that cleans each frame of its own noise leaves other traces in each. Where the noise of
the first frame is carried along the paths of its pixels (as in Burgert et al. 2025, 2501.08331),
the traces move as the picture does. Noise is moved by whole cells, so that it stays white.
"""

from __future__ import annotations

import torch
from torch import Tensor


def carried_noise(
    moved: Tensor, importance: Tensor, channels: int, generator: torch.Generator
) -> Tensor:
    """Standard normal noise of every frame of a clip.

    Parameters
    ----------
    moved : tensor, (t, h, w, 2)
        Displacement of each cell of the first frame; see `brainvis.animation.paths.paths`.
    importance : tensor, (h, w)
        Which cell's noise is kept where several land on one.
    channels : int
    generator : torch.Generator
        Of the CPU.

    Returns
    -------
    tensor, (channels, t + 1, h, w)
        What nothing lands on has fresh noise.
    """
    steps, height, width = moved.shape[:3]
    noise = torch.randn(channels, steps + 1, height, width, generator=generator)
    order = importance.flatten().argsort(stable=True)  # what is written last is kept
    y, x = order // width, order % width
    first = noise[:, 0, y, x]
    for step in range(steps):
        shift = moved[step, y, x].round().long()
        column, row = x + shift[:, 0], y + shift[:, 1]
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        target = (row * width + column)[inside]
        last = torch.full((height * width,), -1).scatter_reduce_(
            0, target, torch.arange(len(order))[inside], "amax"
        )
        landed = last >= 0
        noise[:, step + 1].view(channels, -1)[:, landed] = first[:, last[landed]]
    return noise
