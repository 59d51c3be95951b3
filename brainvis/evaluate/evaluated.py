"""Scores of one file with what they belong to, and how files are brought into one order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from brainvis.containers import Features, Reconstructions, Stimuli
from brainvis.errors import BrainvisError
from brainvis.evaluate import table as tables
from brainvis.evaluate.scoring import Score
from brainvis.evaluate.summary import Key, Null, summarise
from brainvis.objects3d.files import Objects

LABELS = ("dataset", "subject", "split", "method")


@dataclass(frozen=True)
class Evaluated:
    """Scores of one file: who and what, for which stimuli, how measured."""

    labels: dict[str, str]  # dataset, subject, split, method, modality
    stimuli: np.ndarray  # (n,) str
    scores: list[Score]
    protocol: str


def order_of(file: Reconstructions | Features | Objects) -> np.ndarray:
    """Rows sorted by identifier, so that one permutation means the same in every subject.

    Raises
    ------
    BrainvisError
        Fewer than two stimuli, or one twice.
    """
    ids = file.ids
    if len(ids) < 2 or len(np.unique(ids)) != len(ids):
        raise BrainvisError(
            "needs two or more stimuli, each once",
            file=file.path,
            field="ids",
            found=f"{len(ids)} ids",
        )
    return np.argsort(ids, kind="stable")


def classes_of(seen: Stimuli, ids: np.ndarray) -> np.ndarray | None:
    """Category of each stimulus, None where the data set has none."""
    if "category" not in seen.table:
        return None
    return seen.table["category"].to_numpy(dtype=str)[seen.rows(ids)]


def labels_of(file: Reconstructions | Features | Objects, modality: str) -> dict[str, str]:
    """Who and what a file is of, from its attributes.

    Raises
    ------
    BrainvisError
        An attribute is missing.
    """
    missing = [name for name in LABELS if name not in file.attributes]
    if missing:
        raise BrainvisError("lacks attributes", file=file.path, found=missing)
    return {**{name: str(file.attributes[name]) for name in LABELS}, "modality": modality}


def write_scores(
    evaluated: list[Evaluated],
    out_table: Path,
    out_summary: Path,
    *,
    baselines: Sequence[str],
    bootstrap: int = 1000,
    interval: str = "percentile",
    seed: int = 0,
) -> None:
    """Write the tidy table of scores and its summary; arguments as in `summary.summarise`.

    Raises
    ------
    BrainvisError
        Nothing scored, or two files with the same labels.
    """
    parts, nulls = [], {}
    for one in evaluated:
        for score in one.scores:
            key = _key(one.labels, score.metric)
            if key in nulls:
                raise BrainvisError(
                    "scored twice: two files have the same labels", field="method", found=key
                )
            nulls[key] = Null(score.null, score.null_mean, score.chance)
            columns = {**one.labels, "metric": score.metric, "stimulus": one.stimuli}
            columns |= {"value": score.values, "protocol": one.protocol}
            parts.append(pd.DataFrame(columns)[tables.COLUMNS])
    if not parts:
        raise BrainvisError("nothing to evaluate", field="reconstructions", found="no files")
    table = pd.concat(parts, ignore_index=True)
    tables.write(table, out_table)
    summary = summarise(
        table, nulls, baselines=tuple(baselines), bootstrap=bootstrap, interval=interval, seed=seed
    )
    tables.write(summary, out_summary)


def _key(labels: dict[str, str], metric: str) -> Key:
    return (*(labels[name] for name in tables.GROUP[:-1]), metric, labels["subject"])
