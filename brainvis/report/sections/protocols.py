"""How each metric was taken, and which networks' weights are absent."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from brainvis.evaluate.catalogue import TWIN
from brainvis.evaluate.reader import COMPUTED
from brainvis.report.context import Context, records
from brainvis.report.section import Cell, Section, Table, Text

_PIXELS = "pixels"  # network of metrics that take none


def build(context: Context) -> Section | None:
    """Words on what stands in for what, and the table of protocols; None without one."""
    table = context.protocols
    if table is None or table.empty:
        return None
    parts = [Text(words(table)), _table(table)]
    return Section("protocols", "How each metric was taken", parts)


def words(table: pd.DataFrame) -> str:
    """Which networks of published tables measured here, which are absent, and what stands in."""
    rows = records(table)
    done = [row for row in rows if row["status"] == COMPUTED and row["network"] != _PIXELS]
    twins = [row["label"] for row in done if row["metric"].startswith(TWIN)]
    networks = [row["label"] for row in done if not row["metric"].startswith(TWIN)]
    absent = [row["label"] for row in rows if row["status"] != COMPUTED]
    said = []
    if networks:
        said.append(f"Measured with networks of published tables: {', '.join(networks)}.")
    if absent:
        said.append(
            f"Not computed, since the weights of their networks are absent: {', '.join(absent)}."
        )
    if twins:
        standing = " In their place stand small" if absent else " There are also small"
        said.append(
            f"{standing.strip()} networks that this project trained on its simulated world, read "
            f"at the corresponding layers: {', '.join(twins)}. They rank the methods of this run; "
            "beside numbers of the published networks they say nothing."
        )
    elif absent:
        said.append("No other network stands in for them.")
    return " ".join(said) or "All metrics are taken in pixels."


def _table(table: pd.DataFrame) -> Table:
    columns = ["metric", "network", "layer", "input", "colours", "weights", "libraries"]
    rows = records(table)
    lines = [_line(row) for row in rows]
    first = rows[0]
    side = int(first["common_side"])
    sizes = f"all images brought to {side} pixels first" if side else "no common size"
    caption = (
        f"Seen images of {first['seen']} pixels, {sizes}. Weights: origin as declared beside them, "
        "and the start of the file's SHA-256. Grey: not computed, with the reason."
    )
    quiet = [row["status"] != COMPUTED for row in rows]
    return Table(columns, lines, caption, quiet, numbers_from=len(columns))


def _line(row: dict[str, Any]) -> list[Cell]:
    if row["status"] != COMPUTED:
        return [Cell(str(row["label"])), Cell(str(row["status"])), *[Cell("–")] * 5]
    filtered = "antialiased" if str(row["antialias"]) == "True" else "not antialiased"
    side = f"{row['resize']:g} px, " if np.isfinite(row["resize"]) else ""
    weights = row["weights"] or ("origin not declared" if row["sha256"] else "none")
    return [
        Cell(str(row["label"])),
        Cell(str(row["network"])),
        Cell(str(row["layer"])),
        Cell(f"{side}{row['interpolation']}, {filtered}"),
        Cell(str(row["normalisation"])),
        Cell(str(weights), str(row["sha256"])[:12]),
        Cell(str(row["libraries"])),
    ]
