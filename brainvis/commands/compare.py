"""Paired differences between methods."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage
from brainvis.errors import BrainvisError

KEYS = ("evaluate.compare", "evaluate.bootstrap")


def compare(
    config: ConfigOption,
    table: Annotated[Path, typer.Option(help="Tidy table of all scores (`brainvis metrics`).")],
    out: Annotated[Path, typer.Option(help="Table of paired differences (CSV).")],
    method: Annotated[
        str | None, typer.Option(help="Method; else the pairs of the configuration.")
    ] = None,
    against: Annotated[
        list[str] | None, typer.Option(help="Method that it is put beside; repeat.")
    ] = None,
    log: LogOption = None,
) -> None:
    """Compare methods on the same stimuli: difference, interval, p, q, and ranks over metrics."""
    values = read_settings(config, *KEYS)
    if (method is None) != (not against):
        raise BrainvisError("--method and --against belong together", field="--against")
    given = {"method": method, "against": against} if method else {}
    pairs = [given] if given else values["settings"]["evaluate.compare"]

    def work(made: dict[str, Path]) -> None:
        from brainvis.evaluate.differences import compare_methods

        compare_methods(
            table,
            made["differences"],
            pairs=[(one["method"], one["against"]) for one in pairs],
            draws=values["settings"]["evaluate.bootstrap"],
            seed=values["seed"],
        )

    run_stage(
        "compare",
        work,
        inputs={"table": table},
        outputs={"differences": out},
        values=values,
        log=log,
        **given,
    )
