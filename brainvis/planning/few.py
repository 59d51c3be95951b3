"""New subjects from few trials, and predicted responses to reconstructions."""

from __future__ import annotations

from collections.abc import Iterator

from brainvis.config import RunConfig
from brainvis.planning.data import VOXEL_TABLE, averaged, betas_disk
from brainvis.planning.decoders import decoded_disk, ridge_peak
from brainvis.planning.encoders import READING, embeddings_disk
from brainvis.planning.estimate import (
    F2,
    F4,
    F8,
    LIGHT,
    NUMERIC,
    TORCH,
    Estimate,
    resident,
    stored,
    table,
)
from brainvis.planning.size import Size
from brainvis.planning.spaces import Space

_GAUGE = 64  # coordinates of the functional gauge
_BLOCK = 1000  # new voxels compared with all known ones at a time
_TRIAL = (11, 8, 8)  # bytes of the columns of a table of predicted trials


def stages(config: RunConfig, size: Size, spaces: dict[str, Space]) -> Iterator[Estimate]:
    """Estimates of few.smk and of brain correlation."""
    if config.few_trials.shares:
        yield from _few(config, size, spaces)
    own = config.encoders
    if own is None or not config.image_methods:
        return
    if not any(config.features[name].kind != "motion-energy" for name in own.backbone):
        return
    file = stored(size.test, size.voxels, bytes_each=F2) + table(size.test, *_TRIAL)
    file += table(size.voxels, *VOXEL_TABLE)
    seen = stored(size.images, size.voxels, bytes_each=F2) + table(size.images, *_TRIAL)
    methods = len(config.image_methods)
    predicted = size.images * size.voxels * F4 * 3
    yield Estimate(
        "encode_predict",
        size.subjects,
        resident(READING, predicted),
        size.subjects * (methods * file + seen),
        flops=size.subjects * 1e5 * size.voxels * (methods * size.test + size.images),
    )
    responses = averaged(size, size.train) + 4 * size.test * size.voxels * F8
    yield Estimate(
        "brain",
        1,
        resident(NUMERIC, responses),
        3300.0 * methods * size.subjects + 37.0 * methods * size.subjects * size.test,
        flops=1e6 * methods * size.subjects * size.test,
    )


def _few(config: RunConfig, size: Size, spaces: dict[str, Space]) -> Iterator[Estimate]:
    space, count = spaces[config.few_space], len(config.few_trials.shares)
    jobs = size.new * count
    kept = [
        size.test * size.trials // size.seen + size.trials // n for n in config.few_trials.shares
    ]
    betas = betas_disk(size) / size.trials
    yield Estimate(
        "few_responses",
        jobs,
        resident(LIGHT, 3.0 * max(kept) * size.voxels * F8),
        size.new * betas * sum(kept),
    )
    known = size.trained * size.voxels
    compared = (0.8 * min(_BLOCK, size.voxels) + 0.6 * size.train) * known * F8
    yield Estimate(
        "few_transfer",
        jobs,
        resident(TORCH + 160, compared),
        jobs * embeddings_disk(size, 1, _GAUGE),
        flops=jobs * 4.0 * size.voxels * known * _GAUGE,
    )
    yield Estimate(
        "few_decode",
        jobs,
        resident(TORCH + 50, averaged(size, size.test)),
        2 * jobs * decoded_disk(space, size.test, True),
    )
    ridge = config.feature_decoders[config.few_ridge]
    width = space.pooled + (space.tokens * space.width if ridge.tokens else 0)
    yield Estimate(
        "few_ridge",
        jobs,
        resident(
            NUMERIC, ridge_peak(size.train // min(config.few_trials.shares), size.voxels, width)
        ),
        jobs * decoded_disk(space, size.test, ridge.tokens),
    )
    yield Estimate(
        "few_score", 1, resident(NUMERIC, size.test * space.pooled * 4 * F8), 640.0 * jobs
    )
