"""Published numbers on NSD: beside ours where they were taken alike, folded away elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from brainvis.containers import MEASURED
from brainvis.evaluate import published
from brainvis.evaluate.catalogue import describe
from brainvis.report.context import Context, records, where
from brainvis.report.section import Cell, Part, Section, Table, Text
from brainvis.report.words import number

_TITLES = {
    "nsd_40h": "reconstruction, 40 hours of each subject",
    "nsd_1h": "reconstruction, 1 hour of the subject",
    "ablation": "reconstruction by parts of a method",
    "retrieval": "retrieval among 300",
}
_TEST_SET = "NSD shared1000"


def build(context: Context) -> Section | None:
    """Rows taken as ours were, beside ours; all rows folded. None where no image was scored."""
    if context.protocols is None or context.protocols.empty:
        return None
    every = {name: published.published(name) for name in _TITLES}
    ours = _ours(context)
    parts: list[Part] = [Text(_words(context.kind))]
    if ours is not None:
        alike = {name: published.comparable(table, ours) for name, table in every.items()}
        parts += [_beside(context, table, name) for name, table in alike.items() if not table.empty]
    parts += [_folded(context.kind, name, table) for name, table in every.items()]
    return Section("published", "Published numbers", parts)


def _words(kind: str) -> str:
    whose = "measured brains" if kind != MEASURED else "the brains of NSD"
    return (
        f"Numbers that papers report for {whose}, as this project read them; where, the last "
        "column says. A number stands open beside ours only where test set, images, subjects, "
        "networks, weights and sizes are the same. All others are folded away: SSIM alone moves "
        "as much between protocols as between methods."
    )


def _ours(context: Context) -> published.Ours | None:
    """How ours were taken, where they are of NSD's own test set."""
    dataset = context.config.get("dataset")
    of_nsd = isinstance(dataset, Mapping) and dataset.get("name") == "nsd"
    if context.kind != MEASURED or not of_nsd or not context.scored or context.protocols is None:
        return None
    own = where(context.scores, split=context.split, modality="image")
    subjects = tuple(sorted({str(name).lstrip("0") for name in own["subject"]}))
    images = len(set(own["stimulus"]))
    return published.Ours(_TEST_SET, images, subjects, context.protocols)


def _beside(context: Context, table: pd.DataFrame, name: str) -> Table:
    metrics = [one for one in _metrics(table) if any(pd.notna(row[one]) for row in records(table))]
    rows = context.rows(modality="image")
    means = {(row["method"], row["metric"]): row["mean"] for row in records(rows)}
    ours = list(dict.fromkeys(rows["method"]))
    lines = [
        [
            Cell(method, "this run"),
            Cell("–"),
            *(Cell(number(means.get((method, metric), float("nan")))) for metric in metrics),
            Cell("this page"),
        ]
        for method in ours
    ]
    lines += [_line(row, metrics) for row in records(table)]
    caption = (
        f"Published {_TITLES[name]} (grey), taken as ours: same test images, subjects, networks "
        "and sizes."
    )
    quiet = [False] * len(ours) + [True] * len(table)
    return Table(_columns(metrics), lines, caption, quiet, numbers_from=2)


def _folded(kind: str, name: str, table: pd.DataFrame) -> Table:
    metrics = _metrics(table)
    why = (
        "Published, measured brains, other images and networks: not comparable with simulated rows"
        if kind != MEASURED
        else "Published, on NSD: not comparable but for what stands above"
    )
    lines = [_line(row, metrics) for row in records(table)]
    return Table(_columns(metrics), lines, f"{why} ({_TITLES[name]}).", folded=True, numbers_from=2)


def _metrics(table: pd.DataFrame) -> list[str]:
    known = (*published.NSD_METRICS.values(), *published.RETRIEVAL_METRICS.values())
    return [name for name in known if name in table]


def _columns(metrics: list[str]) -> list[str]:
    labels = [
        describe(one).label + ("" if describe(one).higher_is_better else " ↓") for one in metrics
    ]
    return ["method", "hours", *labels, "read in"]


def _line(row: dict[str, Any], metrics: list[str]) -> list[Cell]:
    return [
        Cell(str(row["method"]), ", ".join(filter(None, (f"{row['year']:g}", row["citation"])))),
        Cell(f"{row['hours']:g}"),
        *(Cell(number(row[metric])) for metric in metrics),
        Cell(str(row["source"])),
    ]
