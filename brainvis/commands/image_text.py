"""Train the small image-text model that ships under data/foundation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage

KEYS = ("foundation",)


def image_text(
    config: ConfigOption,
    stimuli: Annotated[Path, typer.Option(help="Stimuli file of unseen images (`prior`).")],
    out: Annotated[Path, typer.Option(help="Checkpoint folder to write, with its model card.")],
    threads: Annotated[int, typer.Option(help="Threads of torch.")] = 2,
    log: LogOption = None,
) -> None:
    """Train a small open_clip model on images and captions that no subject saw."""
    values = read_settings(config, *KEYS)

    def work(made: dict[str, Path]) -> None:
        from brainvis.foundation.image_text import train

        own = values["settings"]["foundation"]
        train(
            stimuli,
            made["checkpoint"],
            name=out.name,
            threads=threads,
            seed=values["seed"],
            **own,
        )

    run_stage(
        "image_text",
        work,
        inputs={"stimuli": stimuli},
        outputs={"checkpoint": out},
        values=values,
        log=log,
    )
