"""The shape prior's network: a linear encoder to a short vector, a convolutional decoder.

The encoder projects coarse grids of solidity and of colour onto their principal components, each
kind scaled as a whole, so that strong components stay strong: such vectors are what linear
decoders of brain activity read best. The decoder is trained; its convolutions run over x and y
with the heights as channels, and its last layer draws four finer voxels at once (sub-pixel
convolution, Shi et al. 2016, 1609.05158), which keeps it affordable without a GPU.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from brainvis.objects3d.solids import HALF
from brainvis.objects3d.voxels import COLOR_SIZE, SIZE

_COARSE, _COARSE_COLOR = 16, 8  # voxels along a side that the encoder looks at


class ShapeAutoencoder(nn.Module):
    """Grids to vectors and back.

    Parameters
    ----------
    shape, color : int
        Numbers of principal components of solidity and of colour: the parts of the latent.
    channels : sequence of int
        Of the decoder at sides 4, 8, 16 and 32.
    hidden : int
        Width of the layer between latent and grids.
    """

    def __init__(
        self,
        shape: int = 128,
        color: int = 64,
        channels: tuple[int, ...] = (128, 96, 96, 64),
        hidden: int = 512,
    ) -> None:
        super().__init__()
        self.settings: dict[str, Any] = {
            "shape": shape, "color": color, "channels": list(channels), "hidden": hidden
        }  # fmt: skip
        self.latent = shape + color
        for name, width, count in (
            ("shape", _COARSE**3, shape),
            ("color", 3 * _COARSE_COLOR**3, color),
        ):
            self.register_buffer(f"{name}_mean", torch.zeros(width))
            self.register_buffer(f"{name}_axes", torch.zeros(width, count))
        self.first = nn.Sequential(
            nn.Linear(self.latent, hidden), nn.SiLU(), nn.Linear(hidden, channels[0] * 4 * 4)
        )
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(few, many, 3, padding=1), nn.GroupNorm(8, many), nn.SiLU())
            for few, many in zip(channels[:-1], channels[1:], strict=True)
        )
        self.solid = nn.Conv2d(channels[-1], 4 * SIZE, 1)
        self.color = nn.Conv2d(channels[-1], 3 * COLOR_SIZE, 1)

    def fit_encoder(self, solid: Tensor, color: Tensor) -> None:
        """Set the encoder to the principal components of training grids; see `encode`."""
        for name, values in zip(("shape", "color"), self._coarse(solid, color), strict=True):
            mean, count = values.mean(dim=0), self.settings[name]
            if count >= len(values):
                raise ValueError(f"{count} components need more than {len(values)} shapes")
            _, sizes, axes = torch.pca_lowrank(values - mean, q=count, center=False, niter=3)
            spread = sizes.square().mean().div(len(values) - 1).sqrt()  # of all components together
            getattr(self, f"{name}_mean").copy_(mean)
            getattr(self, f"{name}_axes").copy_(axes / spread)

    def encode(self, solid: Tensor, color: Tensor) -> Tensor:
        """Latents of grids.

        Parameters
        ----------
        solid : tensor, (b, 64, 64, 64) uint8
        color : tensor, (b, 32, 32, 32, 3) uint8

        Returns
        -------
        tensor, (b, shape + color)
            Zero for the mean; components of a kind have a mean variance of 1.
        """
        shape, paint = self._coarse(solid, color)
        parts = (shape - self.shape_mean) @ self.shape_axes, (
            paint - self.color_mean
        ) @ self.color_axes
        return torch.cat(parts, dim=1)

    def _coarse(self, solid: Tensor, color: Tensor) -> tuple[Tensor, Tensor]:
        """Flattened coarse grids, (b, 16^3) and (b, 3 * 8^3), in [0, 1]."""
        few, some = SIZE // _COARSE, COLOR_SIZE // _COARSE_COLOR
        shape = [functional.avg_pool3d(part[:, None].float() / 255, few) for part in solid.split(64)]
        paint = [
            functional.avg_pool3d(part.permute(0, 4, 1, 2, 3).float() / 255, some)
            for part in color.split(64)
        ]
        return torch.cat(shape).flatten(1), torch.cat(paint).flatten(1)

    def decode(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of being solid (b, 64, 64, 64) and colours (b, 3, 32, 32, 32) in [0, 1]."""
        made = self.first(latents).view(len(latents), -1, 4, 4)
        for block in self.blocks:
            made = block(functional.interpolate(made, scale_factor=2.0))
        solid = functional.pixel_shuffle(self.solid(made), 2)  # (b, z, x, y)
        color = self.color(made).view(len(made), 3, COLOR_SIZE, *made.shape[2:])
        return solid.permute(0, 2, 3, 1), color.permute(0, 1, 3, 4, 2).sigmoid()


def at_points(grid: Tensor, points: Tensor) -> Tensor:
    """Values of grids (b, c, x, y, z) between their voxel centres, at points (b, n, 3): (b, n, c).

    Outside of the grid the nearest voxel counts.
    """
    where = (points / HALF).flip(-1)[:, :, None, None]  # grid_sample wants the last axis first
    seen = functional.grid_sample(grid, where, padding_mode="border", align_corners=False)
    return seen[..., 0, 0].transpose(1, 2)
