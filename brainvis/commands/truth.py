"""Compare estimated betas with what the simulator knows: the only reader of the ground truth."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage

KEYS = ("preprocess",)
RESPONSIVE = 0.2  # true noise ceiling above which a voxel counts as responsive


def truth(
    config: ConfigOption,
    bids: Annotated[Path, typer.Option(help="Root of the simulated BIDS tree.")],
    betas: Annotated[list[Path], typer.Option(help="Responses file; repeat per subject.")],
    truth: Annotated[list[Path], typer.Option(help="Ground truth, in the same order; repeat.")],
    splits: Annotated[Path, typer.Option(help="Splits file; test trials are compared.")],
    out: Annotated[Path, typer.Option(help="Table of recovery (CSV).")],
    log: LogOption = None,
) -> None:
    """Correlate betas with the simulated truth, beside least squares with the canonical HRF."""
    values = read_settings(config, *KEYS)

    def work(made: dict[str, Path]) -> None:
        import pandas as pd

        from brainvis.containers import Responses
        from brainvis.datasets import splits as named
        from brainvis.evaluate.recovery import aligned
        from brainvis.evaluate.table import write
        from brainvis.preprocess.betas import estimate_betas
        from brainvis.preprocess.reliability import beta_recovery

        fold = named.read(splits, "main")[0]
        plain = {**values["settings"]["preprocess"], "hrf": "canonical", "shrink": False}
        rows = []
        for ours, known in zip(betas, truth, strict=True):
            subject = Responses.open(ours).subject
            with tempfile.TemporaryDirectory(prefix=".tmp-lsa-", dir=out.parent) as scratch:
                lsa = Path(scratch) / "lsa.h5"
                estimate_betas(
                    bids,
                    lsa,
                    subject=subject,
                    dataset=values["dataset"],
                    kind=values["kind"],
                    train_ids=fold.train,
                    **plain,
                )
                parts = aligned(known, ours, lsa, test_ids=fold.test, ceiling=RESPONSIVE)
            found = beta_recovery(*parts)
            shape = {"trials": parts[0].shape[0], "voxels": parts[0].shape[1]}
            rows.append({"subject": subject, **shape, **found})
        write(pd.DataFrame(rows), made["recovery"])

    run_stage(
        "truth",
        work,
        inputs={"betas": betas, "truth": truth, "splits": splits},
        outputs={"recovery": out},
        values=values,
        log=log,
    )
