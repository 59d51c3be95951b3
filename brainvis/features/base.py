"""What every feature extractor offers, and small checks that several of them share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Protocol

import numpy as np

from brainvis.errors import BrainvisError

Extracted = tuple[np.ndarray, np.ndarray | None]


class FeatureExtractor(Protocol):
    """Images (or clips) in, one pooled vector and optional tokens each out.

    Attributes
    ----------
    name : str
        What made the features: model name with the hash of its weights, or the filter bank with
        its settings.
    source : "images" or "clips"
        Dataset of a `Stimuli` file that it reads.
    size : int
        Side in pixels to which it brings its input.
    """

    name: str
    source: Literal["images", "clips"]
    size: int

    def extract(self, images: np.ndarray) -> Extracted:
        """Features of one batch.

        Parameters
        ----------
        images : ndarray, (b, height, width, 3) or, for clips, (b, frames, height, width, 3)
            float32 sRGB in [0, 1], of any size.

        Returns
        -------
        pooled : ndarray, (b, d) float32
        tokens : ndarray, (b, [layers,] tokens, d') float16, or None
        """
        ...


def block_numbers(layers: Iterable[int], depth: int, model: str) -> list[int]:
    """Chosen transformer blocks, counted from 0, in increasing order; -1 is the last.

    Raises
    ------
    BrainvisError
        Where none is chosen or one lies outside the network.
    """
    given = list(layers)
    if not given or any(not -depth <= layer < depth for layer in given):
        raise BrainvisError(
            f"layers of {model} run from 0 to {depth - 1} (or -{depth} to -1)",
            field="layers",
            found=given,
        )
    return sorted({layer % depth for layer in given})


def stacked(layers: list[np.ndarray]) -> np.ndarray:
    """Tokens of the chosen layers: (b, tokens, d) for one, (b, layers, tokens, d) for several."""
    tokens = layers[0] if len(layers) == 1 else np.stack(layers, axis=1)
    return tokens.astype(np.float16)
