"""Latents of a diffusion model's autoencoder: a coarse image in a thousand numbers or so."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from brainvis.errors import BrainvisError
from brainvis.features.base import Extracted
from brainvis.features.checkpoint import chosen_device, model_name
from brainvis.features.diffusers_parts import load_model
from brainvis.features.inputs import channels_first, squared

if TYPE_CHECKING:
    from torch import Tensor

COMPONENT = "vae"


class Latents:
    """Mean latents of an AutoencoderKL, flattened, and images from such vectors.

    Parameters
    ----------
    folder : path
        Checkpoint in the diffusers layout; its ``vae`` is read.
    device : str
        ``auto``, ``cpu``, ``cuda`` ...

    Attributes
    ----------
    shape : tuple of int
        Of the latents, (c, h, w).

    Raises
    ------
    BrainvisError
        A component that is missing, pickled, damaged or does not fit its settings.
    """

    source: Literal["images", "clips"] = "images"

    def __init__(self, folder: str | Path, device: str = "auto") -> None:
        from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

        self.folder, self.device = Path(folder), chosen_device(device)
        self._vae = load_model(self.folder, COMPONENT, AutoencoderKL).to(self.device)
        settings = self._vae.config
        self.size = int(settings.sample_size)
        side = self.size // 2 ** (len(settings.block_out_channels) - 1)
        self.shape = (int(settings.latent_channels), side, side)
        self._scale = float(settings.scaling_factor)
        self.name = model_name(
            self.folder / COMPONENT, sorted(self.folder.glob("vae/*.safetensors"))
        )

    def extract(self, images: np.ndarray) -> Extracted:
        """See `brainvis.features.base.FeatureExtractor`; gives no tokens."""
        import torch

        with torch.inference_mode():
            pixels = squared(channels_first(images), self.size, "bicubic")
            made = self._vae.encode(pixels.to(self.device) * 2 - 1).latent_dist.mode() * self._scale
            return made.flatten(1).float().cpu().numpy(), None

    def images(self, vectors: np.ndarray) -> np.ndarray:
        """Images (b, size, size, 3) in [0, 1] of vectors (b, c * h * w), as `extract` gives them.

        Raises
        ------
        BrainvisError
            Vectors of another length, or not finite.
        """
        import torch

        if vectors.ndim != 2 or vectors.shape[1] != int(np.prod(self.shape)):
            raise BrainvisError(
                f"are not latents of {self.folder}, {'x'.join(map(str, self.shape))} flattened",
                field="pooled",
                found=vectors.shape,
                remedy="decode the 'latents' features of this checkpoint",
            )
        if not np.isfinite(vectors).all():
            raise BrainvisError("holds values that are not finite", field="pooled")
        with torch.inference_mode():
            latents: Tensor = torch.from_numpy(vectors.astype(np.float32)).to(self.device)
            made = self._vae.decode(latents.unflatten(1, self.shape) / self._scale).sample
            return made.div(2).add(0.5).clamp(0, 1).permute(0, 2, 3, 1).float().cpu().numpy()
