"""The plan of a run: every rule that its configuration asks for, in the order of the workflow."""

from __future__ import annotations

import time

from brainvis.config import RunConfig
from brainvis.planning import (
    data,
    decoders,
    encoders,
    evaluation,
    features,
    few,
    in_context,
    joint,
    motion,
    networks,
    objects,
)
from brainvis.planning.estimate import Estimate
from brainvis.planning.size import Size
from brainvis.planning.spaces import spaces_of

STARTING = 5.0  # seconds in which a job imports its libraries
# Share of the speed of a large matrix product that stages reach as a whole, and that speed on one
# core of the machine that docs/results/plan.md was measured on, floating-point operations a second.
SHARE, PRODUCT = 0.11, 8e10


def plan(config: RunConfig, size: Size) -> list[Estimate]:
    """Estimates of all rules.

    Parameters
    ----------
    config : RunConfig
    size : Size

    Raises
    ------
    BrainvisError
        A feature space or generator whose shape cannot be known here.
    """
    spaces = spaces_of(config)
    found = [
        *data.stages(config, size),
        *features.stages(config, size, spaces),
        *decoders.stages(config, size, spaces),
        *encoders.stages(config, size, spaces),
        *in_context.stages(config, size, spaces),
        *networks.clusters(config, size),
        *networks.interaction(config, size, spaces),
        *joint.stages(config, size, spaces),
        *networks.generation(config, size, spaces),
        *few.stages(config, size, spaces),
        *motion.stages(config, size, spaces),
        *objects.stages(config, size),
        *evaluation.stages(config, size, spaces),
    ]
    return merged([one for one in found if one.jobs])


def merged(found: list[Estimate]) -> list[Estimate]:
    """One estimate per rule: jobs, disk, steps and operations add up, memory is the largest."""
    rules: dict[str, list[Estimate]] = {}
    for one in found:
        rules.setdefault(one.rule, []).append(one)
    return [
        Estimate(
            rule,
            sum(one.jobs for one in parts),
            max(one.memory for one in parts),
            sum(one.disk for one in parts),
            max(one.parameters for one in parts),
            sum(one.steps for one in parts),
            sum(one.flops for one in parts),
        )
        for rule, parts in rules.items()
    ]


def seconds(one: Estimate, product: float = PRODUCT) -> float:
    """Time of all jobs of a rule, one after the other on one core.

    Parameters
    ----------
    one : Estimate
    product : float
        Floating-point operations a second in a large matrix product; see `measured_product`.
    """
    return one.jobs * STARTING + one.flops / (SHARE * product)


def measured_product(side: int = 1024, repeats: int = 3) -> float:
    """Speed of a float32 matrix product on one core of this machine, operations a second."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        values = torch.ones(side, side)
        times = []
        for _ in range(repeats + 1):  # the first one warms up
            start = time.perf_counter()
            torch.mm(values, values)
            times.append(time.perf_counter() - start)
    finally:
        torch.set_num_threads(threads)
    return 2 * side**3 / min(times[1:])
