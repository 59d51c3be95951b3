"""Gather the stimulus images of a BIDS tree."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage

KEYS = ("dataset",)


def bids_stimuli(
    config: ConfigOption,
    bids: Annotated[Path, typer.Option(help="Root of the BIDS tree.")],
    out: Annotated[Path, typer.Option(help="Stimuli file (HDF5).")],
    log: LogOption = None,
) -> None:
    """Gather the images that the events of a BIDS tree name, cropped and resized."""
    values = read_settings(config, *KEYS)
    chosen = values["settings"]["dataset"]

    def work(made: dict[str, Path]) -> None:
        from brainvis.datasets.bids_stimuli import write_bids_stimuli

        write_bids_stimuli(
            bids,
            made["stimuli"],
            subjects=chosen["subjects"],
            size=chosen["image_size"],
            dataset=values["dataset"],
            kind=values["kind"],
            task=chosen["task"],
            space=chosen["space"],
        )

    run_stage(
        "bids_stimuli",
        work,
        inputs={"bids": bids / "stimuli"},
        outputs={"stimuli": out},
        values=values,
        log=log,
    )
