"""Make the named splits of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage
from brainvis.errors import BrainvisError

if TYPE_CHECKING:
    import pandas as pd

    from brainvis.datasets.splits import Fold

KEYS = ("splits",)


def splits(
    config: ConfigOption,
    stimuli: Annotated[Path, typer.Option(help="Stimuli file.")],
    out: Annotated[Path, typer.Option(help="Splits file (JSON).")],
    published: Annotated[
        Path | None, typer.Option(help="Split that the data set comes with (JSON).")
    ] = None,
    features: Annotated[
        list[Path] | None,
        typer.Option(help="Features file of the stimuli, for clusters; repeat per space."),
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
        found = {}
        for name, spec in values["settings"]["splits"].items():
            if spec["scheme"] == "published":
                folds = make.read(published or Path("none"), "published")
            else:
                folds = _folds(spec, table, features or [], values["seed"])
            found[name] = make.checked(folds, ids)
        make.write(made["splits"], found)

    run_stage(
        "splits",
        work,
        inputs={"stimuli": stimuli, "published": published, "features": features or []},
        outputs={"splits": out},
        values=values,
        log=log,
    )


def _folds(
    spec: dict[str, Any], table: pd.DataFrame, features: list[Path], seed: int
) -> list[Fold]:
    """Folds of one scheme of the configuration."""
    from brainvis.datasets import semantic_splits as semantic
    from brainvis.datasets import splits as make

    ids = table["stimulus_id"].to_numpy(dtype=str)
    match spec["scheme"]:
        case "holdout":
            return make.holdout(ids, _column(table, "category"), spec["test_share"], seed)
        case "kfold":
            return make.kfold(ids, _column(table, "category"), spec["folds"], seed)
        case "leave_category_out":
            categories = _column(table, spec["column"])
            return semantic.leave_one_cluster_out(ids, categories, only=spec["only"])
        case "leave_cluster_out":
            embeddings = _embeddings(spec["features"], features, ids)
            clusters = semantic.clusters_of(embeddings, spec["clusters"], seed=seed)
            return semantic.leave_one_cluster_out(ids, clusters, only=spec["only"])
        case "size_matched":
            return semantic.size_matched(ids, _folds(spec["of"], table, features, seed), seed=seed)
    raise BrainvisError("unknown scheme", field="splits", found=spec["scheme"])


def _column(table: pd.DataFrame, name: str) -> np.ndarray:
    if name not in table:
        raise BrainvisError("is no column of the stimuli", field=name, found=list(table))
    return table[name].to_numpy(dtype=str)


def _embeddings(space: str, files: list[Path], ids: np.ndarray) -> np.ndarray:
    from brainvis.containers import Features

    for one in map(Features.open, files):
        if one.space == space:
            return one.pooled(ids)
    raise BrainvisError(
        "splits by clusters need the stimuli's features", field="--features", found=f"no {space!r}"
    )
