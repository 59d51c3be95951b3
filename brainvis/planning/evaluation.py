"""Scores and the page."""

from __future__ import annotations

from collections.abc import Iterator

from brainvis.config import RunConfig
from brainvis.planning.estimate import F2, F4, F8, MIB, NUMERIC, Estimate, resident
from brainvis.planning.size import Size
from brainvis.planning.spaces import Space

_ROW = 3.2  # bytes a score in Parquet, repeated text being packed
_SUMMARY = 280  # bytes a row
_PIXEL_METRICS, _SPACE_METRICS, _TWIN_METRICS = 9, 6, 8
_NETWORKS, _ACTIVATIONS = 735, 2.3 * MIB  # of the twins: MiB before data, bytes a test image
_FIGURES, _GRID = 0.75 * MIB, 0.2 * MIB  # pictures of a run; of a subject's rows of a method
_PAGE = 2.44  # pictures, and again in the page that holds them


def stages(config: RunConfig, size: Size, spaces: dict[str, Space]) -> Iterator[Estimate]:
    """Metrics or classification, and the report."""
    if size.images == 1:
        yield Estimate("classify", 1, resident(NUMERIC, size.trials * size.voxels * 3 * F8), 5000)
    else:
        yield _metrics(config, size, spaces)
        if config.vector_methods:
            rows = 280 * len(config.vector_methods) * size.subjects
            yield Estimate("retrieval", 1, resident(NUMERIC, _vectors(config, size, spaces)), rows)
    if config.evaluate.compare:
        rows = 170.0 * sum(
            len(one.against) * (_per_method(config) if one.method in config.image_methods else 6)
            for one in config.evaluate.compare
        )
        held = 700 * _per_image(config, size) * size.subjects * size.test * len(config.splits)
        yield Estimate("compare", 1, resident(NUMERIC + 25, held), rows)
    figures = _FIGURES + _GRID * size.subjects * len(config.image_methods)
    page = _PAGE * figures
    yield Estimate("report", 1, resident(NUMERIC + 150, 22 * page), page, flops=2e4 * figures)


def _vectors(config: RunConfig, size: Size, spaces: dict[str, Space]) -> float:
    """True and decoded vectors of the longest space, and their copies in float64."""
    read = [*config.evaluate.features, *config.decoded_spaces.values()]
    largest = max((spaces[name].pooled for name in read), default=0)
    return size.test * largest * (3 * F4 + 4 * F8) + size.images * largest * F4


def _per_method(config: RunConfig) -> int:
    """Scores of an image by a method."""
    twins = _TWIN_METRICS if config.evaluate.visual else 0
    return _PIXEL_METRICS + _SPACE_METRICS * len(config.evaluate.features) + twins


def _per_image(config: RunConfig, size: Size) -> int:
    """Scores of an image by all methods."""
    count = len(config.image_methods) * _per_method(config)
    count += _SPACE_METRICS * len(config.feature_decoders)
    count += 2 * _SPACE_METRICS * sum(len(one.spaces) for one in config.brain_models.values())
    if config.encoders and config.encoders.prompt_space:
        count += _SPACE_METRICS * (len(config.encoders.contexts) + 1) * size.new // size.subjects
    return count


def _metrics(config: RunConfig, size: Size, spaces: dict[str, Space]) -> Estimate:
    """Images of a file, seen and made, in float64 while SSIM is permuted; tables of scores."""
    per_image = _per_image(config, size)
    scores = per_image * size.subjects * size.test * len(config.splits)
    rows = per_image * (size.subjects + 1) * len(config.splits)
    pixels = size.side**2 * 3
    pictures = size.test * pixels * (4 * F4 + 4 * F8)
    vectors = _vectors(config, size, spaces)
    pairs = 6.0 * size.test**2 * F8
    tables = scores * 60
    networks = _NETWORKS * MIB + size.test * _ACTIVATIONS if config.evaluate.visual else 0
    return Estimate(
        "metrics",
        1,
        resident(NUMERIC + 5, max(pictures, vectors) + pairs, tables, networks),
        scores * _ROW + rows * _SUMMARY + F2,
        flops=2e6 * scores + 40.0 * rows * config.evaluate.bootstrap * size.test,
    )
