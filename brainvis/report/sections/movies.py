"""Which voxels features of motion predict better than features of images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from brainvis.encoding.movie_files import MovieScores
from brainvis.report.context import Context, records, where
from brainvis.report.figures.atlas import Block, volume_of, voxel_rows
from brainvis.report.figures.encoders import region_dots
from brainvis.report.figures.movies import difference_dots
from brainvis.report.section import Cell, Part, Picture, Section, Table, Text
from brainvis.report.words import interval, number, probability

EVERY = "all"
_MAPPED = 3  # spaces that have a map


def build(context: Context) -> Section | None:
    """Words, regions, the map where video beats image, every number; None without a table."""
    table = context.movie_encoding
    if table is None or table.empty:
        return None
    image = image_space(table)
    rows = table.assign(subject=table["subject"].astype(str))
    parts: list[Part] = [Text(_words(rows, image), role="lead"), Text(_how(rows, image))]
    parts += _figures(context, rows, image)
    parts += _maps(context.movie_voxels, image, context.kind)
    parts.append(_table(rows))
    return Section("movies", "Encoding of movies: image against video", parts)


def image_space(table: pd.DataFrame) -> str:
    """The space that others are compared with: the only one without a difference."""
    return str(table.loc[table["minus_image"].isna(), "space"].iloc[0])


def better_regions(rows: pd.DataFrame, space: str) -> list[str]:
    """Regions where the interval of the difference lies above 0 in every subject."""
    own = where(rows, space=space)
    own = own.loc[own["roi"] != EVERY]
    above = own.groupby("roi", sort=False)["minus_image_low"].min() > 0
    return [str(name) for name, yes in above.items() if yes]


def _words(rows: pd.DataFrame, image: str) -> str:
    said = []
    for space in dict.fromkeys(rows.loc[rows["space"] != image, "space"]):
        regions = better_regions(rows, str(space))
        where_ = ", ".join(regions) if regions else "no region"
        said.append(f"{space}: {where_}")
    return f"Predicted better than by {image} in every subject: " + "; ".join(said) + "."


def _how(rows: pd.DataFrame, image: str) -> str:
    one = records(rows)[0]
    return (
        f"Ridge regression with delayed features, fitted to {one['training_volumes']:,} volumes of "
        f"training segments and scored on {one['test_volumes']:,} volumes of held-out segments: "
        "correlation over the square root of the noise ceiling. “banded” is fitted to all spaces "
        "at once, each with its own penalty. Intervals: blocks of volumes drawn with "
        f"replacement; p: blocks of predictions in another order. “{image}” sees single frames."
    )


def _figures(context: Context, rows: pd.DataFrame, image: str) -> list[Part]:
    drawn = rows.rename(columns={"space": "method"}).assign(group="movies")
    accuracy = region_dots(drawn, kind=context.kind)
    others = rows.loc[rows["space"] != image]
    difference = difference_dots(others, image=image, kind=context.kind)
    return [
        Picture(
            "movie_regions", accuracy,
            "Accuracy per region, median over voxels with 95 % interval; orange: chance; black: "
            "noise ceiling.",
        ),
        Picture(
            "movie_differences", difference,
            f"The same minus that of “{image}”, voxel by voxel, median with 95 % interval: right "
            "of the line the space predicts better.",
        ),
    ]  # fmt: skip


def _maps(files: list[MovieScores], image: str, kind: str) -> list[Part]:
    spaces = list(dict.fromkeys(name for file in files for name in file.maps["difference"]))
    spaces = spaces[:_MAPPED]
    rows = []
    for file in sorted(files, key=lambda one: one.subject):
        found = [file.maps["difference"].get(name) for name in spaces]
        volumes = [None if one is None else volume_of(file.voxels, one) for one in found]
        if any(one is not None for one in volumes):
            rows.append((f"subject {file.subject}", volumes))
    if not rows:
        return []
    shown = [one[np.isfinite(one)] for _, volumes in rows for one in volumes if one is not None]
    most = max(0.05, float(np.percentile(np.abs(np.concatenate(shown)), 98)))
    blocks = [Block(name, f"r minus {image}", "RdBu_r", (-most, most)) for name in spaces]
    caption = (
        f"Where video beats image: r minus that of “{image}” in each voxel (red: better than "
        f"{image}), the slice with the most voxels across each axis of the grid. Voxels whose "
        "noise ceiling is too low are left out."
    )
    return [Picture("movie_maps", voxel_rows(rows, blocks, kind=kind), caption)]


def _table(rows: pd.DataFrame) -> Table:
    columns = ["subject", "space", "roi", "voxels", "r / ceiling", "95 % interval", "minus image"]
    columns += ["95 % interval", "p", "raw r", "explained", "banded share", "ceiling", "chance"]
    lines = [_line(row) for row in records(rows)]
    caption = (
        "Encoding of movies: every number, medians over voxels. Explained variance and banded "
        "share (what banded ridge attributes to the space) are over the noise ceiling."
    )
    return Table(columns, lines, caption, folded=True, numbers_from=3)


def _line(row: dict[str, Any]) -> list[Cell]:
    texts = [
        row["subject"], row["space"], row["roi"], f"{row['voxels']:,}", number(row["r"]),
        interval(row["r_low"], row["r_high"]), number(row["minus_image"]),
        interval(row["minus_image_low"], row["minus_image_high"]), probability(row["p"]),
        *(number(row[name]) for name in ("raw_r", "explained", "share", "ceiling", "chance")),
    ]  # fmt: skip
    return [Cell(str(text)) for text in texts]
