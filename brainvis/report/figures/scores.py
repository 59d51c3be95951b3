"""Scores of methods: with intervals, per subject, and per stimulus."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from brainvis.evaluate.catalogue import describe
from brainvis.report.context import records, where
from brainvis.report.style import BLUE, FAINT, INK, MARKERS, MUTED, ORANGE, PALETTE, canvas, plain

_PANEL = 2.5  # inches
_LABELS = 1.7


def score_panels(summary: pd.DataFrame, metrics: Sequence[str], *, kind: str) -> Figure:
    """Mean and 95 % interval of every method, one panel per metric (↓: lower is better), chance.

    Parameters
    ----------
    summary : DataFrame
        Rows of one split for all subjects (`brainvis.evaluate.summary`); order of methods is kept
        from top to bottom.
    metrics : sequence of str
    kind : str
    """
    methods = list(dict.fromkeys(summary["method"]))
    columns = min(3, len(metrics))
    lines = -(-len(metrics) // columns)
    height = lines * (0.29 * len(methods) + 1.0) + 0.2
    with canvas(_PANEL * columns + _LABELS, height, kind) as figure:
        panels = figure.subplots(lines, columns, squeeze=False, sharey=True)
        for panel, metric in zip(panels.flat, metrics, strict=False):
            _score_panel(panel, where(summary, metric=metric), methods, metric)
        for panel in list(panels.flat)[len(metrics) :]:
            panel.axis("off")
        figure.legend(handles=_legend(), loc="outside lower right", ncols=3, fontsize=8)
    return figure


def _score_panel(panel: Axes, rows: pd.DataFrame, methods: list[str], metric: str) -> None:
    described = describe(metric)
    better = "" if described.higher_is_better else " ↓"
    panel.set_title("\n".join(wrap(plain(described.label + better, 54), 27)))
    panel.grid(axis="x")
    for row in records(rows):
        y, colour = methods.index(row["method"]), MUTED if row["baseline"] else BLUE
        panel.plot([row["chance"]] * 2, [y - 0.42, y + 0.42], color=ORANGE, linewidth=2, zorder=1)
        panel.plot([row["ci_low"], row["ci_high"]], [y, y], color=colour, linewidth=2, alpha=0.55)
        face = "white" if row["baseline"] else colour
        panel.plot(row["mean"], y, "o", color=colour, markerfacecolor=face, markersize=6)
    panel.set_yticks(range(len(methods)), [plain(method, 20) for method in methods])
    panel.set_ylim(len(methods) - 0.5, -0.5)
    panel.tick_params(axis="y", labelcolor=INK)


def _legend() -> list[Line2D]:
    decoder = Line2D([], [], marker="o", color=BLUE, label="decoder, 95 % interval")
    baseline = Line2D([], [], marker="o", color=MUTED, markerfacecolor="white", label="baseline")
    chance = Line2D([], [], marker="|", color=ORANGE, markersize=9, linestyle="", label="chance")
    return [decoder, baseline, chance]


def subject_dots(summary: pd.DataFrame, metrics: Sequence[str], *, kind: str) -> Figure:
    """Every subject's mean of every method, one panel per metric; bars mark the mean of subjects.

    Parameters
    ----------
    summary : DataFrame
        Rows of one split for single subjects.
    metrics : sequence of str
    kind : str
    """
    methods = list(dict.fromkeys(summary["method"]))
    subjects = sorted(set(summary["subject"]))
    with canvas(3.6 * len(metrics) + 1.8, max(2.0, 0.22 * len(methods) + 0.6), kind) as figure:
        panels = figure.subplots(1, len(metrics), squeeze=False, sharey=True)[0]
        for panel, metric in zip(panels, metrics, strict=True):
            _subject_panel(panel, where(summary, metric=metric), methods, subjects, metric)
        handles = [
            Line2D([], [], marker=_marker(i), color=_colour(i), linestyle="", label=plain(name))
            for i, name in enumerate(subjects)
        ]
        figure.legend(handles=handles, loc="outside right upper", title="subject", fontsize=8)
    return figure


def _subject_panel(
    panel: Axes, rows: pd.DataFrame, methods: list[str], subjects: list[str], metric: str
) -> None:
    panel.set_title(plain(describe(metric).label, 30))
    panel.grid(axis="x")
    for y, method in enumerate(methods):
        own = where(rows, method=method)
        panel.plot([own["mean"].mean()] * 2, [y - 0.3, y + 0.3], color=INK, linewidth=1.5)
        panel.plot([own["chance"].mean()] * 2, [y - 0.42, y + 0.42], color=ORANGE, zorder=1)
        for row in records(own):
            number = subjects.index(row["subject"])
            place = y + _spread(number, len(subjects))
            panel.plot(row["mean"], place, _marker(number), color=_colour(number), markersize=4)
    panel.set_yticks(range(len(methods)), [plain(method) for method in methods])
    panel.set_ylim(len(methods) - 0.5, -0.5)


def _spread(number: int, count: int) -> float:
    return 0.0 if count < 2 else 0.36 * (number / (count - 1) - 0.5)


def _marker(number: int) -> str:
    return MARKERS[number % len(MARKERS)]


def _colour(number: int) -> str:
    return PALETTE[number % len(PALETTE)]


def paired_scatter(
    first: np.ndarray, second: np.ndarray, names: tuple[str, str], metric: str, *, kind: str
) -> Figure:
    """Score of every stimulus: decoder against baseline, with the line of equality.

    Parameters
    ----------
    first, second : ndarray, (n,)
        Scores of the decoder (y) and of the baseline (x).
    names : tuple of str
        Their names.
    metric : str
    kind : str
    """
    with canvas(4.2, 3.9, kind) as figure:
        axes = figure.add_subplot()
        both = np.concatenate([first, second])
        edge = 0.05 * max(np.ptp(both), 1e-3)
        limits = (both.min() - edge, both.max() + edge)
        axes.plot(limits, limits, color=FAINT, linewidth=1.5, zorder=0)
        axes.scatter(second, first, s=18, color=BLUE, alpha=0.55, linewidth=0)
        axes.set(xlim=limits, ylim=limits, aspect="equal")
        axes.set_xlabel(plain(names[1]))
        axes.set_ylabel(plain(names[0]))
        axes.set_title(plain(f"{describe(metric).label}, each stimulus", 44))
    return figure


def accuracy_dots(results: pd.DataFrame, *, kind: str) -> Figure:
    """Classification accuracy with interval and chance, one row per result.

    Parameters
    ----------
    results : DataFrame
        Columns accuracy and chance, optionally ci_low and ci_high, and label (text of the row).
    kind : str
    """
    with canvas(6.2, 0.34 * len(results) + 0.9, kind) as figure:
        axes = figure.add_subplot()
        axes.grid(axis="x")
        for y, row in enumerate(records(results)):
            extent = [row.get("ci_low", np.nan), row.get("ci_high", np.nan)]
            axes.plot(extent, [y, y], color=BLUE, linewidth=2, alpha=0.55)
            axes.plot(row["accuracy"], y, "o", color=BLUE)
            axes.plot([row["chance"]] * 2, [y - 0.4, y + 0.4], color=ORANGE, linewidth=2)
        axes.set_yticks(range(len(results)), [plain(label, 44) for label in results["label"]])
        axes.set(xlim=(0, 1.02), ylim=(len(results) - 0.5, -0.5))
        axes.set_xlabel("accuracy (orange: chance)")
    return figure
