"""The data-set level of the simulated BIDS tree."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage


def bids_dataset(
    config: ConfigOption,
    stimuli: Annotated[Path, typer.Option(help="Stimuli file.")],
    out: Annotated[Path, typer.Option(help="The tree's dataset_description.json.")],
    images: Annotated[Path, typer.Option(help="The tree's folder of stimulus images.")],
    log: LogOption = None,
) -> None:
    """Write dataset_description.json and the other data-set files, and the stimulus images."""
    values = read_settings(config)

    def work(made: dict[str, Path]) -> None:
        from brainvis.simulate.bids import write_dataset_files, write_stimulus_images

        write_dataset_files(made["description"])
        write_stimulus_images(stimuli, made["images"])

    run_stage(
        "bids_dataset",
        work,
        inputs={"stimuli": stimuli},
        outputs={"description": out, "images": images},
        values=values,
        log=log,
    )
