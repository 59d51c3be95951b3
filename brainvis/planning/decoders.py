"""Decoders from responses to images and to features."""

from __future__ import annotations

from collections.abc import Iterator

from brainvis.config import RunConfig
from brainvis.config.models import Decoder, FeatureDecoder
from brainvis.planning.data import averaged
from brainvis.planning.estimate import F2, F4, F8, NUMERIC, Estimate, resident, stored, table
from brainvis.planning.size import Size
from brainvis.planning.spaces import Space

_COMPONENTS = 0.75  # of the images, kept as principal components of 99 % of the variance
_TARGETS = 2048  # of kernel ridge at a time
_ALPHAS = 13
_LEFT_OUT = 7.5  # float64 copies of responses while voxels are predicted with stimuli left out
# What gzip leaves of float32 images: blurred ones, ones of 256 grey levels, one repeated.
_BLURRED, _COPIED, _REPEATED = 0.92, 0.29, 0.1
_RATIOS = {"mean": _REPEATED, "nearest_training": _COPIED, "prior_only": _COPIED}


def stages(config: RunConfig, size: Size, spaces: dict[str, Space]) -> Iterator[Estimate]:
    """One estimate per decoder."""
    jobs = size.subjects * len(config.splits)
    for decoder in config.decoders.values():
        ratio = _RATIOS.get(decoder.method, _BLURRED)
        yield Estimate(
            "decode",
            jobs,
            _image_peak(decoder, size, spaces),
            jobs * images_disk(size.test, size.side, ratio),
            flops=jobs * size.folds * _image_flops(decoder, size),
        )
    for decoder in config.feature_decoders.values():
        space = spaces[decoder.features]
        width = space.pooled + (space.tokens * space.width if decoder.tokens else 0)
        yield Estimate(
            "decode_features",
            jobs,
            _feature_peak(decoder, size, space, width),
            jobs * decoded_disk(space, size.test, decoder.tokens),
            flops=jobs * size.folds * _flops(size, width),
        )


def images_disk(count: int, side: int, ratio: float = _BLURRED) -> float:
    """A `Reconstructions` file."""
    return table(count, 11, 4) + stored(count, side, side, 3, ratio=ratio)


def decoded_disk(space: Space, count: int, tokens: bool) -> float:
    """A `Features` file of one layer."""
    disk = table(count, 11) + stored(count, space.pooled)
    return disk + (stored(count, space.tokens, space.width, bytes_each=F2) if tokens else 0)


def ridge_peak(n: int, v: int, p: int) -> float:
    """Kernel ridge: responses, four float64 copies of them, targets and three such copies."""
    kernels = 4.0 * n * n * F8
    batch = 2.0 * n * min(p, _TARGETS) * F8
    return n * v * (F4 + 4 * F8) + n * p * (F4 + 3 * F8) + kernels + batch


def _image_peak(decoder: Decoder, size: Size, spaces: dict[str, Space]) -> float:
    n, v, p = size.train, _voxels(decoder, size), size.side**2 * 3
    reading = averaged(size, n)
    images = n * p * F4
    prior = size.prior * p * F4 if decoder.prior else 0
    many = size.prior if decoder.prior else n
    components = min(_COMPONENTS * many, p)
    axes = components * p * F8
    latent = many * p * (F4 + 2 * F8) + axes  # vectors, centred, and the axes
    match decoder.method if decoder.method != "shuffled" else decoder.base:
        case "mean" | "prior_only":
            learning = n * v * F4 + 3.25 * images
        case "ridge_pixels":
            learning = ridge_peak(n, v, p)
        case "ridge_pca":
            learning = prior + axes + images + ridge_peak(n, v, round(components))
        case "nearest_training":
            width = spaces[decoder.features].pooled if decoder.features else round(components)
            learning = images + ridge_peak(n, v, width)
        case _:
            learning = prior + axes + images + n * v * (F4 + _LEFT_OUT * F8)
            learning += 4 * components * v * F8
            if decoder.method == "bayesian_mixture":  # as measured
                learning *= 2
    before = prior + axes if decoder.prior else 0
    return resident(NUMERIC, max(reading + before, learning, n * v * F4 + prior + latent))


def _feature_peak(decoder: FeatureDecoder, size: Size, space: Space, width: int) -> float:
    n, v = size.train, _voxels(decoder, size)
    layers = n * space.per_image * (F2 + F4) if decoder.tokens else 0
    learning = {
        "ridge_features": ridge_peak(n, v, width),
        "bayesian_features": n * v * (F4 + _LEFT_OUT * F8) + n * width * (F4 + 3 * F8),
    }
    method = decoder.base if decoder.method == "shuffled" else decoder.method
    trained = learning.get(method, n * v * F4)
    return resident(NUMERIC, max(averaged(size, n), n * v * F4 + layers, trained))


def _voxels(decoder: Decoder | FeatureDecoder, size: Size) -> int:
    return min(decoder.voxels or size.voxels, size.voxels)


def _image_flops(decoder: Decoder, size: Size) -> float:
    n, v = float(size.train), size.voxels
    match decoder.method if decoder.method != "shuffled" else decoder.base:
        case "mean" | "prior_only":
            return 0.0
        case "bayesian_linear" | "bayesian_mixture":
            z = _COMPONENTS * (size.prior if decoder.prior else n)
            once = 2 * _ALPHAS * n * z * v + 6 * n * n * v + 2 * z * z * (v + 7 * z)
            return (decoder.inner_folds + 1) * once
        case "ridge_pixels":
            return _flops(size, size.side**2 * 3)
    return _flops(size, round(n))


def _flops(size: Size, width: int) -> float:
    """Kernels, their decompositions in five folds, and predictions for every penalty."""
    n = float(size.train)
    return 4 * n * n * size.voxels + 6 * 9 * n**3 + 2 * _ALPHAS * n * n * width
