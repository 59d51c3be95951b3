"""What the diffusion animators share: checks, seeds, one clip after the other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from brainvis.animation import base
from brainvis.animation.card import Card
from brainvis.errors import BrainvisError
from brainvis.features.checkpoint import chosen_device, model_name
from brainvis.features.diffusers_parts import memory_for


class DiffusionAnimator(ABC):
    """Shared course of the backends.

    Clips are made one by one: the frames of one already fill a pass, diffusers takes one motion
    bucket and one set of conditioning frames for a whole batch, and a clip made alone cannot
    depend on others.

    Parameters
    ----------
    folder : Path
        Checkpoint with ``animator.json``.
    card : Card
    device : str
        "auto", "cpu", "cuda", ...

    Raises
    ------
    BrainvisError
        A component that is missing, damaged or does not fit the others or the card.
    """

    space: str
    size: int  # side of the clips that the model makes, in pixels
    _wanted: tuple[int, int]  # tokens and width of a condition
    _scale: tuple[np.ndarray, np.ndarray]  # mean and std of the condition

    def __init__(self, folder: Path, card: Card, device: str = "auto") -> None:
        self.folder, self.card, self.device = folder, card, chosen_device(device)
        self._load()
        self.name = model_name(folder, sorted(folder.rglob("*.safetensors")))

    @abstractmethod
    def _load(self) -> None:
        """Load and check the components; set `space`, `size`, `_wanted`, `_scale`."""

    @abstractmethod
    def _clip(
        self,
        first: Tensor,
        flow: np.ndarray,
        condition: Tensor | None,
        frames: int,
        noise: torch.Generator,
    ) -> Tensor:
        """One clip (frames, 3, size, size) in [0, 1].

        From its first frame (3, size, size), flow (k, g, g, 2) and scaled condition (tokens,
        width) or None.
        """

    def animate(
        self,
        first: np.ndarray,
        flow: np.ndarray,
        tokens: np.ndarray | None,
        *,
        frames: int,
        seeds: np.ndarray,
    ) -> np.ndarray:
        """See `base.ClipAnimator.animate`."""
        base.check(first, flow, tokens, frames, seeds)
        self._check_tokens(tokens)
        height, width = first.shape[1:3]
        clips = np.empty((len(first), frames, height, width, 3), np.float32)
        given = _resized(torch.from_numpy(np.moveaxis(first, 3, 1)).float(), self.size, self.size)
        for row, seed in enumerate(seeds):
            # noise is drawn on the CPU, so that a seed means the same on every device
            noise = torch.Generator().manual_seed(int(seed))
            condition = None if tokens is None else self._scaled(tokens[row])
            with torch.inference_mode(), memory_for(1):
                clip = self._clip(given[row].to(self.device), flow[row], condition, frames, noise)
                made = _resized(clip.float(), height, width)
            clips[row] = made.permute(0, 2, 3, 1).cpu().numpy()
        return clips

    def _scaled(self, tokens: np.ndarray) -> Tensor:
        mean, std = self._scale
        return torch.from_numpy((np.asarray(tokens, np.float32) - mean) / std).to(self.device)

    def _check_tokens(self, tokens: np.ndarray | None) -> None:
        if tokens is not None and tokens.shape[1:] != self._wanted:
            raise BrainvisError(
                f"takes {self._wanted[0]} tokens of width {self._wanted[1]} per clip",
                file=self.folder,
                field="tokens",
                found=tokens.shape,
                remedy=f"decode the space {self.space!r} that this model was trained on",
            )


def _resized(images: Tensor, height: int, width: int) -> Tensor:
    """Images (n, 3, h, w) of another size, in [0, 1]."""
    if images.shape[2:] != (height, width):
        images = functional.interpolate(images, (height, width), mode="bicubic", antialias=True)
    return images.clamp(0, 1)
