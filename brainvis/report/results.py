"""A run's scores as a page of `docs/results`, with configuration and commit."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import yaml

from brainvis.artifacts import manifest as manifests
from brainvis.containers import Stimuli
from brainvis.errors import BrainvisError
from brainvis.evaluate import table as tables
from brainvis.evaluate.brain_stage import CEILING, SEEN, describe_groups
from brainvis.evaluate.summary import ALL
from brainvis.paths import Layout
from brainvis.report.context import where
from brainvis.report.markdown import commit, markdown, score_matrix
from brainvis.report.objects import read_objects
from brainvis.report.sections.budgets import text_rows
from brainvis.report.sections.categories import by_category
from brainvis.report.sections.objects import markdown_parts

_TABLES = {
    "classification": "Categories, one run left out at a time",
    "recovery": "Correlation of estimated with true betas, median over responsive voxels",
    "clusters": "Clusters: share of the variance of true response profiles, over test stimuli",
}


def results_page(layout: Layout, config: dict) -> str:
    """Markdown: what the run measured, each figure beside chance, with configuration and commit.

    Parameters
    ----------
    layout : Layout
        Paths of the finished run.
    config : dict
        The run's whole configuration.

    Raises
    ------
    BrainvisError
        When the run has made no table yet.
    """
    names = ("summary", "differences", "brain", "budgets", *_TABLES)
    paths = {name: Path(layout.metrics(name, ".csv")) for name in names}
    encoded = sorted(Path(layout.root / "metrics").glob("sub-*_encoders.csv"))
    video = Path(layout.metrics("video_summary", ".csv"))
    movies = sorted(Path(layout.root / "movie").glob("sub-*_encoding.csv"))
    objects = [
        Path(layout.metrics(name, end))
        for name, end in (
            ("objects", ".parquet"), ("objects_summary", ".csv"), ("objects_protocols", ".csv"),
            ("objects_differences", ".csv"),
        )
    ]  # fmt: skip
    made = [
        path for path in [*paths.values(), *encoded, video, *movies, *objects] if path.is_file()
    ]
    if not made:
        raise BrainvisError(
            "holds no results", file=layout.root, remedy="run `snakemake report` with its config"
        )
    known = manifests.read(made[0])
    kind, code = (known.kind, known.code) if known else ("unknown", "unknown")
    parts = [
        f"# Results of the run `{config['run']}` ({kind} fMRI)",
        f"Made by `brainvis results` at commit `{commit()}`, code `{code}`, seed {config['seed']}. "
        "Mean [95 % bootstrap interval over stimuli]; chance is exact, or that of permuted "
        "pairings.",
    ]
    if paths["summary"].is_file():
        parts += _scores(layout, paths["summary"], config)
    if paths["differences"].is_file():
        parts += _differences(tables.read(paths["differences"]))
    if paths["budgets"].is_file():
        parts += _budgets(tables.read(paths["budgets"]))
    if paths["brain"].is_file():
        parts += _brain(tables.read(paths["brain"]))
    for name, title in _TABLES.items():
        if paths[name].is_file():
            table = tables.read(paths[name])
            parts += [
                f"## {title}",
                markdown([list(table), *map(_texts, table.to_dict("records"))]),
            ]
    if encoded:
        parts += _encoders(pd.concat([tables.read(path) for path in encoded], ignore_index=True))
    if video.is_file():
        parts += _videos(tables.read(video))
    if movies:
        parts += _movies(pd.concat([tables.read(path) for path in movies], ignore_index=True))
    if all(path.is_file() for path in objects):
        parts += _objects(layout, objects)
    text = yaml.safe_dump(config, sort_keys=False, default_flow_style=None, width=96)
    parts += ["## Configuration", f"```yaml\n{text}```"]
    return "\n\n".join(parts) + "\n"


def _scores(layout: Layout, summary: Path, config: dict) -> list[str]:
    rows, parts = where(tables.read(summary), subject=ALL), []
    for split, modality in rows[["split", "modality"]].drop_duplicates().itertuples(index=False):
        part = where(rows, split=split, modality=modality)
        parts += [f"## Split `{split}`, {modality}, n = {part['n'].max()}", score_matrix(part)]
    seen = Stimuli.open(layout.stimuli)
    category = dict(zip(seen.ids, seen.table["category"].astype(str), strict=True))
    method = _headline(config, rows)
    scores = tables.read(Path(layout.metrics("scores", ".parquet")))
    return [*parts, f"## By category, `{method}`", _categories(scores, category, method)]


def _differences(table: pd.DataFrame) -> list[str]:
    """Pairs of methods: on how many metrics the paired interval favours either."""
    lines = [["method", "against", "metrics", "better", "undecided", "worse", "sums of ranks"]]
    for _, rows in table.groupby(["method", "against"], sort=False):
        pair = [str(rows[name].iloc[0]) for name in ("method", "against")]
        better, worse = (list(rows["better"]).count(name) for name in pair)
        counts = (len(rows), better, len(rows) - better - worse, worse)
        ranks = f"{rows['rank_sum'].iloc[0]:g} against {rows['rank_sum_against'].iloc[0]:g}"
        lines.append([*pair, *map(str, counts), ranks])
    return [
        "## Pairs of methods, stimulus by stimulus",
        "Metrics whose 95 % interval of the paired difference lies on one side of 0; sums of ranks "
        "over all metrics, lower is better.",
        markdown(lines),
    ]


def _budgets(table: pd.DataFrame) -> list[str]:
    """Decoding of new subjects by number of training trials."""
    return [
        "## New subject, few trials: two-way identification of decoded vectors",
        "Brain-IT's network stays as it is and learns of the subject from that share of its "
        "training trials; ridge from the same. Of all trials: part of the decoder's own two-way "
        "above chance (0.5) from all of them. Above ridge: paired difference.",
        markdown(text_rows(table.to_dict("records"))),
    ]


def _brain(table: pd.DataFrame) -> list[str]:
    """Brain correlation, with the noise ceiling and the encoder's own limit among the rows."""
    return [
        "## Brain correlation: predicted response to the reconstruction, measured one to the image",
        f"Over voxels. {describe_groups()}. `{CEILING}`: a prediction without error; `{SEEN}`: the "
        "encoder on the seen image. Methods that end in `-best` were chosen by this encoder.",
        score_matrix(where(table, subject=ALL)),
    ]


def _objects(layout: Layout, made: list[Path]) -> list[str]:
    """Decoded objects, and regions told from them."""
    folder = Path(layout.shape_latents).parent
    diagnosis, signs = (sorted(folder.glob(f"sub-*_{part}.csv")) for part in ("diagnosis", "signs"))
    return markdown_parts(read_objects(*made, diagnosis=diagnosis, signs=signs))


def _videos(summary: pd.DataFrame) -> list[str]:
    """Decoded motion, made clips and identified clips, methods by metrics."""
    rows, parts = where(summary, subject=ALL), []
    for split, modality in rows[["split", "modality"]].drop_duplicates().itertuples(index=False):
        part = where(rows, split=split, modality=modality)
        parts += [
            f"## Movies, {modality}, split `{split}`, n = {part['n'].max()}",
            score_matrix(part),
        ]
    return parts


def _movies(table: pd.DataFrame) -> list[str]:
    """Encoding of movies: every space and region."""
    lines = [["subject", "space", "roi", "voxels", "r / ceiling", "95 % interval"]]
    lines[0] += ["minus image", "95 % interval", "p", "banded share", "ceiling of r"]
    for row in table.to_dict("records"):
        beside = f"[{row['minus_image_low']:.3f}, {row['minus_image_high']:.3f}]"
        reference = row["minus_image"] != row["minus_image"]  # NaN: the image space itself
        lines.append(
            [
                *(str(row[name]) for name in ("subject", "space", "roi", "voxels")),
                f"{row['r']:.3f}",
                f"[{row['r_low']:.3f}, {row['r_high']:.3f}]",
                *(["–", "–"] if reference else [f"{row['minus_image']:.3f}", beside]),
                f"{row['p']:.3f}",
                "–" if row["share"] != row["share"] else f"{row['share']:.3f}",
                f"{row['ceiling']:.3f}",
            ]
        )
    return [
        "## Encoding of movies, held-out segments: correlation over the noise ceiling",
        "Median over voxels; intervals over blocks of volumes, p from permuted ones; chance is 0.",
        markdown(lines),
    ]


def _encoders(table: pd.DataFrame) -> list[str]:
    """Encoding accuracy over all voxels, a table for trained and for new subjects."""
    parts = []
    for group, rows in where(table, roi="all").groupby("group", sort=False):
        lines = [["subject", "method", "images", "r / ceiling", "95 % interval"]]
        lines[0] += ["r", "explained / ceiling", "ceiling of r", "voxels"]
        rows = rows.sort_values(["subject", "method", "images"])
        lines += [
            _encoder(row, f"[{row['r_low']:.3f}, {row['r_high']:.3f}]")
            for row in rows.to_dict("records")
        ]
        if len(set(rows["subject"])) > 1:
            groups = rows.groupby(["method", "images"], as_index=False)
            means = pd.DataFrame(groups.mean(numeric_only=True))
            lines += [
                _encoder(row, "–") for row in means.assign(subject="mean of all").to_dict("records")
            ]
        limit = float(rows["threshold"].iloc[0])
        parts += [
            f"## Encoding, {group} subjects: correlation on test stimuli over the noise ceiling",
            f"Median over voxels with a noise ceiling above {limit:.0%}; chance is 0.",
            markdown(lines),
        ]
    return parts


def _encoder(row: dict, interval: str) -> list[str]:
    start = [str(row[name]) for name in ("subject", "method", "images")]
    numbers = (f"{row[name]:.3f}" for name in ("raw_r", "explained", "ceiling"))
    return [*start, f"{row['r']:.3f}", interval, *numbers, f"{row['voxels']:,.0f}"]


def _texts(row: dict) -> list[str]:
    return [f"{value:.3f}" if isinstance(value, float) else str(value) for value in row.values()]


def _headline(config: dict, rows: pd.DataFrame) -> str:
    named = config["report"]["method"]
    return named or str(rows.loc[~rows["baseline"].astype(bool), "method"].iloc[0])


def _categories(scores: pd.DataFrame, categories: dict[str, str], method: str) -> str:
    found = by_category(scores, categories, method)
    lines = [["split", "category", "n", "metric", "mean", "95 % interval"]]
    for row in found.to_dict("records"):
        between = f"[{row['ci_low']:.3f}, {row['ci_high']:.3f}]"
        start = [str(row[name]) for name in ("split", "category", "n", "metric")]
        lines.append([*start, f"{row['mean']:.3f}", between])
    return markdown(lines)
