"""The shape prior's network: a linear encoder to a short vector, a decoder that sharpens.

The encoder projects coarse grids of solidity and of colour onto their principal components, each
kind scaled as a whole, so that strong components stay strong: such vectors are what linear
decoders of brain activity read best. The decoder adds to the coarse grids that the components
stand for what a convolutional network knows of the details, as in super-resolution. Its
convolutions run over x and y with the heights as channels, and its last layer draws four finer
voxels at once (sub-pixel convolution, Shi et al. 2016, 1609.05158): affordable without a GPU.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from brainvis.objects3d.solids import HALF
from brainvis.objects3d.voxels import COLOR_SIZE, SIZE

_COARSE, _COARSE_COLOR = 16, 8  # voxels along a side that the encoder looks at
_STEEP = 12.0  # logits of a voxel from its share of solidity
_START = 16  # channels that the whole latent gives at side 8


class ShapeAutoencoder(nn.Module):
    """Grids to vectors and back.

    Parameters
    ----------
    shape, color : int
        Numbers of principal components of solidity and of colour: the parts of the latent.
    width : int
        Channels of the convolutions; a multiple of 8.
    hidden : int
        Width of the layer that sees the whole latent.
    """

    def __init__(
        self, shape: int = 128, color: int = 64, width: int = 64, hidden: int = 256
    ) -> None:
        super().__init__()
        self.settings: dict[str, Any] = {
            "shape": shape, "color": color, "width": width, "hidden": hidden
        }  # fmt: skip
        self.latent = shape + color
        for name, numbers, count in (
            ("shape", _COARSE**3, shape),
            ("color", 3 * _COARSE_COLOR**3, color),
        ):
            self.register_buffer(f"{name}_mean", torch.full((numbers,), 0.5))
            self.register_buffer(f"{name}_axes", torch.zeros(numbers, count))
            self.register_buffer(f"{name}_spread", torch.ones(()))
        self.whole = nn.Sequential(
            nn.Linear(self.latent, hidden), nn.SiLU(), nn.Linear(hidden, _START * 8 * 8)
        )
        self.at8 = _block(_START + 3 * _COARSE_COLOR, width)
        self.at16 = _block(width + _COARSE, width)
        self.at32 = _block(width, width)
        self.solid = nn.Conv2d(width, 4 * SIZE, 1)
        self.color = nn.Conv2d(width, 3 * COLOR_SIZE, 1)
        for last in (self.solid, self.color):  # training starts from the coarse grids
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)  # pyright: ignore

    def fit_encoder(self, solid: Tensor, color: Tensor) -> None:
        """Set the encoder to the principal components of training grids; see `encode`."""
        for name, values in zip(("shape", "color"), _coarse(solid, color), strict=True):
            mean, count = values.mean(dim=0), self.settings[name]
            if count >= len(values):
                raise ValueError(f"{count} components need more than {len(values)} shapes")
            _, sizes, axes = torch.pca_lowrank(values - mean, q=count, center=False, niter=3)
            getattr(self, f"{name}_mean").copy_(mean)
            getattr(self, f"{name}_axes").copy_(axes)
            getattr(self, f"{name}_spread").copy_((sizes.square().mean() / len(values)).sqrt())

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
        parts = [
            (values - getattr(self, f"{name}_mean"))
            @ getattr(self, f"{name}_axes")
            / getattr(self, f"{name}_spread")
            for name, values in zip(("shape", "color"), _coarse(solid, color), strict=True)
        ]
        return torch.cat(parts, dim=1)

    def decode(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of being solid (b, 64, 64, 64) and colours (b, 3, 32, 32, 32) in [0, 1]."""
        shape, paint = self._restored(latents)
        made = self.whole(latents).view(-1, _START, 8, 8)
        made = self.at8(torch.cat([made, _flat(paint)], dim=1))
        made = functional.interpolate(made, scale_factor=2.0)
        made = self.at16(torch.cat([made, _flat(shape)], dim=1))
        made = self.at32(functional.interpolate(made, scale_factor=2.0))
        solid = functional.pixel_shuffle(self.solid(made), 2)  # (b, z, x, y)
        color = self.color(made).view(len(made), 3, COLOR_SIZE, *made.shape[2:])
        coarse = _STEEP * (_enlarged(shape, SIZE)[:, 0] - 0.5)
        tint = _enlarged(paint, COLOR_SIZE).clamp(0.02, 0.98).logit()
        return (
            coarse + solid.permute(0, 2, 3, 1),
            (tint + color.permute(0, 1, 3, 4, 2)).sigmoid(),
        )

    def _restored(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """Coarse grids, (b, 1, 16, 16, 16) and (b, 3, 8, 8, 8)."""
        parts = latents.split((self.settings["shape"], self.settings["color"]), dim=1)
        made = [
            getattr(self, f"{name}_mean")
            + part @ getattr(self, f"{name}_axes").T * getattr(self, f"{name}_spread")
            for name, part in zip(("shape", "color"), parts, strict=True)
        ]
        return made[0].view(-1, 1, *(_COARSE,) * 3), made[1].view(-1, 3, *(_COARSE_COLOR,) * 3)


def _block(channels: int, more: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, more, 3, padding=1), nn.GroupNorm(8, more), nn.SiLU())


def _flat(grid: Tensor) -> Tensor:
    """Grids (b, c, x, y, z) with their heights as channels, (b, c * z, x, y)."""
    return grid.permute(0, 1, 4, 2, 3).flatten(1, 2)


def _enlarged(grid: Tensor, size: int) -> Tensor:
    return functional.interpolate(grid, (size,) * 3, mode="trilinear")


def _coarse(solid: Tensor, color: Tensor) -> tuple[Tensor, Tensor]:
    """Flattened coarse grids, (b, 16^3) and (b, 3 * 8^3), in [0, 1]."""
    few, some = SIZE // _COARSE, COLOR_SIZE // _COARSE_COLOR
    shape = [functional.avg_pool3d(part[:, None].float() / 255, few) for part in solid.split(64)]
    paint = [
        functional.avg_pool3d(part.permute(0, 4, 1, 2, 3).float() / 255, some)
        for part in color.split(64)
    ]
    return torch.cat(shape).flatten(1), torch.cat(paint).flatten(1)


def at_points(grid: Tensor, points: Tensor) -> Tensor:
    """Values of grids (b, c, x, y, z) between their voxel centres, at points (b, n, 3): (b, n, c).

    Outside of the grid the nearest voxel counts.
    """
    where = (points / HALF).flip(-1)[:, :, None, None]  # grid_sample wants the last axis first
    seen = functional.grid_sample(grid, where, padding_mode="border", align_corners=False)
    return seen[..., 0, 0].transpose(1, 2)
