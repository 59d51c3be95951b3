"""Render objects that no subject sees, with their meshes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage

KEYS = ("dataset.stimuli",)
NAMESPACE = "shapes"  # of its own: the image-text model has learned the images of "pool"


def prior_objects(
    config: ConfigOption,
    out: Annotated[Path, typer.Option(help="Stimuli file of unseen objects (HDF5).")],
    meshes: Annotated[Path, typer.Option(help="Folder of one PLY mesh per object.")],
    count: Annotated[int, typer.Option(min=1, help="Number of objects.")] = 5040,
    workers: Annotated[int, typer.Option(help="Processes that render side by side.")] = 2,
    log: LogOption = None,
) -> None:
    """Render objects of the same world that neither subjects nor other models see."""
    values = read_settings(config, *KEYS)

    def work(made: dict[str, Path]) -> None:
        from brainvis.stimuli.world import write_world

        write_world(
            made["stimuli"],
            count=count,
            size=values["settings"]["dataset.stimuli"]["size"],
            namespace=NAMESPACE,
            clips=False,
            seed=values["seed"],
            workers=workers,
            meshes=made["meshes"],
        )

    outputs = {"stimuli": out, "meshes": meshes}
    run_stage(
        "prior_objects", work, inputs={}, outputs=outputs, values=values, log=log, count=count
    )
