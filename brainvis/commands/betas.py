"""Single-trial betas from BOLD."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage

KEYS = ("preprocess",)


def betas(
    config: ConfigOption,
    bids: Annotated[Path, typer.Option(help="Root of the BIDS (or fMRIPrep) tree.")],
    subject: Annotated[str, typer.Option(help="Subject label, such as 01.")],
    out: Annotated[Path, typer.Option(help="Responses file (HDF5).")],
    splits: Annotated[
        Path | None, typer.Option(help="Splits file; its training stimuli only.")
    ] = None,
    task: Annotated[str | None, typer.Option(help="Task label, where there are several.")] = None,
    space: Annotated[str | None, typer.Option(help="Space label of fMRIPrep files.")] = None,
    log: LogOption = None,
) -> None:
    """Estimate one response per trial and voxel: HRF per voxel, drift, confounds, shrinkage.

    What is chosen by cross-validation (HRF, shrinkage) is chosen on training stimuli alone.
    """
    values = read_settings(config, *KEYS)

    def work(made: dict[str, Path]) -> None:
        from brainvis.datasets import splits as named
        from brainvis.preprocess.betas import estimate_betas

        train = None if splits is None else named.read(splits, "main")[0].train
        estimate_betas(
            bids,
            made["betas"],
            subject=subject,
            dataset=values["dataset"],
            kind=values["kind"],
            task=task,
            space=space,
            train_ids=train,
            **values["settings"]["preprocess"],
        )

    run_stage(
        "betas",
        work,
        inputs={"bids": bids / f"sub-{subject}", "splits": splits},
        outputs={"betas": out},
        values=values,
        log=log,
        subject=subject,
    )
