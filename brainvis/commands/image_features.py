"""Features of reconstructed images."""

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


def image_features(
    config: ConfigOption,
    reconstructions: Annotated[
        list[Path], typer.Option(help="Reconstructions file; repeat for several.")
    ],
    space: Annotated[str, typer.Option(help="Name of the feature space.")],
    out: Annotated[
        list[Path], typer.Option(help="Features file (HDF5) of each, in the same order; repeat.")
    ],
    log: LogOption = None,
) -> None:
    """Compute features of reconstructed images, by the same path as those of the stimuli."""
    key = f"features.{space}"
    values = read_settings(config, key)
    settings, checkpoint = feature_settings(values["settings"][key])

    def work(made: dict[str, Path]) -> None:
        from brainvis.features.stage import write_image_features

        for number, images in enumerate(reconstructions):
            write_image_features(images, made[f"features{number}"], space=space, **settings)

    run_stage(
        "image_features",
        work,
        inputs={"reconstructions": reconstructions, "checkpoint": checkpoint},
        outputs={f"features{number}": path for number, path in enumerate(out)},
        values=values,
        log=log,
        space=space,
    )
