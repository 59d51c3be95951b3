"""One look for all figures, and the word on each of them that says what was recorded."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from brainvis.containers import MEASURED, SIMULATED
from brainvis.errors import BrainvisError

BANNERS = {SIMULATED: "SIMULATED BRAIN", MEASURED: "MEASURED fMRI"}

# Okabe & Ito's palette, told apart in all common forms of colour blindness. The two kinds of
# data have their own colour everywhere: vermilion for simulated, bluish green for measured.
BLUE, ORANGE, GREEN, PINK, SKY = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9"
PALETTE = [BLUE, GREEN, PINK, SKY, "#7A5C00", "#1B2430"]  # orange is kept for chance
KIND_COLOURS = {SIMULATED: "#B84A00", MEASURED: "#00704F"}
INK, MUTED, FAINT = "#1B2430", "#66707D", "#D8DCE2"
MARKERS = "osD^vPX*"
MAP = "viridis"

_RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelcolor": MUTED,
    "axes.edgecolor": FAINT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#ECEEF1",
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}
_DPI = 150


@contextmanager
def canvas(width: float, height: float, kind: str) -> Iterator[Figure]:
    """Yield an empty figure of this style, in inches, that is labelled with `kind` at the end.

    Raises
    ------
    BrainvisError
        For a kind that is neither simulated nor measured: no figure goes without its label.
    """
    if kind not in BANNERS:
        raise BrainvisError("unknown kind of data", field="kind", found=kind)
    with mpl.rc_context(_RC):
        figure = Figure(figsize=(width, height + _LABEL))
        FigureCanvasAgg(figure)
        strip = _LABEL / (height + _LABEL)
        figure.set_layout_engine(
            ConstrainedLayoutEngine(rect=(0, 0, 1, 1 - strip), wspace=0.04, hspace=0.04)
        )
        yield figure
        figure.text(
            0.08 / width,
            1 - strip / 2,
            BANNERS[kind],
            va="center",
            fontsize=8,
            fontweight="bold",
            color="white",
            bbox={"boxstyle": "round,pad=0.35", "facecolor": KIND_COLOURS[kind], "linewidth": 0},
        )


_LABEL = 0.36  # inches at the top of each figure


def plain(text: object, length: int = 28) -> str:
    """Text for a figure: shortened, and with no character that matplotlib would interpret."""
    words = " ".join(str(text).split())
    short = words if len(words) <= length else words[: length - 1] + "…"
    return short.replace("\\", "∖").replace("$", r"\$")


def png(figure: Figure) -> bytes:
    """The figure as PNG, the same bytes each time."""
    buffer = io.BytesIO()
    with mpl.rc_context(_RC):
        figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    return buffer.getvalue()
