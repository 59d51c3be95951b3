"""Simulate one subject that watches a movie."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage

KEYS = ("dataset.brain", "motion.movie")


def movie_simulate(
    config: ConfigOption,
    stimuli: Annotated[Path, typer.Option(help="Stimuli file with clips.")],
    channels: Annotated[Path, typer.Option(help="Stimulus channels file (`brainvis channels`).")],
    splits: Annotated[Path, typer.Option(help="Splits file; test clips get their own segments.")],
    subject: Annotated[str, typer.Option(help="Subject label, such as 01.")],
    out: Annotated[Path, typer.Option(help="The subject's BIDS folder, such as bids/sub-01.")],
    log: LogOption = None,
) -> None:
    """Simulate the BOLD of one subject that watches all clips as a movie, segment by segment.

    The subject is the one of `brainvis simulate`: same cortex, tuning and haemodynamics.
    """
    values = read_settings(config, *KEYS)

    def work(made: dict[str, Path]) -> None:
        from brainvis.datasets import splits as named
        from brainvis.simulate.movie import simulate_movie

        brain, movie = (values["settings"][key] for key in KEYS)
        simulate_movie(
            stimuli,
            channels,
            made["bids"],
            subject=subject,
            test_ids=named.read(splits, "main")[0].test,
            brain=brain,
            movie=movie,
            seed=values["seed"],
        )

    run_stage(
        "movie_simulate",
        work,
        inputs={"stimuli": stimuli, "channels": channels, "splits": splits},
        outputs={"bids": out},
        values=values,
        log=log,
        subject=subject,
    )
