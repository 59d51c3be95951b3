"""Decoding of new subjects by number of trials."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage
from brainvis.errors import BrainvisError

KEYS = ("evaluate.bootstrap",)
Files = list[Path]


def few_score(
    config: ConfigOption,
    features: Annotated[Path, typer.Option(help="Features file of the stimuli.")],
    share: Annotated[
        list[int], typer.Option(help="40 for a fortieth of the trials, 1 for all; repeat.")
    ],
    responses: Annotated[Files, typer.Option(help="What was learned from; one a --share.")],
    transformer: Annotated[Files, typer.Option(help="Decoded vectors; one a --share.")],
    ridge: Annotated[Files, typer.Option(help="Those of ridge; one a --share.")],
    shuffled: Annotated[Files, typer.Option(help="Those of a shuffled brain; one a --share.")],
    splits: Annotated[Path, typer.Option(help="Splits file.")],
    out: Annotated[Path, typer.Option(help="Table of identification by trials (CSV).")],
    split: Annotated[str, typer.Option(help="Split that says which trials train.")] = "main",
    log: LogOption = None,
) -> None:
    """Two-way identification over shares of the trials, beside ridge, chance and all trials."""
    values = read_settings(config, *KEYS)
    lists = {"transformer": transformer, "ridge": ridge, "shuffled": shuffled}
    if {len(share)} != {len(one) for one in (responses, *lists.values())}:
        raise BrainvisError(
            f"needs one file of each kind for each of {len(share)} --share",
            field="--responses, --transformer, --ridge, --shuffled",
            found=[len(one) for one in (responses, *lists.values())],
        )

    def work(made: dict[str, Path]) -> None:
        from brainvis.datasets import splits as named
        from brainvis.evaluate.budgets import Budget, score_budgets

        budgets = [
            Budget(part, path, {name: files[number] for name, files in lists.items()})
            for number, (part, path) in enumerate(zip(share, responses, strict=True))
        ]
        score_budgets(
            features,
            budgets,
            named.read(splits, split)[0],
            made["table"],
            bootstrap=values["settings"]["evaluate.bootstrap"],
            seed=values["seed"],
        )

    run_stage(
        "few_score",
        work,
        inputs={"features": features, "responses": responses, "splits": splits, **lists},
        outputs={"table": out},
        values=values,
        log=log,
        shares=share,
    )
