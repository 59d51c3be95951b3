"""Retrieval of the seen image by decoded vectors, and whether these collapsed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage

KEYS = ("evaluate.pool", "evaluate.bootstrap")


def retrieval(
    config: ConfigOption,
    features: Annotated[
        list[Path], typer.Option(help="Features file of the stimuli; repeat per space.")
    ],
    decoded: Annotated[
        list[Path], typer.Option(help="Features file decoded from responses; repeat.")
    ],
    out: Annotated[Path, typer.Option(help="Table of retrieval and effective ranks (CSV).")],
    log: LogOption = None,
) -> None:
    """Find the seen image among others by its decoded vector, and count the vectors' dimensions."""
    values = read_settings(config, *KEYS)

    def work(made: dict[str, Path]) -> None:
        from brainvis.evaluate.decoded import check_decoded

        own = {key.removeprefix("evaluate."): values["settings"][key] for key in KEYS}
        check_decoded(features, decoded, made["table"], seed=values["seed"], **own)

    run_stage(
        "retrieval",
        work,
        inputs={"features": features, "decoded": decoded},
        outputs={"table": out},
        values=values,
        log=log,
    )
