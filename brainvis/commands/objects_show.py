"""Decoded objects as files, a turntable and a page to turn them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage

Files = list[Path]


def objects_show(
    config: ConfigOption,
    stimuli: Annotated[Path, typer.Option(help="Stimuli file.")],
    truth: Annotated[Path, typer.Option(help="True objects: an objects file or a folder.")],
    objects: Annotated[Files, typer.Option(help="Objects file of a method; repeat.")],
    out: Annotated[Path, typer.Option(help="Folder to make.")],
    count: Annotated[int, typer.Option(min=1, help="Objects in the turntable.")] = 6,
    format: Annotated[str, typer.Option(help="Of exported meshes: glb, ply or obj.")] = "glb",
    log: LogOption = None,
) -> None:
    """Export the first objects of every method, turn them beside the true ones."""
    values = read_settings(config)

    def work(made: dict[str, Path]) -> None:
        from brainvis.report.shown_objects import show_objects

        show_objects(stimuli, truth, objects, made["shown"], count=count, suffix=f".{format}")

    run_stage(
        "objects_show",
        work,
        inputs={"stimuli": stimuli, "truth": truth, "objects": objects},
        outputs={"shown": out},
        values=values,
        log=log,
        count=count,
        format=format,
    )
