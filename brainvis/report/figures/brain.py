"""Brain correlation of methods, by group of regions."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from brainvis.report.context import records, where
from brainvis.report.style import BLUE, INK, MUTED, ORANGE, SKY, canvas, plain


def brain_panels(
    table: pd.DataFrame, groups: dict[str, str], *, lines: dict[str, str], kind: str
) -> Figure:
    """A panel per group of regions: mean correlation of each method, with limits and chance.

    Parameters
    ----------
    table : DataFrame
        Summary rows of one split over all subjects, metrics ``brain_<group>_correlation``.
    groups : dict of str to str
        Titles by metric, in order.
    lines : dict of str to str
        Methods that are limits and not decoders, drawn as lines, with their labels.
    kind : str
    """
    methods = [one for one in dict.fromkeys(table["method"]) if one not in lines]
    with canvas(8.6, 0.27 * len(methods) + 1.1, kind) as figure:
        panels = figure.subplots(1, len(groups), sharey=True, squeeze=False)[0]
        for panel, (metric, title) in zip(panels, groups.items(), strict=True):
            own = where(table, metric=metric)
            panel.set_title(plain(title, 34))
            for row in records(own):
                if row["method"] in lines:
                    style = dict(zip(lines, ((INK, "-"), (SKY, "--")), strict=False))[row["method"]]
                    panel.axvline(row["mean"], color=style[0], linestyle=style[1], linewidth=1.5)
                    continue
                y = methods.index(row["method"])
                colour = MUTED if row["baseline"] else BLUE
                panel.plot([row["chance"]] * 2, [y - 0.42, y + 0.42], color=ORANGE, linewidth=2)
                panel.plot((row["ci_low"], row["ci_high"]), [y, y], color=colour, linewidth=2)
                face = "white" if row["baseline"] else colour
                panel.plot(row["mean"], y, "o", color=colour, markerfacecolor=face, markersize=6)
            panel.grid(axis="x")
            panel.tick_params(axis="y", labelcolor=INK)
        panels[0].set_yticks(range(len(methods)), _names(methods))
        panels[0].set_ylim(len(methods) - 0.5, -0.5)
    return figure


def _names(methods: Sequence[str]) -> list[str]:
    return [plain(name, 30) for name in methods]
