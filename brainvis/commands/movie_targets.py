"""Optical flow of clips on a coarse grid."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis import config as configuration
from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage

WEIGHTS = "raft.safetensors"


def movie_targets(
    config: ConfigOption,
    stimuli: Annotated[Path, typer.Option(help="Stimuli file with clips.")],
    out: Annotated[Path, typer.Option(help="Flow targets (HDF5).")],
    log: LogOption = None,
) -> None:
    """Write the flow of every clip: exact in the simulated world, estimated for real films."""
    key = "motion.targets"
    values = read_settings(config, key)
    own = dict(values["settings"][key])
    folder = own.pop("weights", None)
    weights = None if folder is None else configuration.find_checkpoint(folder) / WEIGHTS

    def work(made: dict[str, Path]) -> None:
        from brainvis.motion.targets import make_targets

        make_targets(stimuli, made["targets"], weights=weights, **own)

    run_stage(
        "movie_targets",
        work,
        inputs={"stimuli": stimuli, "weights": weights},
        outputs={"targets": out},
        values=values,
        log=log,
    )
