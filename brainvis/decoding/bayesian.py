r"""Bayesian linear decoder: linear-Gaussian encoding model, Gaussian prior, posterior mean.

With x a target (a flat image or a feature vector), z its scores along the principal axes of a set
of prior targets, scaled to unit variance, and y the responses of the selected voxels in units of
their noise,

.. math:: z \sim N(0, I), \qquad y = W^\top z + \epsilon, \qquad \epsilon \sim N(0, \Sigma),

the posterior mean is

.. math:: \hat z = (I + W \Sigma^{-1} W^\top)^{-1} W \Sigma^{-1} y .

Gaussian image priors for linear decoding of fMRI: Thirion et al. 2006 (NeuroImage 33); this model
with handwritten characters: Schoenmakers et al. 2013 (NeuroImage 83). W is estimated by ridge in
target space. :math:`\Sigma = (1 - \lambda) S + \lambda I` shrinks the covariance S of left-out
residuals towards independent voxels (Ledoit & Wolf 2004); with far fewer trials than voxels,
:math:`\lambda` matters most, and is chosen by cross-validation inside the training set.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from brainvis.decoding.encoder import encode, select_voxels
from brainvis.decoding.latent import Latent
from brainvis.decoding.protocol import inner_folds

SHRINKAGES = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0)


@dataclass(frozen=True)
class Model:
    """Fitted model for any shrinkage: the noise is kept as its spectrum.

    Attributes
    ----------
    latent : Latent
        Prior of the targets.
    voxels : ndarray, (k,) int
        Selected columns of the responses.
    mean, noise : ndarray, (k,)
        Mean response and standard deviation of the left-out residuals.
    weights : ndarray, (d, k)
        W: response in noise units to one standard deviation of each latent.
    offset : ndarray, (k,)
        W' times the mean latent of the training targets, about which responses were centred.
    directions : ndarray, (k, n), and power : ndarray, (n,)
        Eigenvectors and eigenvalues of S.
    """

    latent: Latent
    voxels: np.ndarray
    mean: np.ndarray
    noise: np.ndarray
    weights: np.ndarray
    offset: np.ndarray
    directions: np.ndarray
    power: np.ndarray


def fit_model(
    responses: np.ndarray,
    targets: np.ndarray,
    groups: np.ndarray,
    latent: Latent,
    voxels: int | None = None,
) -> Model:
    """Estimate weights, noise and voxel selection from training rows.

    Parameters
    ----------
    responses : ndarray, (n, v)
    targets : ndarray, (n, p)
    groups : ndarray, (n,)
        Stimulus of each row.
    latent : Latent
        Prior of the targets.
    voxels : int, optional
        Keep at most this many voxels, those with the best left-out prediction; voxels that are
        predicted no better than by their mean are never kept.
    """
    encoding = encode(latent.project(targets), responses, groups)
    kept = select_voxels(encoding.r2, voxels)
    residuals = encoding.residuals[:, kept]
    noise = np.sqrt((residuals**2).mean(axis=0))
    noise = np.where(noise > 0, noise, 1.0)
    scale = np.sqrt(latent.variance)
    weights = encoding.weights[:, kept] * scale[:, None] / noise  # (d, k)
    _, s, directions = np.linalg.svd(residuals / noise / np.sqrt(len(residuals)), False)
    return Model(
        latent=latent,
        voxels=kept,
        mean=encoding.mean[kept],
        noise=noise,
        weights=weights,
        offset=(encoding.z_mean / scale) @ weights,
        directions=directions.T,
        power=s**2,
    )


def posterior_means(
    model: Model, responses: np.ndarray, shrinkages: tuple[float, ...]
) -> list[np.ndarray]:
    """Posterior mean target of each row, for each shrinkage of the noise covariance.

    Parameters
    ----------
    model : Model
    responses : ndarray, (m, v)
    shrinkages : tuple of float
        In (0, 1].

    Returns
    -------
    list of ndarray, (m, p)
    """
    means = []
    for shrinkage in shrinkages:
        precision, shift = likelihood(model, responses, shrinkage)
        z = np.linalg.solve(np.eye(len(precision)) + precision, shift)  # (d, m)
        means.append(model.latent.restore(z.T * np.sqrt(model.latent.variance)))
    return means


def likelihood(
    model: Model, responses: np.ndarray, shrinkage: float
) -> tuple[np.ndarray, np.ndarray]:
    r"""What responses say of the scores, :math:`A = W \Sigma^{-1} W^\top, b = W \Sigma^{-1} y`.

    With :math:`S = Q\,\mathrm{diag}(s)\,Q^\top`, Woodbury's identity gives
    :math:`\Sigma^{-1} = (I - Q\,\mathrm{diag}(g)\,Q^\top) / \lambda` where
    :math:`g = (1-\lambda) s / (\lambda + (1-\lambda) s)`: no matrix of voxels by voxels is formed.

    Parameters
    ----------
    model : Model
    responses : ndarray, (m, v)
    shrinkage : float
        In (0, 1].

    Returns
    -------
    ndarray, (d, d), and ndarray, (d, m)
    """
    y = (responses[:, model.voxels].astype(np.float64) - model.mean) / model.noise + model.offset
    w, q = model.weights, model.directions
    g = (1 - shrinkage) * model.power / (shrinkage + (1 - shrinkage) * model.power)
    weighted = (w @ q) * g  # (d, n)
    precision = (w @ w.T - weighted @ (w @ q).T) / shrinkage
    return precision, (w @ y.T - weighted @ (q.T @ y.T)) / shrinkage


@dataclass
class BayesianLinear:
    """Decoder by posterior mean (see the module's description).

    Parameters
    ----------
    prior : Latent, optional
        Prior from targets that are no test stimuli; by default made from the training targets.
    explained : float
        Share of variance kept in a prior made from the training targets.
    voxels : int, optional
        Upper limit on voxels kept.
    bounds : tuple of float, optional
        Range that predictions are clipped to: (0, 1) for images.
    folds : int
        Inner folds, over training stimuli, that choose the shrinkage.
    seed : int
        Drives the inner folds.
    """

    prior: Latent | None = None
    explained: float = 0.99
    voxels: int | None = None
    bounds: tuple[float, float] | None = None
    folds: int = 5
    seed: int = 0

    def fit(
        self, responses: np.ndarray, targets: np.ndarray, groups: np.ndarray | None = None
    ) -> Self:
        """Learn all parameters from training rows; see `protocol.Decoder.fit`.

        The shrinkage is the one with the highest mean correlation between targets and predictions
        of inner validation rows.
        """
        groups = np.arange(len(targets)) if groups is None else groups
        score = np.zeros(len(SHRINKAGES))
        for train, held_out in inner_folds(groups, self.folds, self.seed):
            model = self._model(responses[train], targets[train], groups[train])
            predictions = posterior_means(model, responses[held_out], SHRINKAGES)
            score += [
                row_correlation(targets[held_out], self._clipped(p)).sum() for p in predictions
            ]
        self.shrinkage = SHRINKAGES[int(score.argmax())]
        self.model = self._model(responses, targets, groups)
        return self

    def predict(self, responses: np.ndarray) -> np.ndarray:
        """Posterior mean targets, (m, v) -> (m, p) float32."""
        (means,) = posterior_means(self.model, responses, (self.shrinkage,))
        return self._clipped(means).astype(np.float32)

    def _model(self, responses: np.ndarray, targets: np.ndarray, groups: np.ndarray) -> Model:
        latent = self.prior or Latent.fit(targets, self.explained)
        return fit_model(responses, targets, groups, latent, self.voxels)

    def _clipped(self, values: np.ndarray) -> np.ndarray:
        return values if self.bounds is None else np.clip(values, *self.bounds)


def row_correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Pearson correlation of paired rows, (n, p), (n, p) -> (n,); 0 where a row is constant."""
    a = first - first.mean(axis=1, keepdims=True)
    b = second - second.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.where(norm > 0, (a * b).sum(axis=1) / np.where(norm > 0, norm, 1.0), 0.0)
