"""What an analysis hands over, and its files."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import SupportsFloat

import numpy as np
import pandas as pd

from brainvis.artifacts import files
from brainvis.report.markdown import markdown

COLUMNS = ("quantity", "value", "low", "high", "p", "beside")
SECTION, SUMMARY = "section.md", "summary"


@dataclass(frozen=True)
class Result:
    """One analysis.

    Attributes
    ----------
    name : str
        Of its folder and figure.
    title, method : str
        Heading and what was done.
    summary : list of dict
        Rows of `row`.
    figure : bytes
        PNG.
    caption : str
        Of the figure.
    tables : dict
        Further tables by name.
    """

    name: str
    title: str
    method: str
    summary: list[dict]
    figure: bytes
    caption: str
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)


def row(
    quantity: str,
    value: SupportsFloat,
    between: tuple[float, float] | None = None,
    p: float = np.nan,
    beside: str = "",
) -> dict:
    """A figure of the summary: its 95 % interval, p value, and what to hold it against."""
    low, high = (np.nan, np.nan) if between is None else between
    values = (quantity, float(value), float(low), float(high), float(p), beside)
    return dict(zip(COLUMNS, values, strict=True))


def figure_name(result: str) -> str:
    return f"measured_{result}.png"


def write(result: Result, folder: Path) -> None:
    """Write tables (CSV), summary (CSV, JSON), figure and section of the page."""
    folder.mkdir(parents=True)
    for name, table in {**result.tables, SUMMARY: pd.DataFrame(result.summary)}.items():
        table.to_csv(folder / f"{name}.csv", index=False, float_format="%.6g")
    known = [{k: v for k, v in line.items() if v == v} for line in result.summary]  # without NaN
    files.write_json(folder / f"{SUMMARY}.json", known)
    (folder / figure_name(result.name)).write_bytes(result.figure)
    (folder / SECTION).write_text(section(result))


def section(result: Result) -> str:
    """Markdown of one analysis; the figure is at ``IMAGES/``, which the page replaces."""
    lines = [["quantity", "value [95 % interval]", "p", "beside"]]
    lines += [
        [line["quantity"], _value(line), _p(line["p"]), line["beside"] or "–"]
        for line in result.summary
    ]
    image = f"![{result.caption}](IMAGES/{figure_name(result.name)})"
    return "\n\n".join(
        [f"## {result.title}", result.method, markdown(lines), image, f"*{result.caption}*"]
    )


def _value(line: dict) -> str:
    if float(line["value"]).is_integer() and abs(line["value"]) > 1:
        return f"{line['value']:.0f}"
    if np.isnan(line["low"]):
        return f"{line['value']:.3f}"
    return f"{line['value']:.3f} [{line['low']:.3f}, {line['high']:.3f}]"


def _p(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.4f}"
