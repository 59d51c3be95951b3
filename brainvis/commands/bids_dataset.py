"""The data-set level of the simulated BIDS tree."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.artifacts.files import remove
from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage

KEYS = ("dataset.brain",)
FILES = {
    "description": "dataset_description.json",
    "readme": "README",
    "ignored": ".bidsignore",
    "bold": "task-world_bold.json",
    "events": "task-world_events.json",
}


def bids_dataset(
    config: ConfigOption,
    stimuli: Annotated[Path, typer.Option(help="Stimuli file.")],
    root: Annotated[Path, typer.Option(help="Root of the BIDS tree.")],
    log: LogOption = None,
) -> None:
    """Write dataset_description.json and the other data-set files, and the stimulus images."""
    values = read_settings(config, *KEYS)

    def work(made: dict[str, Path]) -> None:
        from brainvis.simulate.bids import write_dataset_files, write_stimulus_images

        write_stimulus_images(stimuli, made["images"])
        scratch = made["images"].with_name(f"{made['images'].name}-files")
        try:
            write_dataset_files(scratch, tr=values["settings"]["dataset.brain"]["tr"])
            for name, file in FILES.items():
                (scratch / file).replace(made[name])
        finally:
            remove(scratch)

    outputs = {name: root / file for name, file in FILES.items()}
    run_stage(
        "bids_dataset",
        work,
        inputs={"stimuli": stimuli},
        outputs={**outputs, "images": root / "stimuli"},
        values=values,
        log=log,
    )
