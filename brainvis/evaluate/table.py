"""The tidy metrics table (one row per score of one stimulus) and its files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from brainvis.errors import BrainvisError

GROUP = ["dataset", "split", "modality", "method", "metric"]
COLUMNS = ["dataset", "subject", "split", "modality", "method", "metric", "stimulus", "value"]
COLUMNS += ["protocol"]
_WORDS = ["subject", "stimulus", "protocol", "chance_is", "best_baseline", "against", "better"]
_WORDS += ["space", "status", "network", "layer", "interpolation", "normalisation", "weights"]
_WORDS += ["sha256", "libraries"]
_TEXT: dict = dict.fromkeys([*_WORDS, *GROUP], "str")


def write(table: pd.DataFrame, path: Path) -> None:
    """Write a table as Parquet or CSV, by the suffix of `path`."""
    if path.suffix == ".parquet":
        table.to_parquet(path, index=False)
    elif path.suffix == ".csv":
        table.to_csv(path, index=False, float_format="%.10g")
    else:
        raise BrainvisError("tables are .parquet or .csv", file=path, found=path.suffix)


def read(path: Path) -> pd.DataFrame:
    """Read a table written by `write`; text columns stay text (subject "01").

    Raises
    ------
    BrainvisError
        Missing or unreadable file.
    """
    if not path.is_file():
        raise BrainvisError("no such file", file=path, remedy="run the stage that makes it")
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        table = pd.read_csv(path, dtype=_TEXT, keep_default_na=False, na_values=[""])
    except (OSError, ValueError) as error:
        raise BrainvisError("cannot be read as a table", file=path, found=error) from error
    return table.fillna({name: "" for name in _TEXT if name in table})


def scores_by_subject(table: pd.DataFrame, method: str, metric: str) -> pd.DataFrame:
    """Scores of one method and metric, one row per stimulus and one column per subject."""
    chosen = table[(table["method"] == method) & (table["metric"] == metric)]
    return chosen.pivot(index="stimulus", columns="subject", values="value")
