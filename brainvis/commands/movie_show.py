"""Films of decoded clips beside the true ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage


def movie_show(
    config: ConfigOption,
    stimuli: Annotated[Path, typer.Option(help="Stimuli file with the true clips.")],
    targets: Annotated[Path, typer.Option(help="Flow targets.")],
    flow: Annotated[
        list[Path], typer.Option(help="Decoded flow; the first ranks the clips; repeat.")
    ],
    clips: Annotated[list[Path], typer.Option(help="Clips file; repeat.")],
    out: Annotated[Path, typer.Option(help="Folder of films, figures and captions.")],
    drawn: Annotated[
        int, typer.Option(min=0, help="Clips drawn at random, beside best, median and worst.")
    ] = 1,
    log: LogOption = None,
) -> None:
    """Show the best, the median, the worst and a random test clip: MP4, GIF and arrows."""
    values = read_settings(config)

    def work(made: dict[str, Path]) -> None:
        from brainvis.report.films import show_clips

        show_clips(stimuli, targets, flow, clips, made["films"], drawn=drawn, seed=values["seed"])

    run_stage(
        "movie_show",
        work,
        inputs={"stimuli": stimuli, "targets": targets, "flow": flow, "clips": clips},
        outputs={"films": out},
        values=values,
        log=log,
        drawn=drawn,
    )
