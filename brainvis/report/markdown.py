"""Tables and the commit as pages of `docs/results` write them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pandas as pd

from brainvis.report.context import where


def markdown(lines: list[list[str]]) -> str:
    """Rows as a Markdown table, the first as its head."""
    head, *body = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join([head, "|" + "---|" * len(lines[0]), *body])


def score_matrix(part: pd.DataFrame) -> str:
    """Summary rows of one split and modality: methods by metrics, and chance (Markdown)."""
    methods, metrics = part["method"].unique(), part["metric"].unique()
    lines = [["method", *metrics]]
    for method in methods:
        own = where(part, method=method).set_index("metric")
        label = (
            f"{method} (baseline)" if bool(own["baseline"].to_numpy().any()) else f"**{method}**"
        )
        lines.append([label, *(_score(own, metric) for metric in metrics)])
    chance = [where(part, metric=metric)["chance"].mean() for metric in metrics]
    lines.append(["chance", *(f"{value:.3f}" for value in chance)])
    return markdown(lines)


def _score(own: pd.DataFrame, metric: str) -> str:
    if metric not in own.index:
        return "–"
    row = own.loc[metric]
    return f"{row['mean']:.3f} [{row['ci_low']:.3f}, {row['ci_high']:.3f}]"


def commit() -> str:
    """Commit of the checkout that made the page, with a mark where files were changed."""
    run = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    done = subprocess.run(run, capture_output=True, text=True, cwd=Path(__file__).parent)
    return done.stdout.strip() or "not a checkout"
