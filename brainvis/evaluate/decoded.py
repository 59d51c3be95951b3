"""Stage: retrieval by decoded vectors, and whether they collapsed, a row per file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from brainvis.containers import Features
from brainvis.errors import BrainvisError
from brainvis.evaluate import table as tables
from brainvis.evaluate.collapse import collapse
from brainvis.evaluate.evaluated import labels_of, order_of
from brainvis.evaluate.retrieval import POOL, retrieve
from brainvis.evaluate.statistics import bootstrap_interval
from brainvis.evaluate.summary import ALL

WAYS = ("image_retrieval", "brain_retrieval")
SPREADS = ("effective_rank", "participation_ratio", "variance", "mean_cosine")
COLUMNS = ("dataset", "subject", "split", "method", "space", "subjects", "stimuli")
COLUMNS += ("pool", "chance", *(f"{way}{end}" for way in WAYS for end in ("", "_low", "_high")))
COLUMNS += tuple(f"{name}_{whose}" for name in SPREADS for whose in ("true", "decoded"))


def check_decoded(
    true_features: Sequence[Path],
    decoded: Sequence[Path],
    out: Path,
    *,
    pool: int = POOL,
    bootstrap: int = 1000,
    seed: int = 0,
) -> None:
    """Retrieval both ways and spread of the pooled vectors decoded from responses.

    Parameters
    ----------
    true_features : sequence of path
        `Features` of the stimuli, one per space.
    decoded : sequence of path
        `Features` decoded from responses, with attributes space, method, subject, split, dataset.
    out : path
        Table, .csv or .parquet, with the columns `COLUMNS`: image_retrieval and brain_retrieval
        each with _low and _high (95 % over images), then effective_rank, participation_ratio,
        variance and mean_cosine each as _true and _decoded. One row per file, and one with subject
        "all" for the mean over subjects (its intervals are over images, subjects fixed).
    pool : int
        Items to choose from in retrieval.
    bootstrap, seed : int

    Raises
    ------
    BrainvisError
        No files, a space without true features, vectors that do not fit or are not finite.
    """
    spaces = {one.space: one for one in map(Features.open, true_features)}
    found: dict[tuple[str, ...], list[_Checked]] = {}
    for path in tqdm(decoded, disable=None, desc="retrieval by decoded vectors"):
        made = Features.open(path)
        if made.space not in spaces:
            raise BrainvisError(
                "has no true features of its space", file=path, field="space", found=made.space
            )
        labels = labels_of(made, "features")
        key = (labels["dataset"], labels["split"], labels["method"], made.space)
        one = _checked(spaces[made.space], made, labels["subject"], pool, bootstrap, seed)
        found.setdefault(key, []).append(one)
    if not found:
        raise BrainvisError("nothing to check", field="decoded", found="no files")
    rows = [
        dict(zip(("dataset", "split", "method", "space"), key, strict=True)) | row
        for key, files in found.items()
        for row in (_over_subjects(files, bootstrap, seed), *(one.row for one in files))
    ]
    tables.write(pd.DataFrame(rows, columns=list(COLUMNS)), out)


@dataclass(frozen=True)
class _Checked:
    """Row of one file, and each image's probabilities of being retrieved, (n, 2)."""

    row: dict[str, Any]
    values: pd.DataFrame


def _checked(
    known: Features, made: Features, subject: str, pool: int, draws: int, seed: int
) -> _Checked:
    ids = made.ids[order_of(made)]
    true, own = known.pooled(ids), made.pooled(ids)
    ways = dict(zip(WAYS, retrieve(true, own, pool=pool, draws=draws, seed=seed), strict=True))
    row: dict[str, Any] = {"subject": subject, "subjects": 1, "stimuli": len(ids)}
    for name, way in ways.items():
        row |= {"pool": way.pool, "chance": way.chance}
        row |= {name: way.rate, f"{name}_low": way.low, f"{name}_high": way.high}
    spreads = collapse(true, own)
    for name in SPREADS:
        row[f"{name}_true"] = getattr(spreads.true, name)
        row[f"{name}_decoded"] = getattr(spreads.decoded, name)
    return _Checked(row, pd.DataFrame({n: way.values for n, way in ways.items()}, index=ids))


def _over_subjects(files: Sequence[_Checked], draws: int, seed: int) -> dict[str, Any]:
    """Means over subjects; `pool` is the largest, where test sets differ in size."""
    rows = pd.DataFrame([one.row for one in files])
    if len(set(rows["subject"])) < len(rows):
        raise BrainvisError("two files have the same labels", field="subject")
    values = {way: pd.concat([one.values[way] for one in files], axis=1) for way in WAYS}
    mean: dict[str, Any] = rows.drop(columns=["subject", "stimuli", "pool"]).mean().to_dict()
    mean |= {"subject": ALL, "subjects": len(rows), "stimuli": len(values[WAYS[0]])}
    mean["pool"] = max(one.row["pool"] for one in files)
    for way, table in values.items():
        low, high = bootstrap_interval(table.to_numpy(), draws=draws, seed=seed)
        mean |= {f"{way}_low": low, f"{way}_high": high}
    return mean
