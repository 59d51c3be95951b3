"""Tell categories apart from single-trial betas."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage

KEYS = ("evaluate",)


def classify(
    config: ConfigOption,
    betas: Annotated[list[Path], typer.Option(help="Responses file; repeat per subject.")],
    out: Annotated[Path, typer.Option(help="Table of accuracies (CSV).")],
    log: LogOption = None,
) -> None:
    """Classify the category of every trial, leaving out one run at a time."""
    values = read_settings(config, *KEYS)
    own = values["settings"]["evaluate"]

    def work(made: dict[str, Path]) -> None:
        from brainvis.decoding.classify import write_accuracies

        write_accuracies(
            betas,
            made["accuracies"],
            bootstrap=own["bootstrap"],
            permutations=own["permutations"],
            seed=values["seed"],
        )

    run_stage(
        "classify",
        work,
        inputs={"betas": betas},
        outputs={"accuracies": out},
        values=values,
        log=log,
    )
