"""Brain correlation of reconstructions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage

_SETTINGS = ("bootstrap", "permutations")
KEYS = (*(f"evaluate.{name}" for name in _SETTINGS), "encoders.threshold")
Files = list[Path]


def brain(
    config: ConfigOption,
    responses: Annotated[Files, typer.Option(help="Measured responses; repeat per subject.")],
    predicted: Annotated[
        Files, typer.Option(help="Predicted responses to a method's images; repeat.")
    ],
    splits: Annotated[Path, typer.Option(help="Splits file.")],
    table: Annotated[Path, typer.Option(help="Tidy table of all scores (Parquet).")],
    summary: Annotated[Path, typer.Option(help="Summary by method and group of regions (CSV).")],
    split: Annotated[str, typer.Option(help="Name of the split.")] = "main",
    baseline: Annotated[
        list[str] | None, typer.Option(help="Name of a method that others are compared with.")
    ] = None,
    log: LogOption = None,
) -> None:
    """Compare predicted responses to reconstructions with measured ones to what was seen."""
    values = read_settings(config, *KEYS)

    def work(made: dict[str, Path]) -> None:
        from brainvis.datasets import splits as named
        from brainvis.evaluate.brain_stage import evaluate_brain

        evaluate_brain(
            responses,
            predicted,
            named.read(splits, split),
            made["table"],
            made["summary"],
            split_name=split,
            threshold=values["settings"]["encoders.threshold"],
            baselines=baseline or [],
            seed=values["seed"],
            **{name: values["settings"][f"evaluate.{name}"] for name in _SETTINGS},
        )

    run_stage(
        "brain",
        work,
        inputs={"responses": responses, "predicted": predicted, "splits": splits},
        outputs={"table": table, "summary": summary},
        values=values,
        log=log,
        split=split,
        baselines=baseline or [],
    )
