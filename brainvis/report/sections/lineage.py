"""What every number on the page was made from."""

from __future__ import annotations

from brainvis.report.context import Context
from brainvis.report.section import Cell, Section, Table
from brainvis.report.words import size

_SHORT = 12


def build(context: Context) -> Section | None:
    """Artifacts with content hashes, parents and costs, as their manifests tell."""
    if not context.lineage:
        return None
    columns = ["artifact", "stage", "kind", "sha256", "made from", "size", "seconds", "peak MiB"]
    rows = [_row(entry) for entry in context.lineage]
    caption = (
        "Hashes are of file contents and shortened; manifests beside the artifacts hold them in "
        "full, with settings, code fingerprints and library versions."
    )
    table = Table(columns, rows, caption, numbers_from=5)
    return Section("lineage", "Lineage", [table])


def _row(entry: dict) -> list[Cell]:
    parents = [f"{one.get('name', '')} {_short(one)}" for one in entry.get("parents", [])]
    return [
        Cell(str(entry.get("artifact", "–"))),
        Cell(str(entry.get("stage", "–"))),
        Cell(str(entry.get("kind", "–"))),
        Cell(_short(entry), code=True),
        Cell(", ".join(parents) or "–"),
        Cell(size(float(entry["bytes"])) if "bytes" in entry else "–"),
        Cell(_count(entry.get("wall_seconds"))),
        Cell(_count(entry.get("peak_memory_mib"))),
    ]


def _short(entry: dict) -> str:
    return str(entry.get("sha256", "–"))[:_SHORT]


def _count(value: object) -> str:
    return f"{value:,.0f}" if isinstance(value, int | float) else "–"
