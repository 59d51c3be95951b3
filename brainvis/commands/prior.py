"""Render images that no subject sees."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage

KEYS = ("dataset.stimuli",)


def prior(
    config: ConfigOption,
    out: Annotated[Path, typer.Option(help="Stimuli file of unseen images (HDF5).")],
    workers: Annotated[int, typer.Option(help="Processes that render side by side.")] = 2,
    log: LogOption = None,
) -> None:
    """Render images of the same world that no subject sees, for priors and generative models."""
    values = read_settings(config, *KEYS)

    def work(made: dict[str, Path]) -> None:
        from brainvis.stimuli.world import write_world

        world = values["settings"]["dataset.stimuli"]
        write_world(
            made["prior"],
            count=world["prior"],
            size=world["size"],
            namespace="pool",
            clips=False,
            seed=values["seed"],
            workers=workers,
        )

    run_stage("prior", work, inputs={}, outputs={"prior": out}, values=values, log=log)
