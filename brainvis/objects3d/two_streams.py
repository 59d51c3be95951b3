"""Two linear decoders, as in Brain3D (2405.15239): colours by early areas, meaning by the rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from brainvis.decoding.linear import Ridge
from brainvis.errors import BrainvisError

EARLY = ("V1", "V2", "V3", "hV4")


@dataclass(frozen=True)
class TwoStreams:
    """Decoders of one subject, learned from the responses of its training stimuli.

    Attributes
    ----------
    mean, scale : ndarray, (v,)
        Of the training responses.
    low, high : ndarray, (v,) bool
        Voxels of each decoder.
    appearance, semantic : Ridge
        Of mean colours, and of the generator's feature space.
    """

    mean: np.ndarray
    scale: np.ndarray
    low: np.ndarray
    high: np.ndarray
    appearance: Ridge
    semantic: Ridge

    @classmethod
    def fit(
        cls,
        responses: np.ndarray,
        vectors: np.ndarray,
        colors: np.ndarray,
        voxels: pd.DataFrame,
        seed: int = 0,
    ) -> TwoStreams:
        """Learn from training stimuli.

        Parameters
        ----------
        responses : ndarray, (n, v)
            Mean response to each stimulus.
        vectors : ndarray, (n, d)
        colors : ndarray, (n, k)
        voxels : DataFrame
            Column roi; voxels outside any region are not read.
        seed : int
            Of the inner folds that choose penalties.

        Raises
        ------
        BrainvisError
            No voxels in V1 to hV4, or none in other regions.
        """
        roi = voxels["roi"].to_numpy(str)
        low = np.isin(roi, EARLY)
        high = ~low & (roi != "")
        if not low.any() or not high.any():
            raise BrainvisError(
                f"needs voxels in {', '.join(EARLY)} and in other regions", field="voxels/roi",
                found=sorted(set(roi)),
            )  # fmt: skip
        mean, deviation = responses.mean(axis=0), responses.std(axis=0)
        scale = np.where(deviation > 0, deviation, 1.0)
        z = (responses - mean) / scale
        return cls(
            mean, scale, low, high,
            Ridge(local_alpha=True, bounds=(0.0, 1.0), seed=seed).fit(z[:, low], colors),
            Ridge(local_alpha=True, seed=seed).fit(z[:, high], vectors),
        )  # fmt: skip

    def scaled(self, responses: np.ndarray) -> np.ndarray:
        """Responses z-scored by training statistics, (n, v)."""
        return (responses - self.mean) / self.scale

    def predict(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Vectors (n, d) and colours (n, k) of z-scored responses, row by row."""
        return self.semantic.predict(z[:, self.high]), self.appearance.predict(z[:, self.low])
