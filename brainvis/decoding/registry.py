"""Decoders by name, with their settings."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from brainvis.decoding.baselines import Mean, NearestTraining, PriorOnly, Shuffled
from brainvis.decoding.bayesian import BayesianLinear
from brainvis.decoding.latent import Latent
from brainvis.decoding.linear import Ridge
from brainvis.decoding.mixture import BayesianMixture
from brainvis.decoding.protocol import Decoder
from brainvis.errors import BrainvisError

IMAGE_METHODS = (
    "bayesian_linear",
    "bayesian_mixture",
    "ridge_pixels",
    "ridge_pca",
    "mean",
    "shuffled",
    "nearest_training",
    "prior_only",
)
FEATURE_METHODS = ("ridge_features", "bayesian_features", "mean", "shuffled", "ceiling")


@dataclass(frozen=True)
class Settings:
    """Settings of a decoder; each method reads those that concern it.

    Attributes
    ----------
    base : str
        Method that "shuffled" trains on a shuffled pairing.
    voxels : int or None
        Upper limit on voxels, selected in each fold from training stimuli.
    explained : float
        Share of variance that principal components keep.
    inner_folds : int
        Folds of the inner cross-validation that chooses penalties and shrinkage.
    seed : int
        Drives inner folds, shuffles and draws.
    prior : Latent or None, and pool : ndarray or None
        Principal components of prior images and the images themselves, (k, p).
    levels : bool
        Whether "bayesian_mixture" learns black and white levels.
    features : ndarray or None
        Features of the training rows, for "nearest_training".
    """

    base: str
    voxels: int | None = None
    explained: float = 0.99
    inner_folds: int = 5
    seed: int = 0
    levels: bool = False
    prior: Latent | None = field(default=None, repr=False)
    pool: np.ndarray | None = field(default=None, repr=False)
    features: np.ndarray | None = field(default=None, repr=False)


def image_decoder(method: str, settings: Settings) -> Decoder:
    """Decoder of flat images in [0, 1].

    Raises
    ------
    BrainvisError
        Unknown method, or "shuffled" of a method that has no use for a pairing.
    """
    options = _ridge_options(settings)
    match method:
        case "bayesian_linear":
            return BayesianLinear(
                prior=settings.prior, explained=settings.explained, bounds=(0.0, 1.0), **options
            )
        case "bayesian_mixture":
            return BayesianMixture(
                prior=settings.prior, pool=settings.pool, explained=settings.explained,
                bounds=(0.0, 1.0), levels=settings.levels, **options,
            )  # fmt: skip
        case "ridge_pixels":
            return Ridge(bounds=(0.0, 1.0), **options)
        case "ridge_pca":
            return Ridge(
                prior=settings.prior, explained=settings.explained, bounds=(0.0, 1.0), **options
            )
        case "mean":
            return Mean()
        case "prior_only":
            return PriorOnly(settings.pool, settings.seed)
        case "nearest_training":
            return NearestTraining(Ridge(**options), settings.features)
        case "shuffled":
            return Shuffled(image_decoder(_base(settings), settings), settings.seed)
    raise _unknown(method, IMAGE_METHODS)


def feature_decoder(method: str, settings: Settings) -> Decoder:
    """Decoder of feature vectors.

    Raises
    ------
    BrainvisError
        See `image_decoder`.
    """
    options = _ridge_options(settings)
    match method:
        case "ridge_features":
            return Ridge(local_alpha=True, **options)
        case "bayesian_features":
            return BayesianLinear(explained=settings.explained, **options)
        case "mean":
            return Mean()
        case "shuffled":
            return Shuffled(feature_decoder(_base(settings), settings), settings.seed)
    raise _unknown(method, FEATURE_METHODS)


def for_fold(settings: Settings, fold: int, features: np.ndarray | None = None) -> Settings:
    """The same settings with the fold's own draws and features of its training rows."""
    seed = np.random.default_rng([settings.seed, 104, fold]).integers(2**31)
    return replace(settings, seed=int(seed), features=features)


def _ridge_options(settings: Settings) -> dict:
    return {
        "voxels": settings.voxels,
        "folds": settings.inner_folds,
        "seed": settings.seed,
    }


def _base(settings: Settings) -> str:
    if settings.base in ("mean", "shuffled", "prior_only"):
        raise BrainvisError(
            "shuffling needs a method that learns from pairs", field="base", found=settings.base
        )
    return settings.base


def _unknown(method: str, allowed: tuple[str, ...]) -> BrainvisError:
    return BrainvisError(
        "unknown method", field="method", found=repr(method), remedy=f"one of {', '.join(allowed)}"
    )
