"""Coarse images from decoded low-level features, file to file: inversion, or an autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from brainvis.containers import Features, read_rows
from brainvis.datasets.splits import Fold
from brainvis.errors import BrainvisError
from brainvis.features.base import FeatureExtractor
from brainvis.features.latents import Latents
from brainvis.features.visual import Visual
from brainvis.generation.batches import batches, fold_numbers, image_seeds, kept_attributes, written
from brainvis.generation.inversion import Layers, Prior, invert, layer_shapes, split_layers


def reconstruct(
    features: Path,
    extractor: FeatureExtractor,
    split: Sequence[Fold],
    out: Path,
    *,
    name: str | None = None,
    seed: int = 0,
    **settings: Any,
) -> None:
    """Coarse images by what fits the feature space: its autoencoder, or a deep image prior.

    Parameters
    ----------
    features : Path
        `Features` file of decoded vectors.
    extractor : FeatureExtractor
        What made the features that were decoded: `Latents` or `Visual`.
    split, out, name, seed
        See `invert_features`.
    **settings
        Of `inversion.Prior`, for `Visual`.

    Raises
    ------
    BrainvisError
        Features from which no image can be made, or that do not fit the extractor.
    """
    if isinstance(extractor, Latents):
        decode_latents(features, extractor, split, out, name=name)
    elif isinstance(extractor, Visual):
        invert_features(
            features,
            extractor.layers,
            split,
            out,
            size=extractor.size,
            name=name,
            seed=seed,
            device=str(extractor.network.device),
            **settings,
        )
    else:
        raise BrainvisError(
            "no image can be made from these features",
            file=features,
            field="kind",
            found=extractor.name,
            remedy="decode a space of kind 'latents' or 'visual'",
        )


def invert_features(
    features: Path,
    layers: Layers,
    split: Sequence[Fold],
    out: Path,
    *,
    size: int,
    name: str | None = None,
    channels: int = 128,
    iterations: int = 1800,
    rate: float = 1e-3,
    jitter: float = 1 / 30,
    decay: float = 0.99,
    seed: int = 0,
    device: str = "cpu",
) -> None:
    """Coarse images from decoded multi-scale features, the low-level branch.

    Parameters
    ----------
    features : Path
        `Features` file whose ``/pooled`` rows are the layers (c, h, w) of the network at `size`,
        each flattened, joined in the network's order.
    layers : callable
        The network; see `inversion.invert`.
    split : sequence of Fold
        The split that the features were decoded by.
    out : Path
        `Reconstructions` file to write.
    size : int
        Side of the images in pixels, a multiple of 8.
    name : str, optional
        What the file calls the method; that of `features` by default.
    channels, iterations, rate, jitter, decay
        See `inversion.Prior`.
    seed : int
        With the stimulus, draws weights and noise.
    device : str
        Where `layers` computes.

    Raises
    ------
    BrainvisError
        Features of another network or size, stimuli that are no test stimuli, settings out of
        range.
    """
    decoded = Features.open(features)
    folds = fold_numbers(decoded.ids, split, features)
    prior = Prior(channels, iterations, rate, jitter, decay)
    shapes = layer_shapes(layers, size, device)
    seeds = image_seeds(decoded.ids, seed)
    attributes = kept_attributes(decoded.attributes, name) | {
        "start": "",
        "seed": seed,
        "channels": channels,
        "iterations": iterations,
        "rate": rate,
    }
    with written(out, decoded.ids, folds, size, attributes) as images:
        for rows in batches(len(decoded.ids), 1, "invert features"):
            vectors = read_rows(features, "pooled", rows, schema="features")
            images[rows] = invert(
                split_layers(vectors, shapes, features),
                layers,
                size=size,
                seeds=seeds[rows],
                prior=prior,
                device=device,
            )


def decode_latents(
    features: Path,
    autoencoder: Latents,
    split: Sequence[Fold],
    out: Path,
    *,
    name: str | None = None,
    batch: int = 64,
) -> None:
    """Coarse images from decoded latents, the other low-level branch.

    Parameters
    ----------
    features : Path
        `Features` file whose ``/pooled`` rows are latents as `Latents.extract` gives them.
    autoencoder : Latents
    split : sequence of Fold
        The split that the latents were decoded by.
    out : Path
        `Reconstructions` file to write.
    name : str, optional
        What the file calls the method; that of `features` by default.
    batch : int
        Images at a time; does not change them.

    Raises
    ------
    BrainvisError
        Latents of another autoencoder, stimuli that are no test stimuli.
    """
    decoded = Features.open(features)
    folds = fold_numbers(decoded.ids, split, features)
    attributes = kept_attributes(decoded.attributes, name) | {
        "start": "",
        "model": autoencoder.name,
    }
    with written(out, decoded.ids, folds, autoencoder.size, attributes) as images:
        for rows in batches(len(decoded.ids), batch, "decode latents"):
            vectors = read_rows(features, "pooled", rows, schema="features")
            images[rows] = autoencoder.images(vectors)
