"""Simulate one subject's fMRI."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage

KEYS = ("dataset.brain",)


def simulate(
    config: ConfigOption,
    stimuli: Annotated[Path, typer.Option(help="Stimuli file that the subject sees.")],
    channels: Annotated[Path, typer.Option(help="Stimulus channels file (`brainvis channels`).")],
    subject: Annotated[str, typer.Option(help="Subject label, such as 01.")],
    out: Annotated[Path, typer.Option(help="The subject's BIDS folder, such as bids/sub-01.")],
    truth: Annotated[Path, typer.Option(help="Ground truth file; no stage reads it.")],
    log: LogOption = None,
) -> None:
    """Simulate the BOLD of one subject that sees the stimuli, as a BIDS subject folder."""
    values = read_settings(config, *KEYS)

    def work(made: dict[str, Path]) -> None:
        from brainvis.simulate.subject import simulate_subject

        brain = {k: v for k, v in values["settings"]["dataset.brain"].items() if k != "subjects"}
        simulate_subject(
            stimuli,
            channels,
            made["bids"],
            made["truth"],
            subject=subject,
            seed=values["seed"],
            **brain,
        )

    run_stage(
        "simulate",
        work,
        inputs={"stimuli": stimuli, "channels": channels},
        outputs={"bids": out, "truth": truth},
        values=values,
        log=log,
        subject=subject,
    )
