"""Paired differences between methods, oriented so that right is better."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from brainvis.evaluate.catalogue import describe
from brainvis.report.context import records, where
from brainvis.report.style import BLUE, FAINT, INK, MUTED, ORANGE, canvas, plain


def difference_panels(table: pd.DataFrame, metrics: Sequence[str], *, kind: str) -> Figure:
    """Difference of one method from each of the others, a panel each.

    Parameters
    ----------
    table : DataFrame
        Rows of `brainvis.evaluate.differences` for one split, modality and method.
    metrics : sequence of str
        From top to bottom.
    kind : str
    """
    others = list(dict.fromkeys(table["against"]))
    names = [plain(describe(metric).label, 60) for metric in metrics]
    with canvas(2.4 * len(others) + 3.6, 0.25 * len(metrics) + 1.0, kind) as figure:
        panels = figure.subplots(1, len(others), squeeze=False, sharey=True, sharex=True)[0]
        for panel, other in zip(panels, others, strict=True):
            panel.set_title(plain(f"minus {other}", 30))
            panel.axvline(0, color=FAINT, linewidth=1.5, zorder=0)
            for row in records(where(table, against=other)):
                if row["metric"] not in metrics:
                    continue
                y, sign = list(metrics).index(row["metric"]), 1 if row["higher_is_better"] else -1
                won = {row["method"]: BLUE, other: ORANGE}.get(row["better"], MUTED)
                ends = sorted((sign * row["low"], sign * row["high"]))
                panel.plot(ends, [y, y], color=won, linewidth=2, alpha=0.55)
                panel.plot(sign * row["difference"], y, "o", color=won, markersize=5)
            panel.grid(axis="x")
            panel.tick_params(axis="y", labelcolor=INK)
        panels[0].set_yticks(range(len(metrics)), names)
        panels[0].set_ylim(len(metrics) - 0.5, -0.5)
    return figure
