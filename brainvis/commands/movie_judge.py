"""Judge movie encoding by the simulation's truth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage

Files = list[Path]


def movie_judge(
    config: ConfigOption,
    scores: Annotated[Files, typer.Option(help="Scores of `movie encode`; repeat per subject.")],
    truth: Annotated[Files, typer.Option(help="Truth of a subject; repeat.")],
    table: Annotated[Path, typer.Option(help="Table by region and true tuning (CSV).")],
    log: LogOption = None,
) -> None:
    """Say which kind of true tuning gains from features of motion; a simulation only."""
    values = read_settings(config)

    def work(made: dict[str, Path]) -> None:
        from brainvis.evaluate.movie_truth import judge_movie

        judge_movie(scores, truth, made["table"])

    run_stage(
        "movie_judge",
        work,
        inputs={"scores": scores, "truth": truth},
        outputs={"table": table},
        values=values,
        log=log,
    )
