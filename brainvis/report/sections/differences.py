"""Chosen methods beside each other, paired over stimuli."""

from __future__ import annotations

from typing import Any

import pandas as pd

from brainvis.evaluate.catalogue import describe
from brainvis.report.context import Context, records, where
from brainvis.report.figures.differences import difference_panels
from brainvis.report.section import Cell, Part, Picture, Section, Table
from brainvis.report.words import interval, number, probability

_GROUP = ["split", "modality", "method"]
_DRAWN = ("pixel_correlation", "ssim", "chamfer", "emd", "f_score", "volume_iou")
_MEASURES = ("_two_way", "_distance")  # identification and distances, in every space


def build(context: Context) -> Section | None:
    """A figure and a table per split, modality and method; None where none were compared."""
    table = context.differences
    if table is None or table.empty:
        return None
    return Section("differences", "Paired differences", difference_parts(table, context.kind))


def difference_parts(table: pd.DataFrame, kind: str, prefix: str = "differences") -> list[Part]:
    """A figure, named after `prefix`, and two tables per split, modality and method."""
    parts: list[Part] = []
    for number_, names in enumerate(
        dict.fromkeys(table[_GROUP].itertuples(index=False, name=None))
    ):
        own = where(table, **dict(zip(_GROUP, names, strict=True)))
        figure = _figure(own, kind, f"{prefix}_{number_}", *names)
        parts += [figure, _table(own, *names), _tests(own, *names)]
    return parts


def _figure(
    table: pd.DataFrame, kind: str, name: str, split: str, modality: str, method: str
) -> Picture:
    every = list(dict.fromkeys(table["metric"]))
    drawn = [one for one in every if one in _DRAWN or one.endswith(_MEASURES)] or every
    figure = difference_panels(table, drawn, kind=kind)
    caption = (
        f"Split “{split}”, {modality}: “{method}” minus each other method on the same stimuli "
        "(mean of subjects), with 95 % bootstrap interval over stimuli. Right of the line “"
        f"{method}” is better (differences of metrics where lower is better are turned round). "
        "Blue: the interval favours it; orange: it favours the other; grey: it holds 0."
    )
    return Picture(name, figure, caption)


def _table(table: pd.DataFrame, split: str, modality: str, method: str) -> Table:
    others = list(dict.fromkeys(table["against"]))
    cells = {(row["metric"], row["against"]): row for row in records(table)}
    lines = [
        [Cell(_label(metric)), *(_cell(cells.get((metric, other))) for other in others)]
        for metric in dict.fromkeys(table["metric"])
    ]
    first = [records(where(table, against=other))[0] for other in others]
    if all(row["metrics_ranked"] for row in first):
        metrics = int(first[0]["metrics_ranked"])
        note = f"{method}: {first[0]['rank_sum']:g}"
        sums = [Cell(f"{row['rank_sum_against']:g}", note) for row in first]
        lines.append([Cell("sum of ranks", f"over {metrics} metrics, lower is better"), *sums])
    caption = (
        f"Split “{split}”, {modality}: mean of “{method}” minus that of the other method, with "
        f"95 % interval. Bold: the interval favours “{method}”; ↓: lower is better, a negative "
        "difference is good. Last row: ranks of these methods over all metrics that they share."
    )
    return Table(["metric", *(f"minus {other}" for other in others)], lines, caption)


def _label(metric: str) -> str:
    described = describe(metric)
    return described.label + ("" if described.higher_is_better else " ↓")


def _cell(row: dict[str, Any] | None) -> Cell:
    if row is None:
        return Cell("–")
    won = row["better"] == row["method"]
    return Cell(f"{row['difference']:+.3f}", interval(row["low"], row["high"]), strong=won)


def _tests(table: pd.DataFrame, split: str, modality: str, method: str) -> Table:
    columns = ["metric", "against", "difference", "95 % interval", "p", "q", "n", "better"]
    lines = [
        [
            Cell(text)
            for text in (
                _label(row["metric"]), row["against"], number(row["difference"]),
                interval(row["low"], row["high"]), probability(row["p"]), probability(row["q"]),
                f"{int(row['stimuli'])} × {int(row['subjects'])}", row["better"] or "–",
            )
        ]
        for row in records(table)
    ]  # fmt: skip
    caption = (
        f"Split “{split}”, {modality}, “{method}”: every test. p: sign flips of whole stimuli, "
        "two-sided; q: Benjamini-Hochberg over the metrics of a pair; n: stimuli × subjects."
    )
    return Table(columns, lines, caption, folded=True, numbers_from=2)
