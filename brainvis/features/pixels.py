"""Area-averaged pixels: the simplest feature space, and a control for all others."""

from __future__ import annotations

from typing import Literal

import numpy as np

from brainvis.features.base import Extracted
from brainvis.features.inputs import channels_first


class Pixels:
    """Mean colour of each cell of a `size` x `size` grid, flattened row by row to RGB triples."""

    source: Literal["images", "clips"] = "images"

    def __init__(self, size: int = 16) -> None:
        self.size, self.name = size, f"pixels {size}x{size}"

    def extract(self, images: np.ndarray) -> Extracted:
        """Pooled (b, size * size * 3) in [0, 1]; no tokens."""
        from torch.nn.functional import adaptive_avg_pool2d

        cells = adaptive_avg_pool2d(channels_first(images), self.size)  # (b, 3, size, size)
        return cells.permute(0, 2, 3, 1).reshape(len(images), -1).numpy(), None
