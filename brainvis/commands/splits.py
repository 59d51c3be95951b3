"""Make the named splits of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage

KEYS = ("splits",)


def splits(
    config: ConfigOption,
    stimuli: Annotated[Path, typer.Option(help="Stimuli file.")],
    out: Annotated[Path, typer.Option(help="Splits file (JSON).")],
    published: Annotated[
        Path | None, typer.Option(help="Split that the data set comes with (JSON).")
    ] = None,
    log: LogOption = None,
) -> None:
    """Split the stimuli into training and test by unique stimulus, seeded, for all stages."""
    values = read_settings(config, *KEYS)

    def work(made: dict[str, Path]) -> None:
        from brainvis.containers import Stimuli
        from brainvis.datasets import splits as make

        table = Stimuli.open(stimuli).table
        ids = table["stimulus_id"].to_numpy(dtype=str)
        categories = table["category"].to_numpy(dtype=str)
        found = {}
        for name, spec in values["settings"]["splits"].items():
            match spec["scheme"]:
                case "holdout":
                    folds = make.holdout(ids, categories, spec["test_share"], values["seed"])
                case "kfold":
                    folds = make.kfold(ids, categories, spec["folds"], values["seed"])
                case "published":
                    folds = make.read(published or Path("none"), "published")
            found[name] = make.checked(folds, ids)
        make.write(made["splits"], found)

    run_stage(
        "splits",
        work,
        inputs={"stimuli": stimuli, "published": published},
        outputs={"splits": out},
        values=values,
        log=log,
    )
