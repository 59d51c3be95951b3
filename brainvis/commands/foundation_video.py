"""Train the small video network that ships under data/foundation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage


def foundation_video(
    config: ConfigOption,
    stimuli: Annotated[Path, typer.Option(help="Stimuli file of unseen clips (`clips`).")],
    out: Annotated[Path, typer.Option(help="Checkpoint folder to write, with its model card.")],
    steps: Annotated[int, typer.Option(min=1, help="Steps of training.")] = 800,
    threads: Annotated[int, typer.Option(min=1, help="Threads of torch.")] = 2,
    log: LogOption = None,
) -> None:
    """Train a small VideoMAE (transformers) on clips that no subject saw."""
    values = read_settings(config)

    def work(made: dict[str, Path]) -> None:
        from brainvis.foundation.video_model import train

        train(stimuli, made["video"], steps=steps, threads=threads, seed=values["seed"])

    run_stage(
        "foundation_video",
        work,
        inputs={"stimuli": stimuli},
        outputs={"video": out},
        values=values,
        log=log,
        steps=steps,
    )
