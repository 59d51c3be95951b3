"""Train the small shape prior that ships under data/foundation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage


def foundation_shape(
    config: ConfigOption,
    stimuli: Annotated[Path, typer.Option(help="Stimuli file of unseen objects.")],
    meshes: Annotated[Path, typer.Option(help="Folder of their meshes (`prior-objects`).")],
    image_text: Annotated[Path, typer.Option(help="Folder of the image-text model.")],
    out: Annotated[Path, typer.Option(help="Generator folder to write, with its model card.")],
    steps: Annotated[int, typer.Option(min=1, help="Steps of the autoencoder.")] = 2000,
    prior_steps: Annotated[int, typer.Option(min=1, help="Steps of the diffusion prior.")] = 500,
    threads: Annotated[int, typer.Option(min=1, help="Threads of torch, and processes.")] = 2,
    log: LogOption = None,
) -> None:
    """Train the shape autoencoder and its prior on objects that no subject saw."""
    values = read_settings(config)

    def work(made: dict[str, Path]) -> None:
        from brainvis.foundation.shape import train

        train(
            stimuli,
            meshes,
            image_text,
            made["shape"],
            steps=steps,
            prior_steps=prior_steps,
            workers=threads,
            threads=threads,
            seed=values["seed"],
        )

    run_stage(
        "foundation_shape",
        work,
        inputs={"stimuli": stimuli, "meshes": meshes, "image_text": image_text},
        outputs={"shape": out},
        values=values,
        log=log,
        steps=steps,
        prior_steps=prior_steps,
    )
