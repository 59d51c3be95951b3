"""All methods on all metrics, with chance, intervals, and differences from the best baseline."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from brainvis.evaluate.catalogue import describe
from brainvis.evaluate.summary import ALL
from brainvis.report.context import Context, decoders_first, oriented, records, where
from brainvis.report.figures.scores import paired_scatter, score_panels
from brainvis.report.section import Cell, Picture, Section, Table
from brainvis.report.words import interval, number, probability

_FIGURE = ("correlation", "ssim", "two_way", "two_way_within_class", "top1")
_PANELS = 6
_SCORED = {"image": "Images.", "features": "Feature vectors decoded from responses."}
_DETAIL_ONLY = {"ssim_legacy_columns"}  # beside SSIM it would only confuse


def build(context: Context) -> Section | None:
    """A figure, one matrix per split and modality, and every number in a folded table."""
    if not context.scored:
        return None
    rows = context.rows()
    caption = (
        "Dots: mean over test stimuli and subjects. Bars: 95 % bootstrap interval over stimuli. "
        "Orange: chance, for metrics without an exact level that of each method's own permuted "
        "pairing. Hollow: baselines; a decoder should lie beyond its chance and beyond every "
        "hollow dot."
    )
    parts: list = []
    for modality in dict.fromkeys(rows["modality"]):  # methods of one have no scores in another
        own = where(rows, modality=modality)
        figure = score_panels(own, figure_metrics(own), kind=context.kind)
        parts.append(Picture(f"scores_{modality}", figure, f"{_SCORED[modality]} {caption}"))
    parts += _scatter(context)
    every = decoders_first(where(context.summary, subject=ALL))
    for split, modality in dict.fromkeys(zip(every["split"], every["modality"], strict=True)):
        part = where(every, split=split, modality=modality)
        parts += [matrix_table(part, split, modality), details_table(part, split, modality)]
    return Section("scores", "Scores", parts)


def figure_metrics(rows: pd.DataFrame) -> list[str]:
    """The metrics worth a panel, in a fixed order."""
    known = list(dict.fromkeys(rows["metric"]))
    chosen = [
        name
        for measure in _FIGURE
        for name in known
        if name == measure or (name.endswith(f"_{measure}") and describe(name).name == name)
    ]
    return list(dict.fromkeys(chosen or known))[:_PANELS]


def _scatter(context: Context) -> list[Picture]:
    row = context.headline()
    metric, names = context.choices.order_by, (str(row["method"]), str(row["best_baseline"]))
    first, second = (context.values(name, metric).mean(axis=1) for name in names)
    first, second = first.align(second, join="inner")
    if first.empty or not names[1]:
        return []
    figure = paired_scatter(first.to_numpy(), second.to_numpy(), names, metric, kind=context.kind)
    caption = (
        f"Each dot is one test stimulus (mean of subjects): above the diagonal, “{names[0]}” is "
        f"better than “{names[1]}”, the best baseline on the headline metric."
    )
    return [Picture("paired", figure, caption)]


def matrix_table(part: pd.DataFrame, split: str, modality: str) -> Table:
    """Summary rows of one split and modality: methods by metrics, last row chance."""
    cells = {(row["method"], row["metric"]): row for row in records(part)}
    metrics = [name for name in dict.fromkeys(part["metric"]) if name not in _DETAIL_ONLY]
    methods = list(dict.fromkeys(part["method"]))
    best = {
        name: max(oriented(row) for (_, metric), row in cells.items() if metric == name)
        for name in metrics
    }
    lines = [
        [Cell(method), *(_cell(cells.get((method, name)), best[name]) for name in metrics)]
        for method in methods
    ]
    chance = [number(float(np.mean(where(part, metric=name)["chance"]))) for name in metrics]
    lines.append([Cell("chance"), *map(Cell, chance)])
    baselines = [bool(where(part, method=method)["baseline"].any()) for method in methods]
    caption = (
        f"Split “{split}”, {modality}: mean with 95 % interval; bold: best; ↓: lower is better. "
        "Last row: chance (mean over methods where it is measured by permuting the pairing)."
    )
    return Table(["method", *map(_column, metrics)], lines, caption, [*baselines, True])


def _cell(row: dict[str, Any] | None, best: float) -> Cell:
    if row is None:
        return Cell("–")
    note = interval(row["ci_low"], row["ci_high"], 2)
    return Cell(number(row["mean"]), note, strong=oriented(row) >= best)


def _column(name: str) -> str:
    metric = describe(name)
    return metric.label + ("" if metric.higher_is_better else " ↓")


def details_table(part: pd.DataFrame, split: str, modality: str) -> Table:
    """Every number of those rows, folded."""
    columns = ["metric", "method", "mean", "95 % interval", "subjects drawn too", "chance", "p"]
    columns += ["q", "n", "best baseline", "difference", "its p", "protocol"]
    lines = []
    for row in records(part.sort_values(["metric", "baseline"], kind="stable")):
        text = [
            describe(row["metric"]).label,
            row["method"],
            number(row["mean"]),
            interval(row["ci_low"], row["ci_high"]),
            interval(row["ci_low_subjects"], row["ci_high_subjects"]),
            f"{number(row['chance'])} {row['chance_is']}",
            probability(row["p"]),
            probability(row["q"]),
            f"{int(row['n'])} × {int(row['subjects'])}",
            row["best_baseline"] or "–",
            f"{number(row['difference'])} "
            f"{interval(row['difference_low'], row['difference_high'])}",
            probability(row["difference_p"]),
            row["protocol"],
        ]
        lines.append([Cell(str(one)) for one in text])
    caption = (
        f"Split “{split}”, {modality}: every number. p: permuted pairing, one-sided; q: "
        "Benjamini-Hochberg; n: stimuli × subjects; difference: paired, against the best "
        "baseline of that metric, with bootstrap interval and sign-flip p (two-sided)."
    )
    return Table(columns, lines, caption, folded=True, numbers_from=2)
