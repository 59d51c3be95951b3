"""Render the procedural stimulus world: images, clips, exact flow, meshes, captions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage

KEYS = ("dataset.stimuli",)


def stimuli(
    config: ConfigOption,
    out: Annotated[Path, typer.Option(help="Stimuli file of what subjects see (HDF5).")],
    meshes: Annotated[Path, typer.Option(help="Folder of one PLY mesh per stimulus.")],
    workers: Annotated[int, typer.Option(help="Processes that render side by side.")] = 2,
    log: LogOption = None,
) -> None:
    """Render the stimuli that simulated subjects see; equal seeds give equal bytes."""
    values = read_settings(config, *KEYS)

    def work(made: dict[str, Path]) -> None:
        from brainvis.stimuli.world import write_world

        world = {k: v for k, v in values["settings"]["dataset.stimuli"].items() if k != "prior"}
        write_world(
            made["stimuli"], meshes=made["meshes"], seed=values["seed"], workers=workers, **world
        )

    outputs = {"stimuli": out, "meshes": meshes}
    run_stage("stimuli", work, inputs={}, outputs=outputs, values=values, log=log)
