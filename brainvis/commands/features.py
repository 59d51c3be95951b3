"""Features of the stimuli in one feature space."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage


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

    def work(made: dict[str, Path]) -> None:
        from brainvis.features.stage import write_features

        write_features(stimuli, made["features"], space=space, **values["settings"][key])

    folder = values["settings"][key].get("folder")
    run_stage(
        "features",
        work,
        inputs={"stimuli": stimuli, "checkpoint": Path(folder) if folder else None},
        outputs={"features": out},
        values=values,
        log=log,
        space=space,
    )
