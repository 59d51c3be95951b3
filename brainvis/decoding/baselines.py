"""What a decoder must beat: no brain, a wrong brain, and a lookup in the training set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.spatial.distance import cdist

from brainvis.decoding.latent import Latent
from brainvis.decoding.protocol import Decoder


class Mean:
    """The mean training target, whatever the response."""

    def fit(
        self, responses: np.ndarray, targets: np.ndarray, groups: np.ndarray | None = None
    ) -> Self:
        """See `protocol.Decoder.fit`."""
        self.mean = targets.mean(axis=0, dtype=np.float64).astype(np.float32)
        return self

    def predict(self, responses: np.ndarray) -> np.ndarray:
        """(m, v) -> (m, p) float32."""
        return np.tile(self.mean, (len(responses), 1))


@dataclass
class Shuffled:
    """A decoder trained on responses paired with the targets of other training stimuli.

    Parameters
    ----------
    decoder : Decoder
        The decoder under test.
    seed : int
        Drives the shuffle of stimuli; repeats of one stimulus move together.
    """

    decoder: Decoder
    seed: int = 0

    def fit(
        self, responses: np.ndarray, targets: np.ndarray, groups: np.ndarray | None = None
    ) -> Self:
        """See `protocol.Decoder.fit`."""
        groups = np.arange(len(targets)) if groups is None else groups
        _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
        order = np.random.default_rng([self.seed, 102]).permutation(len(first))
        self.decoder.fit(responses, targets[first[order]][inverse], groups)
        return self

    def predict(self, responses: np.ndarray) -> np.ndarray:
        """(m, v) -> (m, p) float32."""
        return self.decoder.predict(responses)


@dataclass
class NearestTraining:
    """The training target whose features correlate best with the decoded features.

    Parameters
    ----------
    decoder : Decoder
        Decoder from responses to features.
    features : ndarray, (n, f), optional
        Features of the training rows; by default the principal components of the targets.
    """

    decoder: Decoder
    features: np.ndarray | None = None

    def fit(
        self, responses: np.ndarray, targets: np.ndarray, groups: np.ndarray | None = None
    ) -> Self:
        """See `protocol.Decoder.fit`."""
        features = self.features
        if features is None:
            features = Latent.fit(targets, 0.95).project(targets)
        self.centre = features.mean(axis=0)
        self.known = features - self.centre
        self.targets = targets
        self.decoder.fit(responses, features.astype(np.float32), groups)
        return self

    def predict(self, responses: np.ndarray) -> np.ndarray:
        """(m, v) -> (m, p) float32."""
        decoded = self.decoder.predict(responses) - self.centre
        distance = np.nan_to_num(cdist(decoded, self.known, "correlation"), nan=2.0)
        return self.targets[distance.argmin(axis=1)]


@dataclass
class PriorOnly:
    """A random target for each response: what the prior alone gives.

    Parameters
    ----------
    pool : ndarray, (k, p), optional
        Targets to draw from; by default the training targets.
    seed : int
        Drives the draw.
    """

    pool: np.ndarray | None = None
    seed: int = 0

    def fit(
        self, responses: np.ndarray, targets: np.ndarray, groups: np.ndarray | None = None
    ) -> Self:
        """See `protocol.Decoder.fit`."""
        self.targets = targets if self.pool is None else self.pool
        return self

    def predict(self, responses: np.ndarray) -> np.ndarray:
        """(m, v) -> (m, p) float32; row r of every call gets the same draw."""
        draw = np.random.default_rng([self.seed, 103])
        return self.targets[draw.integers(len(self.targets), size=len(responses))]
