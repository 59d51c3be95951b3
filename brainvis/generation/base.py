"""What every image generator offers, and the checks that all diffusion backends share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from brainvis.errors import BrainvisError
from brainvis.features.checkpoint import chosen_device, model_name
from brainvis.features.diffusers_parts import memory_for
from brainvis.generation.card import Card, check_sampling


class ImageGenerator(Protocol):
    """Decoded vectors (and a coarse image) in, images out.

    Attributes
    ----------
    name : str
        Folder with a hash of its weights.
    space : str
        Feature space of the condition.
    tokens, width : int
        Shape of the condition of one image; one token is a pooled vector.
    size : int
        Side of the images that it makes, in pixels.
    steps, strength, guidance
        Sampling; see `brainvis.generation.card.Card`.
    """

    name: str
    space: str
    tokens: int
    width: int
    size: int
    steps: int
    strength: float
    guidance: float

    def generate(
        self, tokens: np.ndarray, start: np.ndarray | None, *, strength: float, seeds: np.ndarray
    ) -> np.ndarray:
        """Images of one batch; an image depends on its own row alone, not on the batch.

        Parameters
        ----------
        tokens : ndarray, (b, tokens, width)
            float32 condition.
        start : ndarray, (b, height, width, 3), or None
            float32 in [0, 1], of any size: where denoising starts. None starts from pure noise.
        strength : float
            Share of the steps that are run from `start`: 0 gives it back as the autoencoder sees
            it, 1 nearly forgets it. Without `start` all steps are run.
        seeds : ndarray, (b,)
            Seed of the noise of each image.

        Returns
        -------
        ndarray, (b, size, size, 3)
            float32 in [0, 1].

        Raises
        ------
        BrainvisError
            Wrong shapes, values that are not finite, a strength outside [0, 1], want of memory.
        """
        ...


class DiffusionGenerator(ABC):
    """Shared course of the backends: check, encode the start, denoise, decode.

    Parameters
    ----------
    folder : Path
        Checkpoint in the backend's layout.
    card : Card
        Its description.
    device : str
        "auto", "cpu", "cuda", ...

    Raises
    ------
    BrainvisError
        A component that is missing, damaged or does not fit the others or the card.
    """

    def __init__(self, folder: Path, card: Card, device: str = "auto") -> None:
        self.folder, self.space = folder, card.space
        self.tokens, self.width = card.tokens, card.width
        self.steps, self.strength, self.guidance = card.steps, card.strength, card.guidance
        self.device = chosen_device(device)
        self._mean, self._std = card.mean, card.std
        self.size = self._load()
        self.name = model_name(folder, sorted(folder.rglob("*.safetensors")))

    @abstractmethod
    def _load(self) -> int:
        """Load and check the components; return the side of the images in pixels."""

    @abstractmethod
    def _denoise(
        self, tokens: Tensor, start: Tensor | None, strength: float, noise: list[torch.Generator]
    ) -> Tensor:
        """Latents (b, c, h, w) from a scaled condition and start pixels in [0, 1]."""

    @abstractmethod
    def _encode(self, pixels: Tensor) -> Tensor:
        """Latents of pixels (b, 3, size, size) in [0, 1]."""

    @abstractmethod
    def _decode(self, latents: Tensor) -> Tensor:
        """Pixels (b, 3, size, size) in [-1, 1] of latents."""

    def generate(
        self, tokens: np.ndarray, start: np.ndarray | None, *, strength: float, seeds: np.ndarray
    ) -> np.ndarray:
        """See `ImageGenerator.generate`."""
        check_sampling(self.steps, strength, self.guidance)
        self._check(tokens, start, seeds)
        # noise is drawn on the CPU, so that a seed means the same on every device
        noise = [torch.Generator().manual_seed(int(seed)) for seed in seeds]
        with torch.inference_mode(), memory_for(len(tokens)):
            scaled = (np.asarray(tokens, np.float32) - self._mean) / self._std
            condition = torch.from_numpy(scaled).to(self.device)
            pixels = None if start is None else self._pixels(start)
            if pixels is not None and steps_from_start(self.steps, strength) == 0:
                latents = self._encode(pixels)
            else:
                latents = self._denoise(condition, pixels, strength, noise)
            made = self._decode(latents).div(2).add(0.5).clamp(0, 1)  # (b, 3, size, size)
            return made.permute(0, 2, 3, 1).float().cpu().numpy()

    def _pixels(self, start: np.ndarray) -> Tensor:
        """(b, h, w, 3) -> (b, 3, size, size)."""
        given = torch.as_tensor(start, dtype=torch.float32, device=self.device).permute(0, 3, 1, 2)
        if given.shape[2:] != (self.size, self.size):
            given = functional.interpolate(
                given, (self.size, self.size), mode="bicubic", antialias=True
            )
        return given.clamp(0, 1)

    def _check(self, tokens: np.ndarray, start: np.ndarray | None, seeds: np.ndarray) -> None:
        wanted = (self.tokens, self.width)
        if tokens.ndim != 3 or tokens.shape[1:] != wanted:
            raise BrainvisError(
                f"takes {wanted[0]} tokens of width {wanted[1]} per image",
                file=self.folder,
                field="tokens",
                found=tokens.shape,
                remedy=f"decode the space {self.space!r} that this generator was trained on",
            )
        if not np.isfinite(tokens).all():
            raise BrainvisError("holds values that are not finite", field="tokens")
        if len(seeds) != len(tokens):
            raise BrainvisError("needs one seed per image", field="seeds", found=len(seeds))
        if start is not None and (
            start.ndim != 4 or start.shape[0] != len(tokens) or start.shape[3] != 3
        ):
            raise BrainvisError(
                f"start needs one colour image for each of {len(tokens)} conditions",
                field="start",
                found=start.shape,
            )
        if start is not None and not np.isfinite(start).all():
            raise BrainvisError("holds values that are not finite", field="start")

    def _refuse(self, field: str, problem: str, found: object) -> BrainvisError:
        return BrainvisError(
            problem,
            file=self.folder,
            field=field,
            found=found,
            remedy="use components and generator.json of one model",
        )


def steps_from_start(steps: int, strength: float) -> int:
    """Denoising steps that are run from a start image, as diffusers counts them."""
    return min(int(steps * strength), steps)


def encode_kl(autoencoder: Any, pixels: Tensor) -> Tensor:
    """Scaled mean latents of pixels in [0, 1]; the mean, so that no noise is drawn twice."""
    return autoencoder.encode(pixels * 2 - 1).latent_dist.mode() * autoencoder.config.scaling_factor


def decode_kl(autoencoder: Any, latents: Tensor) -> Tensor:
    """Pixels in [-1, 1] of scaled latents."""
    return autoencoder.decode(latents / autoencoder.config.scaling_factor).sample


def image_side(network: Any, autoencoder: Any) -> int:
    """Side in pixels: the U-Net's side times the downsampling of the autoencoder."""
    return network.config.sample_size * 2 ** (len(autoencoder.config.block_out_channels) - 1)
