"""Posterior over a library of training clips (Nishimoto et al. 2011, Curr. Biol. 21:1641).

An encoding model predicts the response to each clip of the library from its flow; the likelihood of
the measured response under Gaussian noise then ranks the clips. Unlike in the paper the library is
no large sample of films but the training clips themselves, so no test clip can be in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.covariance import LedoitWolf

from brainvis.decoding.encoder import encode, select_voxels
from brainvis.errors import BrainvisError
from brainvis.motion.components import FlowComponents


@dataclass(frozen=True)
class Library:
    """Predicted responses (n, v) to training clips, precision of noise (v, v), kept voxels."""

    flow: np.ndarray
    predicted: np.ndarray
    precision: np.ndarray
    voxels: np.ndarray

    @classmethod
    def fit(
        cls, x: np.ndarray, flow: np.ndarray, segments: np.ndarray, *, components: int = 60,
        voxels: int = 200, seed: int = 0,
    ) -> Library:  # fmt: skip
        """Fit the encoding model.

        Parameters
        ----------
        x : (n, v)
            Standardised training responses.
        flow : (n, frames, size, size, 2)
            Of training clips, which become the library.
        segments : (n,)
            Movie segments, left out together where noise and voxels are judged.
        components, voxels : int
            Flow components that predict, and voxels at most, those best predicted.
        seed : int

        Raises
        ------
        BrainvisError
            No voxel that flow predicts.
        """
        space = FlowComponents.fit(flow, components, seed)
        model = encode(space.project(flow), x, segments)
        kept = select_voxels(model.r2, voxels)
        if not len(kept):
            raise BrainvisError(
                "no voxel follows the flow of training clips",
                field="responses",
                remedy="check that clips and responses belong together",
            )
        noise = LedoitWolf().fit(model.residuals[:, kept]).covariance_
        scores = space.project(flow) - model.z_mean
        predicted = scores @ model.weights[:, kept] + model.mean[kept]
        return cls(flow, predicted, np.linalg.inv(noise), kept)

    def log_posterior(self, x: np.ndarray) -> np.ndarray:
        """Log posterior of each clip of the library, all alike before, (m, v) -> (m, n)."""
        values = x[:, self.voxels]
        linear = values @ self.precision @ self.predicted.T  # (m, n)
        own = np.einsum("nv,vw,nw->n", self.predicted, self.precision, self.predicted)
        score = linear - own / 2
        score -= score.max(axis=1, keepdims=True)
        return score - np.log(np.exp(score).sum(axis=1, keepdims=True))

    def decode(self, x: np.ndarray, top: int) -> np.ndarray:
        """Flow of the most probable clip (top = 1), or the posterior mean over the `top` ones."""
        score = self.log_posterior(x)
        best = np.argsort(-score, axis=1, kind="stable")[:, :top]  # (m, top)
        weight = np.exp(np.take_along_axis(score, best, axis=1))
        weight /= weight.sum(axis=1, keepdims=True)
        return np.einsum("mt,mt...->m...", weight, self.flow[best]).astype(np.float32)
