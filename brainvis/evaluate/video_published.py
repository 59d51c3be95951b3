"""Published numbers on the movies of cc2017, and whether ours were taken in the same way.

``data/published/cc2017.csv`` has a row per method, metric and source. Sources disagree about one
method by more than methods differ (an end-point error by another estimator, a temporal consistency
with or without a gate), so each row keeps its own, and stands beside ours only where data set,
estimator, resolution and frames are known and equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from brainvis.errors import BrainvisError
from brainvis.evaluate.published import FOLDER
from brainvis.evaluate.reader import COMPUTED

DATASET = "cc2017"
COLUMNS = ("method", "subjects", "metric", "value", "protocol", "requires", "source")


def published_videos(path: Path = FOLDER / f"{DATASET}.csv") -> pd.DataFrame:
    """The published table, columns `COLUMNS`.

    Raises
    ------
    BrainvisError
        Missing file, other columns, a value that is no number, a row without source or twice.
    """
    if not path.is_file():
        raise BrainvisError("no such published table", file=path)
    table = pd.read_csv(path, dtype="str", keep_default_na=False)
    if differing := set(table) ^ set(COLUMNS):
        raise BrainvisError("missing or unknown column", file=path, field=min(differing))
    try:
        table["value"] = table["value"].astype(float)
    except ValueError as error:
        raise BrainvisError("holds no number", file=path, field="value", found=error) from error
    if (table["source"].str.strip() == "").any():
        raise BrainvisError("is empty", file=path, field="source")
    twice = table.duplicated(["method", "subjects", "metric", "source"])
    if twice.any():
        found = str(table.loc[twice, "method"].iloc[0])
        raise BrainvisError("listed twice", file=path, field="method", found=found)
    return table


def why_not_comparable(row: Mapping[str, Any], dataset: str, protocols: pd.DataFrame | None) -> str:
    """Why a published row cannot stand beside ours; empty where the protocol is the same.

    Parameters
    ----------
    row : mapping
        Row of `published_videos`.
    dataset : str
        Ours.
    protocols : DataFrame or None
        Of `brainvis.evaluate.video_stage.score_videos`.
    """
    if dataset != DATASET:
        return f"measured on {DATASET}, ours on {dataset}"
    if protocols is None or row["metric"] not in set(protocols["metric"]):
        return "is not taken here"
    if not row["requires"]:
        return "its estimator, size or frames are not stated"
    own = protocols.iloc[list(protocols["metric"]).index(row["metric"])]
    if own["status"] != COMPUTED:
        return str(own["status"])
    for wanted in str(row["requires"]).split(";"):
        name, value = wanted.split("=", maxsplit=1)
        if str(own[name]).split(",")[0].removesuffix(" cells") != value:
            return f"{name} is {value}, ours {own[name]}"
    return ""
