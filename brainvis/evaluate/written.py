"""Scores of many files as the tidy table and its summary."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from brainvis.errors import BrainvisError
from brainvis.evaluate import table as tables
from brainvis.evaluate.evaluated import Evaluated
from brainvis.evaluate.summary import Key, Null, summarise


def write_scores(
    evaluated: Sequence[Evaluated],
    out_table: Path,
    out_summary: Path,
    *,
    baselines: Sequence[str],
    bootstrap: int,
    seed: int,
    interval: str = "percentile",
) -> None:
    """Write the table of `evaluated` and its summary (`brainvis.evaluate.summary.summarise`).

    A score without permuted pairings is one that has no chance level.

    Parameters
    ----------
    evaluated : sequence of Evaluated
    out_table, out_summary : path
        .parquet or .csv by suffix.
    baselines, bootstrap, seed, interval
        Of the summary.

    Raises
    ------
    BrainvisError
        Nothing to write, or two files with the same labels.
    """
    parts, nulls, known = [], {}, set()
    for one in evaluated:
        for score in one.scores:
            key = _key(one.labels, score.metric)
            if key in known:
                raise BrainvisError(
                    "scored twice: two files have the same labels", field="method", found=key
                )
            known.add(key)
            if len(score.null):
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
