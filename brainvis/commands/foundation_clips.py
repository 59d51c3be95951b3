"""Render clips that no subject sees, for the small video models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage

KEYS = ("dataset.stimuli",)


def foundation_clips(
    config: ConfigOption,
    out: Annotated[Path, typer.Option(help="Stimuli file of unseen clips (HDF5).")],
    count: Annotated[int, typer.Option(min=1, help="Clips.")] = 300,
    workers: Annotated[int, typer.Option(help="Processes that render side by side.")] = 2,
    log: LogOption = None,
) -> None:
    """Render clips of the same world that no subject sees, with their exact flow."""
    values = read_settings(config, *KEYS)

    def work(made: dict[str, Path]) -> None:
        from brainvis.stimuli.world import write_world

        write_world(
            made["clips"],
            count=count,
            size=values["settings"]["dataset.stimuli"]["size"],
            namespace="film",
            seed=values["seed"],
            workers=workers,
        )

    run_stage(
        "foundation_clips",
        work,
        inputs={},
        outputs={"clips": out},
        values=values,
        log=log,
        count=count,
    )
