"""Which region was silenced, told from the decoded object alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from brainvis.report.style import INK, MAP, canvas, plain


def confusion_matrix(counts: pd.DataFrame, *, kind: str) -> Figure:
    """Share of each true region's objects that were taken for each region.

    Parameters
    ----------
    counts : DataFrame
        Objects by true region (rows) and predicted region (columns).
    kind : str
    """
    shares = counts / counts.sum(axis=1).to_numpy()[:, None]
    values, (rows, columns) = shares.to_numpy(), counts.shape
    with canvas(0.62 * columns + 1.9, 0.44 * rows + 1.1, kind) as figure:
        axes = figure.add_subplot()
        image = axes.imshow(values, cmap=MAP, vmin=0, vmax=1, aspect="auto")
        for row, column in np.ndindex(rows, columns):
            dark = values[row, column] < 0.55
            axes.text(
                column, row, f"{values[row, column]:.2f}", ha="center", va="center", fontsize=8,
                color="white" if dark else INK,
            )  # fmt: skip
        axes.set_xticks(range(columns), [plain(name, 10) for name in counts.columns])
        axes.set_yticks(range(rows), [plain(name, 14) for name in counts.index])
        axes.set(xlabel="predicted region", ylabel="disordered region")
        figure.colorbar(image, ax=axes, label="share of objects")
    return figure
