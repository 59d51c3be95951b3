"""Where features of clips predict better than features of frames, by region."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from brainvis.report.context import records, where
from brainvis.report.figures.encoders import Look, looks
from brainvis.report.style import INK, canvas, plain


def difference_dots(table: pd.DataFrame, *, image: str, kind: str) -> Figure:
    """Difference from the image space per region with 95 % interval, one panel per subject.

    Parameters
    ----------
    table : DataFrame
        Rows of spaces other than the image space: subject, space, roi, minus_image,
        minus_image_low, minus_image_high. Regions keep their order from top to bottom.
    image : str
        Name of the image space.
    kind : str
    """
    spaces, regions = (list(dict.fromkeys(table[name])) for name in ("space", "roi"))
    subjects = list(dict.fromkeys(table["subject"].astype(str)))
    look = looks([image, *spaces])  # the same as where the image space is drawn
    del look[image]
    height = len(regions) * (0.09 * len(spaces) + 0.16) + 0.9
    with canvas(3.4 * len(subjects) + 0.6, height, kind) as figure:
        panels = figure.subplots(1, len(subjects), squeeze=False, sharex=True, sharey=True)[0]
        for panel, subject in zip(panels, subjects, strict=True):
            panel.set_title(plain(f"subject {subject}"))
            own = table.loc[table["subject"].astype(str) == subject]
            _panel(panel, own, regions, look)
            panel.set_xlabel(plain(f"r minus that of {image}", 40))
        handles = [
            panels[0].plot([], [], linestyle="", markersize=4, label=plain(name), **one.style())[0]
            for name, one in look.items()
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=8)
    return figure


def _panel(panel: Axes, rows: pd.DataFrame, regions: Sequence[str], look: dict[str, Look]) -> None:
    places = dict(zip(look, np.linspace(-0.3, 0.3, len(look)), strict=True))
    panel.grid(axis="x")
    panel.axvline(0, color=INK, linewidth=1, zorder=1)
    for space, drawn in look.items():
        for row in records(where(rows, space=space)):
            y = regions.index(row["roi"]) + places[space]
            extent = [row["minus_image_low"], row["minus_image_high"]]
            panel.plot(extent, [y, y], color=drawn.colour, alpha=0.5, linewidth=2)
            panel.plot(row["minus_image"], y, linestyle="", markersize=4, **drawn.style())
    panel.set_yticks(range(len(regions)), [plain(name, 20) for name in regions])
    panel.set_ylim(len(regions) - 0.5, -0.5)
    panel.tick_params(axis="y", labelcolor=INK)
