"""Averaged segments and clip responses from BOLD of a movie."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage

KEYS = ("preprocess",)


def movie_responses(
    config: ConfigOption,
    bids: Annotated[Path, typer.Option(help="Root of the BIDS tree with the movie's runs.")],
    subject: Annotated[str, typer.Option(help="Subject label, such as 01.")],
    stimuli: Annotated[Path, typer.Option(help="Stimuli file that holds the clips.")],
    splits: Annotated[Path, typer.Option(help="Splits file; its training clips normalise.")],
    out: Annotated[Path, typer.Option(help="Movie responses (HDF5).")],
    split: Annotated[str, typer.Option(help="Split that says which clips train.")] = "main",
    task: Annotated[str, typer.Option(help="Task label of the movie's runs.")] = "movie",
    log: LogOption = None,
) -> None:
    """Detrend every pass, average the passes of each segment, separate the clips' responses.

    Runs with equal events are passes of one segment. Means, deviations and noise ceilings come from
    training segments alone.
    """
    values = read_settings(config, *KEYS)

    def work(made: dict[str, Path]) -> None:
        from brainvis.datasets import splits as named
        from brainvis.preprocess.movie import movie_responses as write

        write(
            bids,
            made["responses"],
            subject=subject,
            stimuli=stimuli,
            test_ids=named.read(splits, split)[0].test,
            dataset=values["dataset"],
            kind=values["kind"],
            task=task,
            high_pass=values["settings"]["preprocess"]["high_pass"],
        )

    run_stage(
        "movie_responses",
        work,
        inputs={"bids": bids / f"sub-{subject}", "stimuli": stimuli, "splits": splits},
        outputs={"responses": out},
        values=values,
        log=log,
        subject=subject,
        split=split,
    )
