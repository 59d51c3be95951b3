"""A new subject from few of its trials."""

from __future__ import annotations

from typing import Any

from brainvis.evaluate.budgets import MODEL, RIDGE
from brainvis.report.context import Context, records
from brainvis.report.figures.budgets import budget_curve
from brainvis.report.section import Cell, Picture, Section, Table, Text
from brainvis.report.words import interval, number

_COLUMNS = ["trials", "decoder", "two-way", "of all trials", "above ridge", "images"]


def build(context: Context) -> Section | None:
    """The curve and its table; None where no share of trials was tried."""
    table = context.budgets
    if table is None or table.empty:
        return None
    first = records(table)[0]
    figure = budget_curve(table, kind=context.kind)
    caption = (
        f"Two-way identification of {int(first['stimuli'])} test stimuli by vectors of the space "
        f"“{first['space']}” decoded from {int(first['subjects'])} new subject(s), by the number "
        "of training trials learned from; 95 % bootstrap interval over stimuli. Orange: chance. "
        "Dotted: 85 % of what the transformer reaches above chance with all trials."
    )
    text = (
        "The network stays as it was trained on other subjects. From the first part of a new "
        "subject's training trials alone come the normalisation of its responses, its voxels' "
        "embeddings (expected over known voxels) and clusters; nothing else of it is read. "
        "Ridge to the same vectors learns from the same trials. Single-trial betas are those of "
        "the whole recording: their GLM saw all runs, as for published results from one session."
    )
    lines = [_line(row) for row in records(table)]
    quiet = [row["method"] != MODEL for row in records(table)]
    note = (
        "Of all trials: part of the decoder's own two-way above chance from all trials. Above "
        "ridge: paired difference from ridge on the same trials. 95 % intervals over stimuli."
    )
    return Section(
        "budgets",
        "New subject, few trials",
        [Text(text), Picture("budgets", figure, caption), Table(_COLUMNS, lines, note, quiet)],
    )


def _share(row: dict[str, Any]) -> str:
    """``1/40`` or ``all``."""
    return "all" if row["share"] == 1 else f"1/{int(row['share'])}"


def _line(row: dict[str, Any]) -> list[Cell]:
    kept = interval(row["of_full_low"], row["of_full_high"], 2)
    above = interval(row["above_ridge_low"], row["above_ridge_high"])
    won = row["method"] == MODEL and row["above_ridge_low"] > 0
    itself = row["method"] == RIDGE
    return [
        Cell(_share(row), f"{row['trials']:.0f} trials"),
        Cell(str(row["name"])),
        Cell(number(row["two_way"]), interval(row["low"], row["high"])),
        Cell(number(row["of_full"], 2), kept),
        Cell("–") if itself else Cell(f"{row['above_ridge']:+.3f}", above, strong=won),
        Cell(f"{row['images']:.0f}"),
    ]


def text_rows(rows: list[dict[str, Any]]) -> list[list[str]]:
    """The table as text, with its head, for a page of docs/results."""
    body = [[" ".join(filter(None, (cell.text, cell.note))) for cell in _line(row)] for row in rows]
    return [list(_COLUMNS), *body]
