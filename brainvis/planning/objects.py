"""Stages on 3D objects that the report reads: latents, decoding, disordered regions, scores."""

from __future__ import annotations

from collections.abc import Iterator

from brainvis.config import RunConfig
from brainvis.planning.estimate import F8, MIB, TORCH, Estimate, resident, stored
from brainvis.planning.size import Size

_LATENT = 192  # numbers of a shape
_GRID = 64**3 + 4 * 32**3  # bytes of the grids of a shape
_MESH = 0.12 * MIB  # of an object in its file
_DRAW = 1.5e9  # operations of one object, its surface included, at the speed of matrix products
_VIEWS = 4
_METRICS, _ROW = 22, 4.0  # scores of an object by a method, and bytes a score


def stages(config: RunConfig, size: Size) -> Iterator[Estimate]:
    """Estimates of every rule on 3D objects."""
    if config.objects is None:
        return
    jobs, methods = size.subjects * len(config.splits), len(config.objects.methods)
    if config.objects.needs_latents:
        yield Estimate(
            "objects_latents",
            1,
            resident(TORCH + 490, size.images * _GRID * 1.5),
            stored(size.images, _LATENT),
            flops=2e9 * size.images,
        )
    made = methods * size.test
    yield Estimate(
        "objects_decode",
        jobs,
        resident(TORCH + 150, made * _MESH * 2),
        jobs * made * _MESH,
        flops=jobs * made * _DRAW,
    )
    if config.objects.lesions is not None:
        lesions = config.objects.lesions
        # all regions, the smaller ones' share of the reference, nothing
        seen = min(lesions.objects, size.test) * 2 * len(lesions.regions)
        yield Estimate(
            "objects_diagnose",
            jobs,
            resident(TORCH + 355, size.train * size.voxels * F8 * 4, seen * _MESH * 5.2),
            jobs * 60 * (len(lesions.regions) + 1) ** 2,
            flops=jobs * (seen * 2 * _DRAW + size.train * _VIEWS * 1e8),
        )
    scores = jobs * made * _METRICS
    yield Estimate(
        "objects_score",
        1,
        resident(TORCH + 405, scores * 60, size.test * 4.7 * MIB),
        scores * _ROW + 430 * _METRICS * methods * (size.subjects + 1),
        flops=3e8 * scores,
    )
