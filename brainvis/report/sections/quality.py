"""What went in: trials, voxels, repeats, and what was dropped."""

from __future__ import annotations

import numpy as np

from brainvis.containers import Responses
from brainvis.report.context import Context
from brainvis.report.section import Cell, Section, Table

_BLOCK = 256  # trials read at a time


def build(context: Context) -> Section | None:
    """A row per subject."""
    if not context.responses:
        return None
    columns = ["subject", "trials", "runs", "stimuli", "repeats", "voxels", "with region"]
    columns += ["dropped voxels", "bad values", "units"]
    rows = [[Cell(text) for text in _row(one)] for one in context.responses]
    caption = (
        "Repeats: fewest, median and most presentations of a stimulus. Dropped voxels: as the "
        "preparing stage reports them. Bad values: betas that are not finite numbers."
    )
    return Section("quality", "Data quality", [Table(columns, rows, caption)])


def _row(one: Responses) -> list[str]:
    repeats = one.trials["stimulus_id"].value_counts().to_numpy()
    runs = one.trials["run"].nunique() if "run" in one.trials else 0
    roi = one.voxels["roi"].to_numpy(dtype=str) if "roi" in one.voxels else np.array([""])
    return [
        one.subject,
        f"{len(one.trials):,}",
        str(runs or "–"),
        f"{len(repeats):,}",
        f"{repeats.min()} / {np.median(repeats):g} / {repeats.max()}",
        f"{len(one.voxels):,}",
        f"{(roi != '').mean():.0%}",
        _dropped(one),
        f"{_bad_values(one):,}",
        str(one.attributes.get("units", "–")),
    ]


def _dropped(one: Responses) -> str:
    found = {str(name): value for name, value in one.attributes.items() if "dropped" in str(name)}
    return ", ".join(f"{value} ({name})" for name, value in found.items()) or "none reported"


def _bad_values(one: Responses) -> int:
    starts = range(0, len(one.trials), _BLOCK)
    return sum(
        int((~np.isfinite(one.betas(slice(start, start + _BLOCK)))).sum()) for start in starts
    )
