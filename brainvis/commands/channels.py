"""Stimulus channels that the simulated voxels mix."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage


def channels(
    config: ConfigOption,
    stimuli: Annotated[Path, typer.Option(help="Stimuli file.")],
    out: Annotated[Path, typer.Option(help="Channels file, part of the ground truth (HDF5).")],
    log: LogOption = None,
) -> None:
    """Compute Gabor, colour, motion, shape and semantic channels of the stimuli, once for all."""
    values = read_settings(config)

    def work(made: dict[str, Path]) -> None:
        from brainvis.simulate.channels import write_channels

        write_channels(stimuli, made["channels"])

    run_stage(
        "channels",
        work,
        inputs={"stimuli": stimuli},
        outputs={"channels": out},
        values=values,
        log=log,
    )
