r"""Bayesian decoder whose prior knows single images, not only their covariance.

The encoding model and its noise are those of `brainvis.decoding.bayesian`. The prior of the
whitened scores z is a kernel density over K known images c_k (prior images, and training targets),

.. math:: z \sim \frac{1}{K} \sum_k N(\sqrt{1 - h^2}\, c_k,\; h^2 I),

which keeps mean and variance: h = 1 is the Gaussian prior again, h near 0 a weighted mean of known
images as in Nishimoto et al. 2011 (Curr Biol 21). With the likelihood
:math:`\exp(b^\top z - z^\top A z / 2)` and :math:`P = (A + I / h^2)^{-1}` each component has a
posterior mean :math:`P (b + \sqrt{1-h^2}\, c_k / h^2)` and an evidence in closed form. Evidences
are raised to a power, since estimated noise makes them too sure. Bandwidth, power and the shrinkage
of the noise are chosen by cross-validation inside the training set.

A posterior mean is grey where it is unsure. Where the targets are mostly black or white, a stretch
between two levels, chosen the same way by absolute error, takes the grey out of the background.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Self

import numpy as np

from brainvis.decoding.bayesian import Model, fit_model, likelihood, row_correlation
from brainvis.decoding.latent import Latent
from brainvis.decoding.protocol import inner_folds

SHRINKAGES = (0.5, 0.7, 0.8, 0.9, 0.95, 1.0)
BANDWIDTHS = (0.05, 0.1, 0.2, 0.3, 0.45, 0.7, 1.0)
POWERS = (0.01, 0.03, 0.1, 0.3, 1.0)
LEVELS = tuple(product((0.0, 0.05, 0.1), (1.0, 0.9, 0.8)))  # further apart they lose faint strokes


def mixture_means(
    precision: np.ndarray,
    shift: np.ndarray,
    known: np.ndarray,
    bandwidth: float,
    powers: tuple[float, ...],
) -> list[np.ndarray]:
    """Posterior mean scores of each row, for each power of the evidence.

    Parameters
    ----------
    precision : ndarray, (d, d), and shift : ndarray, (d, m)
        A and b of the likelihood.
    known : ndarray, (k, d)
        Whitened scores of the known images.
    bandwidth : float
        h, in (0, 1].
    powers : tuple of float

    Returns
    -------
    list of ndarray, (m, d)
    """
    narrow = bandwidth**-2
    centres = np.sqrt(1 - bandwidth**2) * narrow * known
    spread = np.linalg.inv(precision + narrow * np.eye(len(precision)))
    common, own = spread @ shift, centres @ spread  # (d, m), (k, d)
    constant = ((own * centres).sum(1) - (centres**2).sum(1) / narrow) / 2
    evidence = centres @ common + constant[:, None]  # (k, m), up to what all share
    evidence -= evidence.max(axis=0)
    means = []
    for power in powers:
        weights = np.exp(power * evidence)
        means.append((common + own.T @ (weights / weights.sum(axis=0))).T)
    return means


@dataclass
class BayesianMixture:
    """Decoder by posterior mean under a kernel density of known images.

    Parameters
    ----------
    prior : Latent, optional
        Components of `pool`; by default made from the training targets.
    pool : ndarray, (k, p), optional
        Images that are no stimuli; training targets are added to them.
    levels : bool
        Stretch images between a black and a white level; needs `bounds`.
    explained, voxels, bounds, folds, seed
        See `brainvis.decoding.bayesian.BayesianLinear`.
    """

    prior: Latent | None = None
    pool: np.ndarray | None = None
    explained: float = 0.99
    voxels: int | None = None
    bounds: tuple[float, float] | None = None
    folds: int = 5
    seed: int = 0
    levels: bool = False

    def fit(
        self, responses: np.ndarray, targets: np.ndarray, groups: np.ndarray | None = None
    ) -> Self:
        """Learn all parameters from training rows; see `protocol.Decoder.fit`.

        Chosen is what gives inner validation rows the highest mean correlation with their targets,
        then, given that, the levels with the lowest absolute error.
        """
        groups = np.arange(len(targets)) if groups is None else groups
        choices = list(product(SHRINKAGES, BANDWIDTHS, POWERS))
        score = np.zeros(len(choices))
        for train, held_out in inner_folds(groups, self.folds, self.seed):
            self._learn(responses[train], targets[train], groups[train])
            score += [
                row_correlation(targets[held_out], image).sum()
                for shrinkage in SHRINKAGES
                for image in self._images(responses[held_out], shrinkage, BANDWIDTHS, POWERS)
            ]
        self.shrinkage, self.bandwidth, self.power = choices[int(score.argmax())]
        self.black, self.white = (
            self._best_levels(responses, targets, groups) if self.levels else (0.0, 1.0)
        )
        self._learn(responses, targets, groups)
        return self

    def predict(self, responses: np.ndarray) -> np.ndarray:
        """Posterior mean targets between the levels, (m, v) -> (m, p) float32."""
        return self._stretched(self._means(responses), self.black, self.white).astype(np.float32)

    def _means(self, responses: np.ndarray) -> np.ndarray:
        (images,) = self._images(responses, self.shrinkage, (self.bandwidth,), (self.power,))
        return images

    def _best_levels(
        self, responses: np.ndarray, targets: np.ndarray, groups: np.ndarray
    ) -> tuple[float, float]:
        error = np.zeros(len(LEVELS))
        for train, held_out in inner_folds(groups, self.folds, self.seed):
            self._learn(responses[train], targets[train], groups[train])
            images = self._means(responses[held_out])
            error += [
                np.abs(self._stretched(images, *pair) - targets[held_out]).sum() for pair in LEVELS
            ]
        return LEVELS[int(error.argmin())]

    def _stretched(self, images: np.ndarray, black: float, white: float) -> np.ndarray:
        """Images with these levels, as shares of the bounds, moved to the bounds."""
        if self.bounds is None or (black, white) == (0.0, 1.0):
            return images
        low, high = self.bounds
        shares = ((images - low) / (high - low) - black) / (white - black)
        return low + (high - low) * np.clip(shares, 0, 1)

    def _learn(self, responses: np.ndarray, targets: np.ndarray, groups: np.ndarray) -> None:
        latent = self.prior or Latent.fit(targets, self.explained)
        self.model: Model = fit_model(responses, targets, groups, latent, self.voxels)
        every = targets if self.pool is None else np.vstack([self.pool, targets])
        self.known = latent.project(every) / np.sqrt(latent.variance)  # (k, d)

    def _images(
        self,
        responses: np.ndarray,
        shrinkage: float,
        bandwidths: tuple[float, ...],
        powers: tuple[float, ...],
    ) -> list[np.ndarray]:
        """Images for every bandwidth and, within it, every power."""
        latent, (precision, shift) = self.model.latent, likelihood(self.model, responses, shrinkage)
        images = []
        for bandwidth in bandwidths:
            for scores in mixture_means(precision, shift, self.known, bandwidth, powers):
                image = latent.restore(scores * np.sqrt(latent.variance))
                images.append(image if self.bounds is None else np.clip(image, *self.bounds))
        return images
