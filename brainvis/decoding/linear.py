"""Ridge regression from voxels to targets, or to the principal components of targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from himalaya.kernel_ridge import KernelRidgeCV

from brainvis.decoding.encoder import encode, select_voxels
from brainvis.decoding.latent import Latent
from brainvis.decoding.protocol import inner_folds

ALPHAS = tuple(np.logspace(-3, 3, 13).tolist())  # in units of the number of voxels


@dataclass
class Ridge:
    """Ridge from z-scored voxels to targets; penalties by inner cross-validation (himalaya).

    Parameters
    ----------
    explained : float, optional
        Regress onto the principal components of the targets that hold this share of their
        variance; by default onto the targets themselves.
    prior : Latent, optional
        Components to regress onto instead of those of the training targets.
    voxels : int, optional
        Keep at most this many voxels: those that an encoding model predicts best in left-out
        training stimuli. By default all voxels stay.
    bounds : tuple of float, optional
        Range that predictions are clipped to: (0, 1) for images.
    local_alpha : bool
        One penalty per target, or one for all.
    folds : int
        Inner folds, over training stimuli, that choose the penalty.
    seed : int
        Drives the inner folds.
    """

    explained: float | None = None
    prior: Latent | None = None
    voxels: int | None = None
    bounds: tuple[float, float] | None = None
    local_alpha: bool = False
    folds: int = 5
    seed: int = 0

    def fit(
        self, responses: np.ndarray, targets: np.ndarray, groups: np.ndarray | None = None
    ) -> Self:
        """Learn from training rows; see `protocol.Decoder.fit`."""
        groups = np.arange(len(targets)) if groups is None else groups
        self.kept = self._select(responses, targets, groups)
        self.mean = responses[:, self.kept].mean(axis=0)
        deviation = responses[:, self.kept].std(axis=0)
        self.scale = np.where(deviation > 0, deviation, 1.0)
        self.latent = self.prior
        if self.latent is None and self.explained is not None:
            self.latent = Latent.fit(targets, self.explained)
        goal = targets if self.latent is None else self.latent.project(targets)
        self.model = KernelRidgeCV(
            alphas=np.asarray(ALPHAS) * max(1, len(self.kept)),
            fit_intercept=True,
            cv=inner_folds(groups, self.folds, self.seed),  # pyright: ignore[reportArgumentType]
            solver_params={"local_alpha": self.local_alpha, "n_targets_batch": 2048},
            warn=False,
        )
        self.model.fit(self._scaled(responses), goal.astype(np.float64))
        return self

    def predict(self, responses: np.ndarray) -> np.ndarray:
        """Predicted targets, (m, v) -> (m, p) float32."""
        values = np.asarray(self.model.predict(self._scaled(responses)))
        if self.latent is not None:
            values = self.latent.restore(values)
        if self.bounds is not None:
            values = np.clip(values, *self.bounds)
        return values.astype(np.float32)

    def _select(self, responses: np.ndarray, targets: np.ndarray, groups: np.ndarray) -> np.ndarray:
        everything = np.arange(responses.shape[1])
        if self.voxels is None:
            return everything
        scores = Latent.fit(targets, 0.95).project(targets)
        chosen = select_voxels(encode(scores, responses, groups).r2, self.voxels)
        return chosen if len(chosen) else everything

    def _scaled(self, responses: np.ndarray) -> np.ndarray:
        return (responses[:, self.kept].astype(np.float64) - self.mean) / self.scale
