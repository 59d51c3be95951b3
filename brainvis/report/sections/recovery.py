"""How well estimated betas recover the true ones, which only a simulation knows."""

from __future__ import annotations

from brainvis.report.context import Context, records
from brainvis.report.section import Cell, Section, Table
from brainvis.report.words import number


def build(context: Context) -> Section | None:
    """A row per subject; no section where the truth is not known."""
    if context.recovery is None or context.recovery.empty:
        return None
    columns = ["subject", "trials", "voxels", "correlation with truth"]
    columns += ["least squares, canonical HRF", "ratio"]
    rows = [
        [
            Cell(str(row["subject"])),
            Cell(f"{row['trials']:,}"),
            Cell(f"{row['voxels']:,}"),
            Cell(number(row["ours"]), strong=row["ours"] > row["lsa"]),
            Cell(number(row["lsa"]), strong=row["lsa"] > row["ours"]),
            Cell(number(row["ratio"], 2)),
        ]
        for row in records(context.recovery)
    ]
    caption = (
        "Simulated brain only: median over responsive voxels of the correlation over test trials "
        "between estimated and true betas, for this run's estimates and for ordinary least "
        "squares with one regressor per trial; ratio of the two. Bold: the better."
    )
    return Section("recovery", "Recovery of the true betas", [Table(columns, rows, caption)])
