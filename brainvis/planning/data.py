"""Stages from stimuli and BOLD to normalised responses."""

from __future__ import annotations

from collections.abc import Iterator

from brainvis.config import RunConfig
from brainvis.planning.estimate import (
    F2,
    F4,
    F8,
    LIGHT,
    MIB,
    NUMERIC,
    Estimate,
    resident,
    stored,
    table,
)
from brainvis.planning.size import Size

BLOCK = 2000  # voxels normalised at a time
_BOLD_BYTES = 1 << 28  # of BOLD held at a time by the GLM
_HRFS = 20
TRIAL_TABLE = (11, 9, 8, 8, 8, 8, 8)  # bytes of the columns of trials, and of voxels
VOXEL_TABLE = (4, 4, 4, 4, 4, 4, 4, 4, 4, 4)
_STIMULUS_TABLE = (11, 11, 11, 40, *[8] * 20)
# What gzip leaves of rendered images, clips, exact flow and masks; of meshes, bytes a stimulus.
_IMAGES, _CLIPS, _FLOW, _MASK, _MESH = 0.55, 0.5, 0.06, 0.01, 45_000
_PHOTOGRAPH = 0.9
RENDERED = 6e9  # operations that a rendered clip with its flow is worth
_BOLD_GZIP = 1.8  # bytes a voxel and volume, of int16


def stages(config: RunConfig, size: Size) -> Iterator[Estimate]:
    """Estimates of every rule up to responses."""
    match config.dataset.name:
        case "simulated":
            yield from _world(config, size)
        case "nsd":
            yield _nsd_stimuli(size)
            yield _nsd_betas(size)
        case "vangerven_digits":
            yield Estimate(
                "vangerven_digits", 1, resident(LIGHT + 60), _images(size, 1.0) + betas_disk(size)
            )
    if size.volumes:
        yield _betas(size)
    if size.images > 1:
        yield Estimate("splits", 1, resident(LIGHT), 19.5 * size.images * len(config.splits))
        rule = "nsd_responses" if config.dataset.name == "nsd" else "normalise_responses"
        yield _normalised(rule, size)


def betas_disk(size: Size, bytes_each: int = F4) -> float:
    """A `Responses` file of one subject."""
    betas = stored(size.trials, size.voxels, bytes_each=bytes_each)
    return betas + table(size.trials, *TRIAL_TABLE) + table(size.voxels, *VOXEL_TABLE)


def averaged(size: Size, ids: int) -> float:
    """Peak while responses are averaged over repeats: all trials, those wanted, their sums."""
    share = min(1.0, ids / size.seen)
    trials = size.trials * size.voxels * F4
    return trials * (1 + share) + ids * size.voxels * F8


def _images(size: Size, ratio: float) -> float:
    return stored(size.images, size.side, size.side, 3, bytes_each=1, ratio=ratio)


def _world(config: RunConfig, size: Size) -> Iterator[Estimate]:
    pixels, frames = size.side**2, size.frames
    clips = size.images * frames * pixels
    disk = size.images * pixels * 3 * _IMAGES + clips * (3 * _CLIPS + 2 * F2 * _FLOW + _MASK)
    disk += table(size.images, *_STIMULUS_TABLE) + size.images * _MESH
    rendering = 280  # the renderer, its scenes and the largest mesh
    flops = RENDERED * size.images
    yield Estimate("stimuli", 1, resident(rendering), disk, flops=flops)
    if size.prior:
        unseen = size.prior * pixels * 3 * _IMAGES + table(size.prior, *_STIMULUS_TABLE)
        yield Estimate("prior", 1, resident(rendering), unseen, flops=RENDERED / 4 * size.prior)
    film = size.images * frames * pixels * 3
    yield Estimate(
        "channels",
        1,
        resident(LIGHT + 30, min(film * 2.6, 200 * MIB)),
        29_500.0 * size.images,
        flops=4e8 * size.images,
    )
    yield Estimate("bids_dataset", 1, resident(NUMERIC), 5_400.0 * size.images)
    bold = size.volumes * size.voxels
    truth = stored(size.images, size.voxels) + table(size.voxels, *VOXEL_TABLE)
    yield Estimate(
        "simulate",
        size.subjects,
        resident(NUMERIC, min(bold * F4 * 2, 160 * MIB)),
        size.subjects * (bold * _BOLD_GZIP * 2 + truth),
        flops=size.subjects * 1e3 * bold,
    )
    yield Estimate(
        "truth",
        1,
        resident(NUMERIC + 45, bold * F4 * 3),
        70 + 34 * size.subjects,
        flops=5e10 * size.subjects,
    )


def _betas(size: Size) -> Estimate:
    """A block of voxels of all volumes, and its copies while HRFs are compared."""
    step = max(1, min(BLOCK, _BOLD_BYTES // (F4 * size.volumes), size.voxels))
    held = step * (size.volumes * F4 + size.trials * F8) * 2
    projections = size.volumes * size.trials * F8
    return Estimate(
        "estimate_betas",
        size.subjects,
        resident(NUMERIC + 45, held, projections),
        size.subjects * betas_disk(size),
        flops=size.subjects * 2.0 * _HRFS * size.volumes * size.trials * size.voxels,
    )


def _normalised(rule: str, size: Size) -> Estimate:
    """A block of voxels: betas, their z-scores, and float64 copies while reliability is taken."""
    block = min(BLOCK, size.voxels) * size.trials
    return Estimate(
        rule,
        size.subjects,
        resident(LIGHT, block * (2 * F4 + 3 * F8)),
        size.subjects * betas_disk(size),
        flops=size.subjects * 500.0 * size.trials * size.voxels,
    )


def _nsd_stimuli(size: Size) -> Estimate:
    disk = _images(size, _PHOTOGRAPH) + table(size.images, 11, 1, 8, 1)
    return Estimate("nsd_stimuli", 1, resident(LIGHT, 8 * MIB), disk, flops=2e7 * size.images)


def _nsd_betas(size: Size) -> Estimate:
    session = 750 * size.voxels * F4
    return Estimate(
        "nsd_betas",
        size.subjects,
        resident(LIGHT, 2 * session, 100 * MIB),
        size.subjects * betas_disk(size),
        flops=size.subjects * 100.0 * size.trials * size.voxels,
    )
