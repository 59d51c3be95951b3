"""Retrieval by decoded vectors, and how many dimensions these fill."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from brainvis.report.context import records
from brainvis.report.style import BLUE, FAINT, INK, MUTED, ORANGE, canvas, plain

_WAYS = {"image_retrieval": "image retrieval", "brain_retrieval": "brain retrieval"}


def retrieval_panels(table: pd.DataFrame, *, quiet: Sequence[str], kind: str) -> Figure:
    """Rates both ways with 95 % intervals and chance, and effective rank as a share of the true.

    Parameters
    ----------
    table : DataFrame
        Rows of `brainvis.evaluate.decoded` for one split and all subjects, top to bottom.
    quiet : sequence of str
        Methods that are drawn hollow: the baselines.
    kind : str
    """
    rows = records(table)
    names = [plain(row["method"], 30) for row in rows]
    with canvas(8.6, 0.27 * len(rows) + 0.9, kind) as figure:
        panels = figure.subplots(1, 3, sharey=True)
        for panel, (way, title) in zip(panels, _WAYS.items(), strict=False):
            panel.set_title(title)
            panel.set_xlim(-0.03, 1.03)
            for y, row in enumerate(rows):
                ends = (row[f"{way}_low"], row[f"{way}_high"])
                _dot(panel, y, row[way], ends, row["chance"], row["method"] in quiet)
        panels[2].set_title("effective rank / true")
        panels[2].axvline(1, color=FAINT, linewidth=1.5, zorder=0)
        for y, row in enumerate(rows):
            share = row["effective_rank_decoded"] / row["effective_rank_true"]
            _dot(panels[2], y, share, None, None, row["method"] in quiet)
        panels[2].set_xlim(left=-0.03)
        panels[0].set_yticks(range(len(rows)), names)
        panels[0].set_ylim(len(rows) - 0.5, -0.5)
        for panel in panels:
            panel.grid(axis="x")
            panel.tick_params(axis="y", labelcolor=INK)
    return figure


def _dot(
    panel: Axes,
    y: int,
    value: float,
    ends: tuple[float, float] | None,
    chance: float | None,
    hollow: bool,
) -> None:
    colour = MUTED if hollow else BLUE
    if chance is not None:
        panel.plot([chance] * 2, [y - 0.42, y + 0.42], color=ORANGE, linewidth=2, zorder=1)
    if ends is not None:
        panel.plot(ends, [y, y], color=colour, linewidth=2, alpha=0.55)
    face = "white" if hollow else colour
    panel.plot(value, y, "o", color=colour, markerfacecolor=face, markersize=6)
