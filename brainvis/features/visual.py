"""Activations of a VGG as one vector, from which an image can be sought (the low-level branch)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from brainvis.errors import BrainvisError
from brainvis.features.base import Extracted, block_numbers
from brainvis.features.inputs import channels_first, squared
from brainvis.features.visual_network import STAGES, VisualNetwork


class Visual:
    """Chosen levels of a VGG at one image size, each flattened, joined finest first.

    Parameters
    ----------
    folder : path
        Checkpoint; see `VisualNetwork`.
    size : int
        Side in pixels to which images are brought; the length of the vector grows with its square.
    levels : sequence of int
        Among the five, counted from 0, the finest.
    device : str
        ``auto``, ``cpu``, ``cuda`` ...

    Raises
    ------
    BrainvisError
        An unusable checkpoint, size or level.
    """

    source: Literal["images", "clips"] = "images"

    def __init__(
        self,
        folder: str | Path,
        size: int = 32,
        levels: Sequence[int] = (1, 2, 3, 4),
        device: str = "auto",
    ) -> None:
        self.network = VisualNetwork(folder, device)
        self.chosen = block_numbers(levels, STAGES, "the visual network")
        if size < 2 ** (STAGES - 1):
            raise BrainvisError(
                "is too small for five levels", field="size", found=size,
                remedy=f"{2 ** (STAGES - 1)} pixels or more",
            )  # fmt: skip
        self.name, self.size = self.network.name, size

    def layers(self, images) -> list:
        """Chosen levels (b, c, h, w) of images (b, 3, size, size) in [0, 1]; differentiable."""
        levels = self.network.levels(images)
        return [levels[number] for number in self.chosen]

    def extract(self, images: np.ndarray) -> Extracted:
        """See `brainvis.features.base.FeatureExtractor`; gives no tokens."""
        import torch

        with torch.inference_mode():
            made = self.layers(squared(channels_first(images), self.size, "bilinear"))
            return torch.cat([one.flatten(1) for one in made], dim=1).float().cpu().numpy(), None
