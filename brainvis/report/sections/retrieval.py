"""Is the seen image found by its decoded vector, and did the vectors collapse?"""

from __future__ import annotations

from typing import Any

import pandas as pd

from brainvis.evaluate.summary import ALL
from brainvis.report.context import Context, records, where
from brainvis.report.figures.retrieval import retrieval_panels
from brainvis.report.section import Cell, Part, Picture, Section, Table, Text
from brainvis.report.words import interval, number

_COLUMNS = ["method", "space", "image retrieval", "brain retrieval", "chance", "effective rank"]
_COLUMNS += ["of true", "mean cosine", "subjects × stimuli"]


def build(context: Context) -> Section | None:
    """A figure of the headline split and a table per split; None without decoded vectors."""
    if context.retrieval is None or context.retrieval.empty:
        return None
    table = where(context.retrieval, subject=ALL)
    quiet = _baselines(context)
    table = table.iloc[sorted(range(len(table)), key=lambda i: table["method"].iloc[i] in quiet)]
    splits = list(dict.fromkeys(table["split"]))
    shown = context.split if context.scored and context.split in splits else splits[0]
    parts: list[Part] = [
        Text(
            "Image retrieval: the seen image is picked among others by the vector decoded from the "
            "response. Brain retrieval: the response's vector is picked by the image. A decoder "
            "that only knows the categories of its training set fills few directions: then the "
            "effective rank of what it decodes lies far below that of the true vectors, and "
            "identification on familiar categories can still look good (output dimension collapse, "
            "Shirakawa et al., arXiv 2405.10078)."
        ),
        _figure(context, where(table, split=shown), quiet),
    ]
    parts += [_table(where(table, split=split), split, quiet) for split in splits]
    return Section("retrieval", "Retrieval and collapse", parts)


def _baselines(context: Context) -> set[str]:
    if not context.scored:
        return set()
    return set(where(context.summary, baseline=True)["method"])


def _figure(context: Context, table: pd.DataFrame, quiet: set[str]) -> Picture:
    figure = retrieval_panels(table, quiet=sorted(quiet), kind=context.kind)
    caption = (
        "Left, middle: share of test stimuli retrieved first, mean over subjects, with 95 % "
        "bootstrap interval over stimuli; orange: chance. Right: effective rank of the decoded "
        "vectors divided by that of the true ones; 1 (line): they fill as many directions. Hollow: "
        "baselines."
    )
    return Picture("retrieval", figure, caption)


def _table(table: pd.DataFrame, split: str, quiet: set[str]) -> Table:
    best = {
        (space, way): max(where(table, space=space)[way])
        for space in set(table["space"])
        for way in ("image_retrieval", "brain_retrieval")
    }
    lines = [
        [
            Cell(str(row["method"])),
            Cell(str(row["space"])),
            *(
                _rate(row, way, best[row["space"], way])
                for way in ("image_retrieval", "brain_retrieval")
            ),
            Cell(number(row["chance"]), f"pool {int(row['pool'])}"),
            Cell(number(row["effective_rank_decoded"], 1)),
            Cell(number(row["effective_rank_true"], 1)),
            Cell(
                number(row["mean_cosine_decoded"], 2), f"true {number(row['mean_cosine_true'], 2)}"
            ),
            Cell(f"{int(row['subjects'])} × {int(row['stimuli'])}"),
        ]
        for row in records(table)
    ]
    caption = (
        f"Split “{split}”, mean over subjects: top-1 retrieval in random pools (exact over all "
        "pools, 95 % interval over stimuli; bold: best of its space), effective rank of decoded "
        "and of true vectors (both grow with the number of stimuli), and mean cosine of two "
        "different vectors (near 1: all say the same)."
    )
    marks = [row["method"] in quiet for row in records(table)]
    return Table(_COLUMNS, lines, caption, marks, numbers_from=2)


def _rate(row: dict[str, Any], way: str, best: float) -> Cell:
    note = interval(row[f"{way}_low"], row[f"{way}_high"], 2)
    return Cell(number(row[way]), note, strong=row[way] >= best)
