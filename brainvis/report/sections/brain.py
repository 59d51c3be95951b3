"""Would the brain have answered so to the reconstruction?"""

from __future__ import annotations

from typing import Any

import pandas as pd

from brainvis.evaluate.brain import GROUPS
from brainvis.evaluate.brain_stage import CEILING, SEEN, describe_groups
from brainvis.evaluate.catalogue import describe
from brainvis.evaluate.summary import ALL
from brainvis.report.context import Context, decoders_first, records, where
from brainvis.report.figures.brain import brain_panels
from brainvis.report.section import Cell, Part, Picture, Section, Table, Text
from brainvis.report.words import interval, number

LIMITS = {CEILING: "noise ceiling", SEEN: "the encoder on the seen image"}


def build(context: Context) -> Section | None:
    """A figure and a table; None where no response was predicted."""
    if context.brain is None or context.brain.empty:
        return None
    rows = where(context.brain, subject=ALL)
    metrics = [
        f"brain_{group}_{measure}" for group in GROUPS for measure in ("correlation", "two_way")
    ]
    metrics = [metric for metric in metrics if metric in set(rows["metric"])]
    best = sorted(name for name in set(rows["method"]) if name in _chosen(context))
    parts: list[Part] = [
        Text(
            "The universal encoder predicts what the subject's brain would answer to each "
            "reconstruction; this is correlated, over voxels, with the measured response to what "
            "was seen, both standardised with training stimuli. Noise in the measured response "
            "bounds it (noise ceiling), and so does the encoder (its answer to the seen image)."
        ),
        _figure(context, rows, [m for m in metrics if m.endswith("_correlation")]),
        _table(rows, metrics),
    ]
    if best:
        parts.append(
            Text(
                f"{', '.join(best)}: samples were chosen by this same encoder and response, so "
                "these rows say how well the choice worked and are no evidence of better images."
            )
        )
    return Section("brain", "Brain correlation", parts)


def _chosen(context: Context) -> set[str]:
    """Methods that kept the best of several samples."""
    made = context.config.get("generators", {})
    return {f"{name}-best" for name, one in made.items() if one.get("samples", 1) > 1}


def _figure(context: Context, rows: pd.DataFrame, metrics: list[str]) -> Picture:
    titles = {metric: metric.split("_")[1] for metric in metrics}
    table = decoders_first(where_any(rows, metrics))
    figure = brain_panels(table, titles, lines=LIMITS, kind=context.kind)
    caption = (
        "Mean over subjects and test stimuli, with 95 % bootstrap interval over stimuli; orange: "
        "permuted pairing; black line: noise ceiling; dashed: the encoder on the seen image. "
        f"Hollow: baselines. Groups: {describe_groups()}."
    )
    return Picture("brain", figure, caption)


def where_any(rows: pd.DataFrame, metrics: list[str]) -> pd.DataFrame:
    """Rows of any of the metrics."""
    return rows.loc[rows["metric"].isin(metrics)]


def _table(rows: pd.DataFrame, metrics: list[str]) -> Table:
    methods = list(dict.fromkeys(decoders_first(rows)["method"]))
    methods = [m for m in methods if m not in LIMITS] + [m for m in LIMITS if m in methods]
    cells = {(row["method"], row["metric"]): row for row in records(rows)}
    lines = [
        [
            Cell(str(LIMITS.get(method, method))),
            *(_cell(cells.get((method, m))) for m in metrics),
        ]
        for method in methods
    ]
    chance = [cells[next(key for key in cells if key[1] == m and key[0] not in LIMITS)] for m in
              metrics]  # fmt: skip
    lines.append([Cell("chance"), *(Cell(number(row["chance"])) for row in chance)])
    quiet = [method in LIMITS or _baseline(cells, method) for method in methods] + [True]
    caption = (
        "Mean over subjects and test stimuli, with 95 % interval over stimuli. Two-way: is the "
        "predicted response more like the measured one than like that to another test stimulus?"
    )
    return Table(["method", *(describe(m).label for m in metrics)], lines, caption, quiet)


def _baseline(cells: dict[tuple[str, str], dict[str, Any]], method: str) -> bool:
    return any(row["baseline"] for (name, _), row in cells.items() if name == method)


def _cell(row: dict[str, Any] | None) -> Cell:
    if row is None:
        return Cell("–")
    return Cell(number(row["mean"]), interval(row["ci_low"], row["ci_high"]))
