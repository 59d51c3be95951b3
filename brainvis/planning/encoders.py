"""Encoding models, from the backbone to synthetic fMRI."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from brainvis.config import RunConfig
from brainvis.config.encoders import Encoders
from brainvis.planning.data import TRIAL_TABLE, VOXEL_TABLE, averaged
from brainvis.planning.estimate import (
    F2,
    F4,
    F8,
    NUMERIC,
    TORCH,
    Estimate,
    resident,
    stored,
    table,
)
from brainvis.planning.size import Size
from brainvis.planning.spaces import Space

TRAINING = 800  # MiB before data where torch learns: its optimisers bring libraries along
READING = 655
EMBEDDED = (2, 8, *[4] * 8)  # bytes of the columns that tell where an embedding belongs
_HELD = 4 << 30  # bytes of tokens kept in memory
_BACKBONE = 2048  # components
_RIDGE_BATCH = 2000
_PASS = 15  # copies of pooled channels while responses are predicted
_PRODUCTS = 24  # float64 copies of a batch of responses or of its products with the features
_PREDICTED = 512  # voxels, times 32 images


def stages(config: RunConfig, size: Size, spaces: dict[str, Space]) -> Iterator[Estimate]:
    """Estimates of every rule of encode.smk; none without encoders."""
    own = config.encoders
    if own is None:
        return
    backbone = [spaces[name] for name in own.backbone]
    width = min(_BACKBONE, size.train - 1)
    features = min(own.population.components, size.train - 1)
    models = len(own.contexts) + 1
    yield _backbone(size, backbone, width)
    yield _ridge(size, width, own.contexts)
    yield _universal(own, size, backbone, width)
    yield _new(own, size, backbone)
    yield _population(own, size, backbone, features)
    if size.prior:
        yield _synthetic(own, size, backbone)
    yield _score(own, size, backbone, models)


def _held(backbone: list[Space], images: int) -> float:
    """Tokens of all spaces, as they are stored; files too large for memory are read by batch."""
    found = 0.0
    for space in backbone:
        layers, tokens, width = space.shape
        whole = images * layers * tokens * width * (F2 if space.tokens else F4)
        found += whole if whole <= _HELD else 0
    return found


def _per_image(backbone: list[Space]) -> int:
    return sum(layers * tokens * width for layers, tokens, width in (s.shape for s in backbone))


def _layers(backbone: list[Space]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Tokens and widths of every layer."""
    shapes = [space.shape for space in backbone]
    tokens = tuple(count for layers, count, _ in shapes for _ in range(layers))
    return tokens, tuple(width for layers, _, width in shapes for _ in range(layers))


def _backbone(size: Size, backbone: list[Space], width: int) -> Estimate:
    known = size.train * _per_image(backbone) * F4
    kernel = size.train**2 * (F4 + 3 * F8)
    block = 256 * _per_image(backbone) * F4
    return Estimate(
        "encode_backbone",
        1,
        resident(
            TORCH, _held(backbone, size.images), max(3 * known, known + max(kernel, 2 * block))
        ),
        table(size.images, 11) + stored(size.images, width),
        flops=2.0 * size.images * size.train * _per_image(backbone) + 10.0 * size.train**3,
    )


def _ridge(size: Size, width: int, contexts: list[int]) -> Estimate:
    n, v = size.train, size.voxels
    batch = min(_RIDGE_BATCH, v)
    weights = width * v * F4
    fold = 6 * min(n, width) ** 2 * F4 * 2 + n * width * F8
    work = n * batch * F8 * _PRODUCTS
    fitting = 2 * n * v * F4 + weights + fold + work
    writing = n * v * F4 + 3 * weights
    sizes = [n, n, *(min(count, n) for count in contexts)]  # the first is shuffled
    flops = sum(6 * 9.0 * k**3 + 15.0 * k * k * v for k in sizes)
    return Estimate(
        "encode_ridge",
        size.subjects,
        resident(NUMERIC, max(averaged(size, n), fitting, writing)),
        size.subjects * len(sizes) * weights_disk(size, width),
        flops=size.subjects * flops,
    )


def weights_disk(size: Size, width: int) -> float:
    """An `EncodingWeights` file."""
    return stored(size.voxels, width + 1) + table(size.voxels, *VOXEL_TABLE)


def embeddings_disk(size: Size, subjects: int, width: int, copies: int = 1) -> float:
    """Voxel embeddings of some subjects; learned ones may lie beside those they started from."""
    voxels = subjects * size.voxels
    return copies * stored(voxels, width) + table(voxels, 4, 4, *EMBEDDED)


def universal_parameters(own: Encoders, backbone: list[Space]) -> tuple[int, int]:
    """Learned numbers of the network, and bytes of its file with what it only keeps."""
    import torch

    from brainvis.encoding.universal import Architecture, UniversalEncoder

    tokens, widths = _layers(backbone)
    given = own.universal
    with torch.device("meta"):
        network = UniversalEncoder(
            Architecture(tokens, widths, given.channels, given.size, attention=given.attention)
        )
    kept = sum(value.numel() for value in network.state_dict().values())
    return sum(value.numel() for value in network.parameters()), kept * F4


def _pass(own: Encoders, backbone: list[Space], images: int, voxels: int) -> float:
    """Forward arrays of a pass of the universal encoder over images and voxels, one layer."""
    tokens, widths = _layers(backbone)
    channels = own.universal.channels
    standardised = max(t * w for t, w in zip(tokens, widths, strict=True)) * images * F4
    return voxels * images * channels * F4 * _PASS + 2 * standardised + voxels * max(tokens) * F4


def _step(own: Encoders, size: Size, backbone: list[Space]) -> float:
    """What a training step keeps for its gradient: pooled channels and weights of every layer."""
    given = own.universal
    tokens, widths = _layers(backbone)
    images, voxels = min(given.batch, size.train), min(given.voxels, size.voxels)
    pooled = voxels * images * given.channels * F4
    kept = sum(
        6.25 * pooled + 2 * voxels * t * F4 + 3 * images * t * w * F4
        for t, w in zip(tokens, widths, strict=True)
    )
    return kept + 3 * pooled


def _learning(own: Encoders, size: Size, backbone: list[Space], subjects: int) -> float:
    """Responses of all subjects, embeddings with their optimiser and best epoch, and a step."""
    responses = subjects * size.train * size.voxels * F4
    tables = 6 * subjects * size.voxels * own.universal.size * F4
    return responses + tables + _step(own, size, backbone)


def _flops(own: Encoders, backbone: list[Space], images: float, voxels: float) -> float:
    tokens, widths = _layers(backbone)
    given = own.universal
    per_pair = sum(2 * t * given.channels + 4 * given.channels**2 for t in tokens)
    per_image = sum(2 * t * w * given.channels for t, w in zip(tokens, widths, strict=True))
    return images * (voxels * per_pair + per_image)


def _universal(own: Encoders, size: Size, backbone: list[Space], width: int) -> Estimate:
    given, subjects = own.universal, size.trained
    learned, stored_bytes = universal_parameters(own, backbone)
    loading = (subjects - 1) * size.train * size.voxels * F4 + averaged(size, size.train)
    start = subjects * size.voxels * width * (F4 + F8)  # ridge weights and their components
    responses = subjects * size.train * size.voxels * F4
    held = _held(backbone, size.images)
    steps = given.epochs * subjects * ceil(size.train / given.batch)
    peak = max(loading, responses + start, _learning(own, size, backbone, subjects))
    flops = 3 * _flops(own, backbone, steps * given.batch, min(given.voxels, size.voxels))
    return Estimate(
        "encode_universal",
        1,
        resident(TRAINING, held, peak),
        stored_bytes + embeddings_disk(size, subjects, given.size),
        learned + subjects * size.voxels * given.size,
        steps,
        flops,
    )


def _new(own: Encoders, size: Size, backbone: list[Space]) -> Estimate:
    given = own.universal
    steps = own.adapted.epochs * ceil((own.adapted.images or size.train) / given.batch)
    reading = averaged(size, size.train)
    flops = 3 * _flops(own, backbone, steps * given.batch, min(given.voxels, size.voxels))
    return Estimate(
        "encode_new",
        size.new,
        resident(
            TRAINING,
            _held(backbone, size.images),
            max(reading, _learning(own, size, backbone, 1) + size.train * size.voxels * F4),
        ),
        size.new * embeddings_disk(size, 1, given.size),
        size.voxels * given.size,
        size.new * steps,
        size.new * flops,
    )


def _population(own: Encoders, size: Size, backbone: list[Space], features: int) -> Estimate:
    known = min(own.population.voxels // size.trained, size.voxels) * size.trained
    answers = size.train * known * F4
    return Estimate(
        "encode_population",
        1,
        resident(
            READING,
            _held(backbone, size.images),
            _pass(own, backbone, 32, _PREDICTED) + 8 * answers,
        ),
        stored(known, features)
        + table(known, 2, 8)
        + table(size.images, 11)
        + stored(size.images, features),
        flops=_flops(own, backbone, 2.0 * size.images, known),
    )


def _synthetic(own: Encoders, size: Size, backbone: list[Space]) -> Estimate:
    still = [space for space in backbone if space.kind != "motion-energy"]
    betas = stored(size.prior, size.voxels, bytes_each=F2)
    disk = betas + table(size.prior, *TRIAL_TABLE[:3]) + table(size.voxels, *VOXEL_TABLE)
    batch = 32 * size.voxels * F4 * 3
    return Estimate(
        "encode_synthetic",
        size.subjects,
        resident(READING, _held(still, size.prior), _pass(own, backbone, 32, _PREDICTED) + batch),
        size.subjects * disk,
        flops=size.subjects * _flops(own, backbone, size.prior, size.voxels),
    )


def _score(own: Encoders, size: Size, backbone: list[Space], models: int) -> Estimate:
    predictions = (3 * models + 4) * size.test * size.voxels * F4
    rows = table(size.voxels, *VOXEL_TABLE, *([4] * 5))
    return Estimate(
        "encode_score",
        size.subjects,
        resident(
            READING,
            _held(backbone, size.images),
            max(averaged(size, size.test), predictions + 8 * size.test * size.voxels * F8),
        ),
        size.subjects * (rows + 20_000),
        flops=size.subjects * _flops(own, backbone, size.test, size.voxels),
    )
