"""Bring the measured digits into brainvis files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage


def digits(
    config: ConfigOption,
    folder: Annotated[Path, typer.Option(help="Folder of 69dataset2.mat and digit69_28x28.mat.")],
    stimuli: Annotated[Path, typer.Option(help="Stimuli file to write.")],
    responses: Annotated[Path, typer.Option(help="Responses file to write.")],
    published: Annotated[Path, typer.Option(help="The published split, to write (JSON).")],
    prior: Annotated[Path, typer.Option(help="Stimuli file of unseen digits to write.")],
    log: LogOption = None,
) -> None:
    """Import the digits data set (van Gerven et al. 2010) after checking its checksums."""
    values = read_settings(config)

    def work(made: dict[str, Path]) -> None:
        from brainvis.datasets.vangerven import import_digits

        import_digits(folder, made["stimuli"], made["responses"], made["published"], made["prior"])

    run_stage(
        "digits",
        work,
        inputs={"trials": folder / "69dataset2.mat", "split": folder / "digit69_28x28.mat"},
        outputs={
            "stimuli": stimuli,
            "responses": responses,
            "published": published,
            "prior": prior,
        },
        values=values,
        log=log,
    )
