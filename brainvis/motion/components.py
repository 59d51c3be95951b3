"""Principal components of flow fields, from training clips alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA


@dataclass(frozen=True)
class FlowComponents:
    """Mean (p,) and components (k, p) of flattened flow fields."""

    mean: np.ndarray
    axes: np.ndarray
    shape: tuple[int, ...]

    @classmethod
    def fit(cls, flow: np.ndarray, count: int, seed: int = 0) -> FlowComponents:
        """Fit to flow (n, frames, size, size, 2); at most n - 1 components."""
        model = PCA(min(count, len(flow) - 1), svd_solver="full", random_state=seed)
        model.fit(flow.reshape(len(flow), -1))
        return cls(model.mean_, np.asarray(model.components_), flow.shape[1:])

    def project(self, flow: np.ndarray) -> np.ndarray:
        """Flow fields to scores (n, k)."""
        return (flow.reshape(len(flow), -1) - self.mean) @ self.axes.T

    def restore(self, scores: np.ndarray) -> np.ndarray:
        """Scores (n, k) to flow fields, float32."""
        flat = scores @ self.axes + self.mean
        return flat.reshape(len(scores), *self.shape).astype(np.float32)
