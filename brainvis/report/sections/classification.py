"""Which category was seen, told from the responses alone."""

from __future__ import annotations

import pandas as pd

from brainvis.report.context import Context, records
from brainvis.report.figures.scores import accuracy_dots
from brainvis.report.section import Cell, Picture, Section, Table
from brainvis.report.words import number, probability

_NAMES = ("subject", "split", "method", "target", "roi", "region")
_LEFT_OUT = ("dataset", "kind", "label")


def build(context: Context) -> Section | None:
    """A figure and a table of classification results; no section where there are none."""
    results = context.classification
    if results is None or results.empty or not {"accuracy", "chance"} <= set(results):
        return None
    names = [name for name in _NAMES if name in results and len(set(results[name])) > 1]
    names = names or [name for name in ("method", "target", "subject") if name in results][:1]
    labels = results[names].astype(str).agg(", ".join, axis=1) if names else "accuracy"
    figure = accuracy_dots(results.assign(label=labels), kind=context.kind)
    caption = (
        "Accuracy on held-out trials, with 95 % interval where it was computed; the orange mark is "
        "chance, for that number and balance of classes."
    )
    parts = [Picture("classification", figure, caption), _table(results)]
    return Section("classification", "Classification", parts)


def _table(results: pd.DataFrame) -> Table:
    columns = [name for name in results if name not in _LEFT_OUT]
    rows = [[Cell(_shown(name, row[name])) for name in columns] for row in records(results)]
    first = sum(name in _NAMES for name in columns)
    return Table(list(columns), rows, "All classification results.", numbers_from=max(1, first))


def _shown(name: str, value: object) -> str:
    if isinstance(value, float):
        return probability(value) if name in ("p", "q") else number(value)
    return str(value)
