"""Decoder and denoiser as one network, trained by the denoising loss (stage 3 of Brain-IT).

The Brain-Interaction Transformer's tokens are the condition of the U-Net, so the error of the
denoised latents reaches the decoder and the voxel embeddings. Brain-IT trains by that loss alone.
Here the decoder's outputs are also held near where they began: few responses and a loss that
mostly tells of noise would otherwise spoil what the pooled and low-level outputs know.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from brainvis.decoding.interaction import BrainInteraction
from brainvis.generation.tuning import Denoiser


@dataclass(frozen=True)
class Scaled:
    """How the decoder's standardised tokens become a condition: times `factor` plus `shift`.

    Attributes
    ----------
    output : str
        Name of the decoder's output.
    factor, shift : tensor, broadcast to (tokens, width)
    """

    output: str
    factor: Tensor
    shift: Tensor


@dataclass(frozen=True)
class Noised:
    """Latents with noise, and what of their conditions is left out.

    Attributes
    ----------
    clean, noise : (b, c, h, w)
    times : (b,) int
        Noise levels.
    dropped : (b,) bool
        Images without a condition, for guidance.
    empty : (b, tokens, width)
        Standard normal, for backends whose absent condition is noise.
    """

    clean: Tensor
    noise: Tensor
    times: Tensor
    dropped: Tensor
    empty: Tensor

    def part(self, rows: slice, device: torch.device) -> Noised:
        """Some images, on a device."""
        fields = (self.clean, self.noise, self.times, self.dropped, self.empty)
        return Noised(*(one[rows].to(device) for one in fields))


class Joint(nn.Module):
    """Responses and noisy latents to losses.

    Parameters
    ----------
    network : BrainInteraction
    embeddings : (v, e)
        Of the voxels of all subjects.
    denoiser : Denoiser
    scaled : Scaled
    """

    def __init__(
        self, network: BrainInteraction, embeddings: Tensor, denoiser: Denoiser, scaled: Scaled
    ) -> None:
        super().__init__()
        self.network, self.denoiser, self.output = network, denoiser, scaled.output
        self.embeddings = nn.Parameter(embeddings.clone())
        self.factor: Tensor
        self.shift: Tensor
        self.register_buffer("factor", scaled.factor, persistent=False)
        self.register_buffer("shift", scaled.shift, persistent=False)

    def forward(
        self, responses: Tensor, voxels: slice, cluster: Tensor, noised: Noised,
        before: dict[str, Tensor] | None = None,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """Denoising loss, and squared change of the decoder's outputs.

        Parameters
        ----------
        responses : (b, v)
            z-scored.
        voxels : slice
            Rows of these voxels in the table of embeddings.
        cluster : (v,) int
        noised : Noised
        before : dict of str to (b, tokens, width), optional
            The decoder's outputs before any joint training; the change is 0 without them.

        Returns
        -------
        (tensor, tensor)
            Scalars.
        """
        with torch.autocast(responses.device.type, enabled=False):  # it solves linear systems
            found = self.network(responses, self.embeddings[voxels], cluster)
        condition = found[self.output] * self.factor + self.shift  # (b, tokens, width)
        none = self.denoiser.absent(condition, noised.empty)
        condition = torch.where(noised.dropped[:, None, None], none, condition)
        levels = self.denoiser.levels
        noisy = levels.add_noise(noised.clean, noised.noise, noised.times)
        made = self.denoiser(noisy, noised.times, condition)
        wanted = self.denoiser.wanted(noised.clean, noised.noise, noised.times)
        loss = F.mse_loss(made.float(), wanted)
        if before is None:
            return loss, loss.new_zeros(())
        changes = [F.mse_loss(found[name].float(), value) for name, value in before.items()]
        return loss, torch.stack(changes).mean()
