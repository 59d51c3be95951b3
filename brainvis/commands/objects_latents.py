"""Shape latents of the objects that stimuli show."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage
from brainvis.config import find_checkpoint


def objects_latents(
    config: ConfigOption,
    stimuli: Annotated[Path, typer.Option(help="Stimuli file (HDF5).")],
    meshes: Annotated[Path, typer.Option(help="Folder of one PLY mesh per stimulus.")],
    out: Annotated[Path, typer.Option(help="Features file of shape latents to write (HDF5).")],
    workers: Annotated[int, typer.Option(min=1, help="Processes that voxelise.")] = 2,
    log: LogOption = None,
) -> None:
    """Encode the mesh of every stimulus: what a decoder of shapes learns on training stimuli."""
    key = "objects.generator"
    values = read_settings(config, key)
    shape = find_checkpoint(values["settings"][key])

    def work(made: dict[str, Path]) -> None:
        from brainvis.objects3d.truth import write_latents

        write_latents(made["latents"], stimuli, meshes, shape, workers=workers)

    run_stage(
        "objects_latents",
        work,
        inputs={"stimuli": stimuli, "meshes": meshes, "shape": shape},
        outputs={"latents": out},
        values=values,
        log=log,
    )
