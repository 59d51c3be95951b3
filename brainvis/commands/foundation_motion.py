"""Train the small motion modules that ship under data/foundation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage


def foundation_motion(
    config: ConfigOption,
    clips: Annotated[Path, typer.Option(help="Stimuli file of unseen clips (`clips`).")],
    generator: Annotated[Path, typer.Option(help="Folder of the image generator.")],
    image_text: Annotated[Path, typer.Option(help="Folder of the image-text model.")],
    out: Annotated[Path, typer.Option(help="Animator folder to write, with its model card.")],
    steps: Annotated[int, typer.Option(min=1, help="Steps of training.")] = 160,
    threads: Annotated[int, typer.Option(min=1, help="Threads of torch.")] = 2,
    log: LogOption = None,
) -> None:
    """Train small motion modules (AnimateDiff) on clips that no subject saw."""
    values = read_settings(config)

    def work(made: dict[str, Path]) -> None:
        from brainvis.foundation.motion_module import train

        train(
            clips,
            generator,
            image_text,
            made["motion"],
            steps=steps,
            threads=threads,
            seed=values["seed"],
        )

    run_stage(
        "foundation_motion",
        work,
        inputs={"clips": clips, "generator": generator, "image_text": image_text},
        outputs={"motion": out},
        values=values,
        log=log,
        steps=steps,
    )
