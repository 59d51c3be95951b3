"""The data-set level of the simulated movie's BIDS tree."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.artifacts.files import remove
from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage

KEYS = ("dataset.brain", "motion.movie")
FILES = {
    "description": "dataset_description.json",
    "readme": "README",
    "ignored": ".bidsignore",
    "participants": "participants.tsv",
    "bold": "task-movie_bold.json",
    "events": "task-movie_events.json",
}


def movie_dataset(
    config: ConfigOption,
    root: Annotated[Path, typer.Option(help="Root of the movie's BIDS tree.")],
    log: LogOption = None,
) -> None:
    """Write dataset_description.json and the other data-set files of the simulated movie."""
    values = read_settings(config, *KEYS)

    def work(made: dict[str, Path]) -> None:
        from brainvis.simulate.movie import write_movie_dataset

        brain, movie = (values["settings"][key] for key in KEYS)
        labels = [f"{number:02d}" for number in range(1, brain["subjects"] + 1)]
        scratch = made["description"].with_name(f"{made['description'].name}-files")
        try:
            write_movie_dataset(scratch, labels, movie["tr"])
            for name, file in FILES.items():
                (scratch / file).replace(made[name])
        finally:
            remove(scratch)

    run_stage(
        "movie_dataset",
        work,
        inputs={},
        outputs={name: root / file for name, file in FILES.items()},
        values=values,
        log=log,
    )
