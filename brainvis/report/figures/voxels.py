"""Where responses are reliable: slices of the voxel grid, histograms, regions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from brainvis.report.style import BLUE, FAINT, INK, MAP, MUTED, canvas, plain


def slice_mosaic(
    volume: np.ndarray,
    *,
    kind: str,
    label: str,
    axes_point_to: str = "",
    limits: tuple[float, float] = (0.0, 1.0),
    most: int = 12,
) -> Figure:
    """Slices of constant k through a volume that is NaN outside the brain.

    Parameters
    ----------
    volume : ndarray, (i, j, k)
        Values per voxel.
    kind : str
    label : str
        What the colour means.
    axes_point_to : str
        Directions of growing i and j, such as "R" and "A" in "RA"; empty where unknown.
    limits : tuple of float
        Ends of the colour scale.
    most : int
        At most this many slices, evenly chosen among those that hold voxels.
    """
    held = np.argwhere(np.isfinite(volume))
    low, high = held.min(axis=0), held.max(axis=0) + 1
    cut = volume[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    slices = np.flatnonzero(np.isfinite(cut).any(axis=(0, 1)))
    if len(slices) > most:
        slices = slices[np.unique(np.linspace(0, len(slices) - 1, most).round().astype(int))]
    columns = min(6, len(slices))
    lines = -(-len(slices) // columns)
    ratio = cut.shape[1] / cut.shape[0]  # height over width on the page
    with canvas(1.3 * columns + 1.2, lines * (1.2 * ratio + 0.3) + 0.45, kind) as figure:
        panels = np.asarray(figure.subplots(lines, columns, squeeze=False))
        scale = Normalize(*limits)
        for panel in panels.flat:
            panel.set(xticks=[], yticks=[])
            panel.spines[:].set_visible(False)
        for panel, k in zip(panels.flat, slices, strict=False):
            panel.set_facecolor("#F3F4F6")
            panel.imshow(
                cut[:, :, k].T, origin="lower", cmap=MAP, norm=scale, interpolation="nearest"
            )
            panel.set_title(f"k = {k + low[2]}", fontsize=7.5, color=MUTED, fontweight="normal")
        if axes_point_to:
            panels[-1, 0].set_xlabel(f"i → {axes_point_to[0]}", fontsize=7.5)
            panels[-1, 0].set_ylabel(f"j → {axes_point_to[1]}", fontsize=7.5)
        bar = figure.colorbar(
            ScalarMappable(scale, MAP), ax=panels, shrink=0.8, aspect=18, pad=0.03
        )
        bar.set_label(plain(label, 40))
        bar.outline.set_visible(False)  # type: ignore[operator]
    return figure


def value_histogram(values: Sequence[tuple[str, np.ndarray]], *, kind: str, label: str) -> Figure:
    """Histogram per subject over all voxels, with the median marked.

    Parameters
    ----------
    values : sequence of (subject, ndarray (v,))
    kind : str
    label : str
        Of the horizontal axis.
    """
    every = np.concatenate([one for _, one in values])
    bins = np.linspace(min(0.0, float(every.min())), max(float(every.max()), 0.05), 41)
    columns = min(4, len(values))
    lines = -(-len(values) // columns)
    with canvas(2.5 * columns + 0.6, 1.9 * lines + 0.3, kind) as figure:
        panels = figure.subplots(lines, columns, squeeze=False, sharex=True)
        for panel, (name, one) in zip(panels.flat, values, strict=False):
            panel.hist(one, bins=list(bins), color=BLUE, alpha=0.85)
            median = float(np.median(one))
            panel.axvline(median, color=INK, linewidth=1.3)
            panel.set_title(f"{plain(name, 20)}, median {median:.2f}", fontsize=9)
            panel.grid(axis="y")
        for panel in list(panels.flat)[len(values) :]:
            panel.axis("off")
        figure.supxlabel(plain(label, 60), fontsize=9, color=MUTED)
        figure.supylabel("voxels", fontsize=9, color=MUTED)
    return figure


def region_boxes(
    values: np.ndarray, regions: np.ndarray, *, kind: str, label: str, most: int = 24
) -> Figure:
    """Box per region: median, quartiles, 5th and 95th percentile; number of voxels beside it.

    Parameters
    ----------
    values : ndarray, (v,)
    regions : ndarray, (v,) str
        Name of each voxel's region; "" for none.
    kind : str
    label : str
        Of the value.
    most : int
        Show the regions with the most voxels.
    """
    names, counts = np.unique(regions[regions != ""], return_counts=True)
    names = sorted(names[np.argsort(-counts, kind="stable")][:most])
    groups = [values[regions == name] for name in names]
    with canvas(6.2, 0.27 * len(names) + 0.7, kind) as figure:
        axes = figure.add_subplot()
        parts = axes.boxplot(
            groups, orientation="horizontal", whis=(5, 95), showfliers=False, patch_artist=True,
            widths=0.62, medianprops={"color": INK, "linewidth": 1.6},
            whiskerprops={"color": MUTED}, capprops={"color": MUTED},
        )  # fmt: skip
        for box in parts["boxes"]:
            box.set(facecolor="#BBD8EA", edgecolor=BLUE)
        labels = [f"{plain(n, 22)}  ({len(g)})" for n, g in zip(names, groups, strict=True)]
        axes.set_yticks(range(1, len(names) + 1), labels)
        axes.invert_yaxis()
        axes.grid(axis="x")
        axes.axvline(0, color=FAINT, zorder=0)
        axes.set_xlabel(plain(label, 60))
    return figure
