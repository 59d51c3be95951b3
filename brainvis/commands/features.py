"""Features of the stimuli in one feature space."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import (
    ConfigOption,
    LogOption,
    feature_settings,
    read_settings,
    run_stage,
)


def features(
    config: ConfigOption,
    stimuli: Annotated[Path, typer.Option(help="Stimuli file.")],
    space: Annotated[str, typer.Option(help="Name of the feature space in the configuration.")],
    out: Annotated[Path, typer.Option(help="Features file (HDF5).")],
    log: LogOption = None,
) -> None:
    """Compute features of every stimulus in one feature space."""
    key = f"features.{space}"
    values = read_settings(config, key)
    settings, checkpoint = feature_settings(values["settings"][key])

    def work(made: dict[str, Path]) -> None:
        from brainvis.features.stage import write_features

        write_features(stimuli, made["features"], space=space, **settings)

    run_stage(
        "features",
        work,
        inputs={"stimuli": stimuli, "checkpoint": checkpoint},
        outputs={"features": out},
        values=values,
        log=log,
        space=space,
    )
