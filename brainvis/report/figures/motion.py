"""Flow as arrows over the first frame."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from brainvis.report.style import INK, canvas, plain

_EVERY = 2  # cells between arrows


def flow_arrows(
    image: np.ndarray, flows: dict[str, np.ndarray], fastest: float, *, kind: str
) -> Figure:
    """Arrows of true and decoded flow, a row for each, a column for each moment of the clip.

    Parameters
    ----------
    image : ndarray, (h, w, 3)
        The first frame, pale in the background.
    flows : dict of ndarray, (k, g, g, 2)
        By their names; x right, y down.
    fastest : float
        Speed that is drawn as long as three cells.
    kind : str
        "simulated" or "measured", written on the figure.
    """
    moments = len(next(iter(flows.values())))
    with canvas(1.7 * moments + 0.5, 1.75 * len(flows) + 0.3, kind) as figure:
        panels = figure.subplots(len(flows), moments, squeeze=False)
        for row, (name, flow) in zip(panels, flows.items(), strict=True):
            row[0].set_ylabel(plain(name, 22), fontsize=8, color=INK)
            for moment, panel in enumerate(row):
                _arrows(panel, image, flow[moment], fastest)
        for moment, panel in enumerate(panels[0]):
            panel.set_title(f"part {moment + 1} of {moments}", fontsize=8)
    return figure


def _arrows(panel: Axes, image: np.ndarray, flow: np.ndarray, fastest: float) -> None:
    rows, columns = flow.shape[:2]
    pale = 1 - (1 - image.astype(np.float32) / (255 if image.dtype == np.uint8 else 1)) * 0.45
    panel.imshow(pale, extent=(-0.5, columns - 0.5, rows - 0.5, -0.5))
    y, x = np.mgrid[0:rows:_EVERY, 0:columns:_EVERY]
    shown = flow[::_EVERY, ::_EVERY]
    panel.quiver(
        x, y, shown[..., 0], shown[..., 1], angles="xy", scale_units="xy",
        scale=max(fastest, 1e-9) / 3, width=0.008, color=INK,
    )  # fmt: skip
    panel.set(xticks=[], yticks=[], xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5))
