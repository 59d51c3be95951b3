"""A new subject with a share of its training trials."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage


def few_responses(
    config: ConfigOption,
    betas: Annotated[Path, typer.Option(help="Responses file with single-trial betas.")],
    splits: Annotated[Path, typer.Option(help="Splits file.")],
    share: Annotated[int, typer.Option(help="40 keeps the first fortieth of training trials.")],
    out: Annotated[Path, typer.Option(help="Responses file, normalised (HDF5).")],
    split: Annotated[str, typer.Option(help="Split that says which trials train.")] = "main",
    by: Annotated[str, typer.Option(help="Normalise by 'run' or by 'session'.")] = "run",
    log: LogOption = None,
) -> None:
    """Keep the first training trials and the test trials, as after a short recording."""
    values = read_settings(config)

    def work(made: dict[str, Path]) -> None:
        from brainvis.datasets import splits as named
        from brainvis.preprocess.few_trials import write_few

        fold = named.read(splits, split)[0]
        write_few(
            betas, made["responses"], share=share, train_ids=fold.train, test_ids=fold.test, by=by
        )

    run_stage(
        "few_responses",
        work,
        inputs={"betas": betas, "splits": splits},
        outputs={"responses": out},
        values=values,
        log=log,
        split=split,
        by=by,
        share=share,
    )
