"""How well each category of stimuli is told apart, by the headline method."""

from __future__ import annotations

import pandas as pd

from brainvis.evaluate.catalogue import describe
from brainvis.evaluate.statistics import bootstrap_interval, mean_score
from brainvis.report.context import Context, where
from brainvis.report.section import Cell, Section, Table
from brainvis.report.words import interval, number

_METRICS = ("pixel_correlation", "pixel_two_way", "pixel_two_way_within_class")


def by_category(scores: pd.DataFrame, category: dict[str, str], method: str) -> pd.DataFrame:
    """Mean scores of one method in each split, category and metric.

    Parameters
    ----------
    scores : DataFrame
        Tidy scores.
    category : dict
        Category by stimulus identifier.
    method : str

    Returns
    -------
    DataFrame
        Columns split, category, metric, n (stimuli), mean, ci_low, ci_high (95 %, over stimuli).
    """
    chosen = where(scores, method=method, modality="image")
    chosen = chosen.assign(category=[category[name] for name in chosen["stimulus"]])
    rows = []
    chosen = chosen.loc[chosen["metric"].isin(_METRICS)]
    for (split, kind, metric), part in chosen.groupby(["split", "category", "metric"], sort=True):  # pyright: ignore[reportGeneralTypeIssues]
        values = part.pivot_table(index="stimulus", columns="subject", values="value").to_numpy()
        low, high = bootstrap_interval(values) if len(values) > 1 else (float("nan"),) * 2
        found = {"n": len(values), "mean": mean_score(values), "ci_low": low, "ci_high": high}
        rows.append({"split": split, "category": kind, "metric": metric, **found})
    return pd.DataFrame(rows)


def build(context: Context) -> Section | None:
    """One table per split: a row per category, chance and number of stimuli beside it."""
    if not context.scored or context.stimuli is None or "category" not in context.stimuli.table:
        return None
    method = str(context.headline()["method"])
    seen = context.stimuli
    category = dict(zip(seen.ids, seen.table["category"].astype(str), strict=True))
    table = by_category(context.scores, category, method)
    if table.empty:
        return None
    parts = [
        _table(where(table, split=split), str(split), method) for split in table["split"].unique()
    ]
    return Section("categories", "Categories", parts)


def _table(part: pd.DataFrame, split: str, method: str) -> Table:
    metrics = [name for name in _METRICS if name in set(part["metric"])]
    cells = part.set_index(["category", "metric"])
    lines = []
    for category in part["category"].unique():
        line = [Cell(str(category)), Cell(str(where(part, category=category)["n"].iloc[0]))]
        for metric in metrics:
            if (category, metric) not in cells.index:
                line.append(Cell("–"))
                continue
            row = cells.loc[(category, metric)]
            line.append(Cell(number(row["mean"]), interval(row["ci_low"], row["ci_high"], 2)))
        lines.append(line)
    caption = (
        f"Split “{split}”, “{method}”: mean with 95 % interval over the stimuli of a category; "
        "chance of two-way identification is 0.5."
    )
    return Table(["category", "n", *(describe(name).label for name in metrics)], lines, caption)
