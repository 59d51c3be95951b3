"""`brainvis plan`: what a run will take, told before anything runs."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from brainvis import config as configuration

if TYPE_CHECKING:
    from brainvis.planning.estimate import Estimate
    from brainvis.planning.size import Size


def plan(
    config: Annotated[Path, typer.Option(help="The run's configuration (YAML).", metavar="YAML")],
    subjects: Annotated[int | None, typer.Option(help="Subjects, instead of those named.")] = None,
    voxels: Annotated[int | None, typer.Option(help="Voxels of a subject.")] = None,
    images: Annotated[int | None, typer.Option(help="Images of the data set.")] = None,
    trials: Annotated[int | None, typer.Option(help="Trials of a subject.")] = None,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Time a matrix product here to scale the times.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Tell jobs, parameters, peak memory, disk, steps and time of every stage; runs nothing."""
    from brainvis.planning.plan import PRODUCT, measured_product, plan, seconds
    from brainvis.planning.size import size_of

    run = configuration.load(config)
    size = size_of(run, subjects=subjects, voxels=voxels, images=images, trials=trials)
    found = plan(run, size)
    product = measured_product() if calibrate else PRODUCT
    rows = [{**asdict(one), "seconds": seconds(one, product)} for one in found]
    totals = {
        "jobs": sum(one.jobs for one in found),
        "memory": max(one.memory for one in found),
        "disk": sum(one.disk for one in found),
        "steps": sum(one.steps for one in found),
        "seconds": sum(row["seconds"] for row in rows),
    }
    if as_json:
        content = {"run": run.run, "size": asdict(size), "rules": rows, "total": totals}
        typer.echo(json.dumps(content, indent=2))
        return
    _print(run.run, size, found, [row["seconds"] for row in rows], totals)
    whose = "this machine" if calibrate else "the machine of docs/results/plan.md"
    typer.echo(
        "Memory: of the largest job. Steps: at most. Time: its order, one job after the other on "
        f"one core of {whose}."
    )


def _print(
    run: str, size: Size, found: list[Estimate], times: list[float], totals: dict[str, float]
) -> None:
    right = [
        Column(name, justify="right")
        for name in ("jobs", "parameters", "memory", "disk", "steps", "time")
    ]
    table = Table("rule", *right, title=_title(run, size))
    for one, time in zip(found, times, strict=True):
        table.add_row(
            one.rule, str(one.jobs), f"{one.parameters:,}" if one.parameters else "",
            _bytes(one.memory), _bytes(one.disk), f"{one.steps:,}" if one.steps else "",
            _duration(time),
        )  # fmt: skip
    table.add_section()
    table.add_row(
        "total", f"{totals['jobs']:.0f}", "", _bytes(totals["memory"]), _bytes(totals["disk"]),
        f"{totals['steps']:,.0f}", _duration(totals["seconds"]),
    )  # fmt: skip
    Console(width=None if Console().is_terminal else 110, highlight=False).print(table)


def _title(run: str, size: Size) -> str:
    return (
        f"{run}: {size.subjects} subjects, each {size.voxels:,} voxels x {size.trials:,} trials; "
        f"{size.images:,} images, {size.test:,} of them test stimuli"
    )


def _bytes(count: float) -> str:
    for unit, scale in (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count / 2**10:.0f} KiB"


def _duration(seconds: float) -> str:
    for unit, scale in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * scale:
            return f"{seconds / scale:.1f} {unit}"
    return f"{seconds:.0f} s"
