"""Score reconstructions and decoded features."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage

KEYS = ("evaluate",)
Files = list[Path]


def metrics(
    config: ConfigOption,
    stimuli: Annotated[Path, typer.Option(help="Stimuli file.")],
    images: Annotated[Files, typer.Option(help="Reconstructions file; repeat for several.")],
    out: Annotated[Path, typer.Option(help="Tidy table of all scores (Parquet).")],
    summary: Annotated[Path, typer.Option(help="Summary by method and metric (CSV).")],
    features: Annotated[
        Files | None, typer.Option(help="Features file of the stimuli; repeat per space.")
    ] = None,
    image_features: Annotated[
        Files | None, typer.Option(help="Features file of reconstructed images; repeat.")
    ] = None,
    decoded: Annotated[
        Files | None, typer.Option(help="Features file decoded from responses; repeat.")
    ] = None,
    baseline: Annotated[
        list[str] | None, typer.Option(help="Name of a method that others are compared with.")
    ] = None,
    log: LogOption = None,
) -> None:
    """Score every method beside chance and baselines, with intervals over stimuli."""
    values = read_settings(config, *KEYS)
    own = {k: v for k, v in values["settings"]["evaluate"].items() if k != "features"}

    def work(made: dict[str, Path]) -> None:
        from brainvis.evaluate.stage import evaluate

        evaluate(
            stimuli,
            images,
            made["table"],
            made["summary"],
            true_features=features or [],
            image_features=image_features or [],
            decoded=decoded or [],
            baselines=baseline or [],
            seed=values["seed"],
            **own,
        )

    run_stage(
        "metrics",
        work,
        inputs={
            "stimuli": stimuli,
            "images": images,
            "features": features or [],
            "image_features": image_features or [],
            "decoded": decoded or [],
        },
        outputs={"table": out, "summary": summary},
        values=values,
        log=log,
        baselines=baseline or [],
    )
