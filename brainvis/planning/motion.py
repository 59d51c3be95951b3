"""Stages on movies: simulated BOLD, flow, clips, encoding, films."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from brainvis.config import RunConfig
from brainvis.config.motion import Motion, Movie
from brainvis.planning.data import VOXEL_TABLE
from brainvis.planning.estimate import (
    F4,
    F8,
    LIGHT,
    MIB,
    NUMERIC,
    TORCH,
    Estimate,
    resident,
    stored,
    table,
)
from brainvis.planning.size import Size
from brainvis.planning.spaces import Space

_GRID, _FRAMES = 32, 3  # cells and frames of a flow field
_REST_SECONDS = 22.0  # before and after the clips of a segment
_BOLD_GZIP = 3.2  # bytes a voxel and volume, of int16
_BLOCK_BYTES = 1 << 28  # of BOLD held at a time
_TABLES = (9, 4, 8, 11, 1, 4, 11, 9, 8, 8, 8)  # of volumes and clips
_CLIP_GZIP, _FLOW_GZIP, _DECODED_GZIP = 0.45, 0.29, 0.63
_FILMS = 6 * MIB
_TARGET, _SCORED = 1e5, 2000  # bytes in memory of a clip's targets; on disk of a voxel's scores
_METRICS, _ROW = 18, 4.0  # scores of a clip by a method, and bytes a score
_PASSES = 60  # over the training clips that a learned decoder takes


def stages(config: RunConfig, size: Size, spaces: dict[str, Space]) -> Iterator[Estimate]:
    """Estimates of every rule on movies."""
    if config.motion is None:
        return
    motion, jobs = config.motion, size.subjects * len(config.splits)
    averaged, volumes = _volumes(motion.movie, size)
    yield from _bold(size, averaged, volumes)
    cells = _FRAMES * _GRID**2
    yield Estimate(
        "movie_targets",
        1,
        resident(LIGHT, size.images * _TARGET),
        stored(size.images, cells, 3, ratio=_FLOW_GZIP) + table(size.images, 11),
        flops=1e3 * size.images * size.frames * size.side**2,
    )
    yield _decoding(motion, size, jobs)
    frames = size.frames * size.side**2 * 3
    if config.animators:
        yield Estimate(
            "movie_animate",
            jobs * len(config.animators),
            resident(TORCH + 390, 16 * frames * F4 * 8),
            jobs * len(config.animators) * (size.test * frames * _CLIP_GZIP + table(size.test, 11)),
            flops=2e3 * jobs * len(config.animators) * size.test * frames,
        )
    if motion.encoding is not None:
        yield Estimate("movie_judge", 1, resident(LIGHT + 11), 14_300.0 * size.subjects)
        yield _encoding(motion, size, spaces, averaged)
    methods = len(motion.decoders) + len(config.animators)
    scores = methods * size.subjects * size.test * _METRICS
    yield Estimate(
        "movie_score",
        1,
        resident(TORCH + 730, size.test * frames * F4 * 3, scores * 60),
        scores * _ROW + 300 * _METRICS * methods * (size.subjects + 1),
        flops=2e7 * scores,
    )
    yield Estimate("movie_show", 1, resident(TORCH + 235), _FILMS, flops=2e10)


def _volumes(movie: Movie, size: Size) -> tuple[int, int]:
    """Volumes of all segments shown once, and of all passes."""
    step = movie.showings * 2.0 + movie.gap
    averaged = shown = 0
    for clips, passes in (
        (size.images - size.test, movie.repeats),
        (size.test, movie.test_repeats),
    ):
        segments = ceil(clips / movie.clips_per_segment)
        one = ceil((clips * step + segments * _REST_SECONDS) / movie.tr)
        averaged, shown = averaged + one, shown + one * passes
    return averaged, shown


def _bold(size: Size, averaged: int, volumes: int) -> Iterator[Estimate]:
    bold = volumes * size.voxels
    yield Estimate("movie_dataset", 1, resident(NUMERIC), 930)
    yield Estimate(
        "movie_simulate",
        size.subjects,
        resident(NUMERIC + 60, bold / 20 * F4),
        size.subjects * bold * _BOLD_GZIP,
        flops=size.subjects * 1e3 * bold,
    )
    responses = stored(averaged, size.voxels) + stored(size.images, size.voxels)
    responses += table(size.voxels, *VOXEL_TABLE) + table(averaged, *_TABLES)
    yield Estimate(
        "movie_responses",
        size.subjects,
        resident(NUMERIC + 45, min(bold * F4, _BLOCK_BYTES) * 8, 4 * averaged * size.voxels * F4),
        size.subjects * responses,
        flops=size.subjects * 1.2e3 * bold,
    )


def _decoding(motion: Motion, size: Size, jobs: int) -> Estimate:
    cells = _FRAMES * _GRID**2
    count = jobs * len(motion.decoders)
    return Estimate(
        "movie_decode",
        count,
        resident(TORCH + 190, 10 * size.images * (size.voxels * 5 * F4 + cells * 2 * F8)),
        count * (stored(size.test, cells, 2, ratio=_DECODED_GZIP) + table(size.test, 11)),
        flops=count * size.images * cells * 2e4 * _PASSES / 10,
    )


def _encoding(motion: Motion, size: Size, spaces: dict[str, Space], averaged: int) -> Estimate:
    assert motion.encoding is not None
    names = [motion.encoding.image, *motion.encoding.video]
    longest = max(spaces[name].pooled for name in names) * len(motion.encoding.delays)
    kernels = averaged**2 * F8 * (len(names) + 2)
    return Estimate(
        "movie_encode",
        size.subjects,
        resident(TORCH + 183, 1.44 * (averaged * (longest * 2 + size.voxels * 3) * F8 + kernels)),
        size.subjects * (table(size.voxels, *VOXEL_TABLE) + size.voxels * _SCORED),
        flops=size.subjects * motion.encoding.draws * 4.0 * averaged**2 * size.voxels,
    )
