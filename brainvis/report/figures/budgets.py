"""Decoding of new subjects by number of trials."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from brainvis.evaluate.budgets import MODEL, RIDGE, SHUFFLED
from brainvis.report.context import where
from brainvis.report.style import BLUE, INK, MUTED, ORANGE, PINK, canvas

_TARGET = 0.85
_LOOKS = {MODEL: (BLUE, "o", "-"), RIDGE: (PINK, "s", "-"), SHUFFLED: (MUTED, "^", "--")}


def budget_curve(table: pd.DataFrame, *, kind: str) -> Figure:
    """Two-way identification over the number of trials, a line per decoder.

    Parameters
    ----------
    table : DataFrame
        From `brainvis.evaluate.budgets`.
    kind : str
    """
    with canvas(6.2, 3.4, kind) as figure:
        axes = figure.subplots()
        chance = float(table["chance"].iloc[0])
        axes.axhline(chance, color=ORANGE, linewidth=2, zorder=0)
        full = where(table, share=1, method=MODEL)["two_way"]
        axes.axhline(
            chance + _TARGET * (float(full.iloc[0]) - chance), color=INK, linewidth=1, linestyle=":"
        )
        for method, (colour, marker, line) in _LOOKS.items():
            own = where(table, method=method).sort_values("trials")
            x, y = own["trials"].to_numpy(), own["two_way"].to_numpy()
            axes.fill_between(x, own["low"], own["high"], color=colour, alpha=0.15, linewidth=0)
            axes.plot(x, y, color=colour, marker=marker, linestyle=line, markersize=5, label=method)
        axes.set_xscale("log")
        ticks = where(table, method=MODEL)
        names = ["all" if s == 1 else f"1/{int(s)}" for s in ticks["share"]]
        axes.set_xticks(ticks["trials"], [f"{n}\n{t:.0f}" for n, t in
                                          zip(names, ticks["trials"], strict=True)])  # fmt: skip
        axes.minorticks_off()
        axes.set_xlabel("training trials of the new subject")
        axes.set_ylabel("two-way identification")
        axes.grid(axis="y")
        axes.legend(loc="lower right")
    return figure
