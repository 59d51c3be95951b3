"""Seen images beside reconstructions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from brainvis.report.style import FAINT, INK, MUTED, canvas, plain

_CELL = 0.92  # inches
_GAP = 0.08  # of a cell
_GROUP_GAP = 0.28


def image_grid(
    rows: Sequence[tuple[str, np.ndarray]],
    groups: Sequence[tuple[str, int]],
    notes: Sequence[str],
    *,
    kind: str,
) -> Figure:
    """Images in rows (what was seen first, then one method each) and grouped columns.

    Parameters
    ----------
    rows : sequence of (label, images)
        `images` is (columns, height, width, 3) in [0, 1]; sizes may differ between rows.
    groups : sequence of (heading, number of columns)
        From left to right.
    notes : sequence of str
        One below each column.
    kind : str
        "simulated" or "measured".

    Returns
    -------
    Figure
    """
    left, group_of = [], np.repeat(np.arange(len(groups)), [count for _, count in groups])
    for column, group in enumerate(group_of):
        left.append(column * (1 + _GAP) + group * _GROUP_GAP)
    width, height = left[-1] + 1, len(rows) * (1 + _GAP)
    label = 1.65  # cells, for the names of rows
    with canvas((width + label) * _CELL, (height + 0.75) * _CELL, kind) as figure:
        axes = figure.add_subplot()
        axes.set(xlim=(-label, width), ylim=(height + 0.3, -0.45), aspect="equal")
        axes.axis("off")
        for number, (name, images) in enumerate(rows):
            top = number * (1 + _GAP) + (0.1 if number else 0)
            weight = "bold" if number == 0 else "normal"
            axes.text(-0.15, top + 0.5, plain(name, 18), ha="right", va="center", fontweight=weight)
            for x, image in zip(left, images, strict=True):
                axes.imshow(
                    np.clip(image, 0, 1), extent=(x, x + 1, top + 1, top), interpolation="nearest"
                )
        axes.plot([0, width], [1.09, 1.09], color=FAINT, linewidth=1)  # what was seen, above
        for group, (heading, count) in enumerate(groups):
            first = int(np.flatnonzero(group_of == group)[0])
            centre = (left[first] + left[first + count - 1] + 1) / 2
            axes.text(
                centre, -0.12, plain(heading, 40), ha="center", va="bottom", fontweight="bold",
                color=INK,
            )  # fmt: skip
        for x, note in zip(left, notes, strict=True):
            axes.text(
                x + 0.5, height + 0.16, plain(note, 16), ha="center", va="center", fontsize=7.5,
                color=MUTED,
            )  # fmt: skip
        # imshow sets limits of its own
        axes.set(xlim=(-label, width), ylim=(height + 0.3, -0.45))
    return figure
