"""Scores and the page."""

from __future__ import annotations

from collections.abc import Iterator

from brainvis.config import RunConfig
from brainvis.planning.estimate import F2, F4, F8, MIB, NUMERIC, Estimate, resident
from brainvis.planning.size import Size
from brainvis.planning.spaces import Space

_ROW = 3.2  # bytes a score in Parquet, repeated text being packed
_SUMMARY = 280  # bytes a row
_PIXEL_METRICS, _SPACE_METRICS = 9, 6
_FIGURES, _GRID = 0.75 * MIB, 0.2 * MIB  # pictures of a run; of a subject's rows of a method
_PAGE = 2.44  # pictures, and again in the page that holds them


def stages(config: RunConfig, size: Size, spaces: dict[str, Space]) -> Iterator[Estimate]:
    """Metrics or classification, and the report."""
    if size.images == 1:
        yield Estimate("classify", 1, resident(NUMERIC, size.trials * size.voxels * 3 * F8), 5000)
    else:
        yield _metrics(config, size, spaces)
        if config.vector_methods:
            rows = 40 * len(config.vector_methods) * size.subjects
            yield Estimate("retrieval", 1, resident(NUMERIC, _vectors(config, size, spaces)), rows)
    if config.evaluate.compare:
        yield Estimate("compare", 1, resident(NUMERIC + 10), 2000)
    figures = _FIGURES + _GRID * size.subjects * len(config.image_methods)
    yield Estimate("report", 1, resident(NUMERIC + 200), _PAGE * figures, flops=2e4 * figures)


def _vectors(config: RunConfig, size: Size, spaces: dict[str, Space]) -> float:
    """True and decoded vectors of the longest space, and their copies in float64."""
    read = [*config.evaluate.features, *config.decoded_spaces.values()]
    largest = max((spaces[name].pooled for name in read), default=0)
    return size.test * largest * (3 * F4 + 4 * F8) + size.images * largest * F4


def _metrics(config: RunConfig, size: Size, spaces: dict[str, Space]) -> Estimate:
    """Images of a file, seen and made, in float64 while SSIM is permuted; tables of scores."""
    methods = len(config.image_methods)
    read = [*config.evaluate.features]
    per_image = methods * (_PIXEL_METRICS + _SPACE_METRICS * len(read))
    per_image += _SPACE_METRICS * len(config.feature_decoders)
    per_image += 2 * _SPACE_METRICS * sum(len(one.spaces) for one in config.brain_models.values())
    if config.encoders and config.encoders.prompt_space:
        per_image += (
            _SPACE_METRICS * (len(config.encoders.contexts) + 1) * size.new // size.subjects
        )
    scores = per_image * size.subjects * size.test * len(config.splits)
    rows = per_image * (size.subjects + 1) * len(config.splits)
    pixels = size.side**2 * 3
    pictures = size.test * pixels * (4 * F4 + 4 * F8)
    vectors = _vectors(config, size, spaces)
    pairs = 6.0 * size.test**2 * F8
    tables = scores * 60
    return Estimate(
        "metrics",
        1,
        resident(NUMERIC + 5, max(pictures, vectors) + pairs, tables),
        scores * _ROW + rows * _SUMMARY + F2,
        flops=2e6 * scores + 40.0 * rows * config.evaluate.bootstrap * size.test,
    )
