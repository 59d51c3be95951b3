"""Decoded motion and the clips made from it, beside baselines, chance and each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from brainvis.errors import BrainvisError
from brainvis.evaluate import table as tables
from brainvis.evaluate.reader import COMPUTED
from brainvis.evaluate.summary import ALL
from brainvis.evaluate.video_published import published_videos, why_not_comparable
from brainvis.evaluate.video_ratios import ratio_of_means
from brainvis.report.context import Context, decoders_first, records, where
from brainvis.report.figures.scores import score_panels
from brainvis.report.section import Cell, Facts, Film, Part, Picture, Section, Still, Table, Text
from brainvis.report.sections.scores import details_table, matrix_table
from brainvis.report.words import interval, number

CAPTIONS = "captions.csv"
_EPE, _COSINE, _TOP = "epe_moving", "direction_cosine_object", "_top1"
_HEADLINE = (
    "epe_moving", "epe_whole", "direction_cosine_object", "flow_correlation", "flow_two_way",
    "flow_top1", "clip_epe_moving", "clip_epe_whole", "clip_direction_cosine_object",
    "frame_ssim", "frame_psnr", "hue_correlation", "clip_temporal_consistency",
    "clip_pcc_gated", "encoding_two_way", "encoding_top1",
)  # fmt: skip
_DRAWN = ("epe_moving", "direction_cosine_object", "flow_two_way", "clip_epe_moving")
_DRAWN += ("clip_direction_cosine_object", "frame_ssim")
_TITLES = {
    "flow": "Decoded flow beside the true flow.",
    "video": "Made clips beside the true clips; their flow is estimated from them.",
    "encoding": "The clip on screen among all held-out clips, by the likelihood of the responses.",
}


def build(context: Context) -> Section | None:
    """Ratios, films, scores by modality, protocols, published numbers; None without scores."""
    summary = context.video_summary
    if summary is None or summary.empty:
        return None
    everyone = decoders_first(where(summary, subject=ALL))
    parts: list[Part] = [*_verdict(context, everyone), *_shown(context.videos)]
    for split in dict.fromkeys(everyone["split"]):
        for modality in _TITLES:
            rows = where(everyone, split=split, modality=modality)
            parts += _modality(context, rows, split) if len(rows) else []
    parts += _protocols(context.video_protocols)
    parts.append(_published(context))
    return Section("videos", "Motion and video", parts)


def epe_ratios(
    scores: pd.DataFrame, rows: pd.DataFrame, metric: str = _EPE, *, seed: int = 0
) -> pd.DataFrame:
    """End-point error of every decoder as a share of every other method's.

    Parameters
    ----------
    scores : DataFrame
        Tidy scores of one modality and split.
    rows : DataFrame
        Summary rows of it for all subjects.
    metric : str
    seed : int
        Of the bootstrap over clips.

    Returns
    -------
    DataFrame
        method, against, baseline (whether that one knows no brain), ratio, low, high.
    """
    own = where(rows, metric=metric)
    found = []
    for method in where(own, baseline=False)["method"]:
        for other, baseline in zip(own["method"], own["baseline"], strict=True):
            if other == method:
                continue
            first, second = (
                tables.scores_by_subject(scores, name, metric) for name in (method, other)
            )
            first, second = first.align(second, join="inner")
            ratio = ratio_of_means(first.to_numpy(), second.to_numpy(), seed=seed)
            found.append((method, other, bool(baseline), ratio.value, ratio.low, ratio.high))
    return pd.DataFrame(found, columns=["method", "against", "baseline", "ratio", "low", "high"])


def _verdict(context: Context, everyone: pd.DataFrame) -> list[Part]:
    """The best flow decoder beside baselines in a few numbers, and a table of ratios."""
    rows = where(everyone, modality="flow")
    errors = where(rows, metric=_EPE)
    decoders = where(errors, baseline=False)
    if context.video_scores is None or decoders.empty or True not in set(errors["baseline"]):
        return []
    best = str(decoders.loc[decoders["mean"].idxmin(), "method"])
    scores = where(context.video_scores, modality="flow", split=decoders["split"].iloc[0])
    ratios = epe_ratios(scores, rows, seed=context.choices.seed)
    nothing = where(errors, baseline=True)
    against = str(nothing.loc[nothing["mean"].idxmin(), "method"])
    ratio = records(where(ratios, method=best, against=against))[0]
    facts = [
        (
            "error on moving objects",
            f"{ratio['ratio']:.2f} of “{against}”",
            f"{interval(ratio['low'], ratio['high'], 2)}, the best method without a brain",
        ),
        *_fact(rows, best, _COSINE, "direction cosine"),
        *_identified(rows, best, "flow_top1", "clip found by its flow"),
        *_best_encoding(everyone),
    ]
    lead = (
        f"“{best}” decodes motion with {ratio['ratio']:.0%} of the error of “{against}” on moving "
        "objects of held-out clips."
    )
    return [Text(lead, role="lead"), Facts(facts), _ratio_table(ratios)]


def _fact(rows: pd.DataFrame, method: str, metric: str, label: str) -> list[tuple[str, str, str]]:
    found = records(where(rows, method=method, metric=metric))
    return [
        (label, number(row["mean"], 2), f"{interval(row['ci_low'], row['ci_high'], 2)}, “{method}”"
         f", chance {number(row['chance'], 2)}")
        for row in found
    ]  # fmt: skip


def _identified(
    rows: pd.DataFrame, method: str, metric: str, label: str
) -> list[tuple[str, str, str]]:
    return [
        (
            label,
            f"{row['mean']:.0%}, {row['mean'] / row['chance']:.0f} × chance",
            f"{interval(row['ci_low'], row['ci_high'], 2)} among all {row['n']:.0f}, “{method}”",
        )
        for row in records(where(rows, method=method, metric=metric))
    ]


def _best_encoding(everyone: pd.DataFrame) -> list[tuple[str, str, str]]:
    rows = where(everyone, modality="encoding", metric="encoding_top1")
    if rows.empty:
        return []
    best = str(rows.loc[rows["mean"].idxmax(), "method"])
    return _identified(rows, best, "encoding_top1", "clip found by an encoding model")


def _ratio_table(ratios: pd.DataFrame) -> Table:
    against = list(dict.fromkeys(ratios["against"]))
    cells = {(row["method"], row["against"]): row for row in records(ratios)}
    methods = list(dict.fromkeys(ratios["method"]))
    lines = [
        [Cell(name), *(_ratio(cells.get((name, other))) for other in against)] for name in methods
    ]
    caption = (
        "End-point error on moving objects of each method as a share of that of the method in the "
        "column, with 95 % interval over clips; bold: the interval lies below 1."
    )
    return Table(["method", *(f"of {name}" for name in against)], lines, caption)


def _ratio(row: dict[str, Any] | None) -> Cell:
    if row is None:
        return Cell("–")
    note = interval(row["low"], row["high"], 2)
    return Cell(number(row["ratio"], 2), note, strong=row["high"] < 1)


def _shown(folder: Path | None) -> list[Part]:
    """Films and pictures of a folder with their captions, in its order."""
    if folder is None:
        return []
    table = tables.read(folder / CAPTIONS)
    if missing := {"file", "caption"} - set(table):
        raise BrainvisError("lacks columns", file=folder / CAPTIONS, field=min(missing))
    kinds = {".mp4": Film, ".png": Still}
    parts: list[Part] = []
    for row in records(table):
        path = folder / Path(str(row["file"])).name  # nothing outside the folder
        if path.suffix not in kinds:
            continue
        if not path.is_file():
            raise BrainvisError("no such file", file=path, remedy="run `brainvis movie show` again")
        parts.append(kinds[path.suffix](path.read_bytes(), str(row["caption"])))
    return parts


def _modality(context: Context, rows: pd.DataFrame, split: str) -> list[Part]:
    modality = str(rows["modality"].iloc[0])
    known = list(dict.fromkeys(rows["metric"]))
    chosen = [name for name in known if name in _HEADLINE or name.endswith(("_cosine", _TOP))]
    parts: list[Part] = []
    drawn = [name for name in known if name in _DRAWN or name.endswith("_cosine")][:6]
    if drawn:
        figure = score_panels(rows, drawn, kind=context.kind)
        caption = (
            f"{_TITLES[modality]} Dots: mean over held-out clips and subjects. Bars: 95 % "
            "interval over clips. Orange: chance, that of permuted pairings. Hollow: methods that "
            "know nothing of the brain."
        )
        parts.append(Picture(f"videos_{modality}_{split}", figure, caption))
    short = rows.loc[rows["metric"].isin(chosen)]
    return [*parts, matrix_table(short, split, modality), details_table(rows, split, modality)]


def _protocols(table: pd.DataFrame | None) -> list[Part]:
    if table is None or table.empty:
        return []
    names = ["estimator", "resolution", "mask", "frames", "layer", "draws", "libraries"]
    lines = []
    for row in records(table):
        done = row["status"] == COMPUTED
        said = [_text(row[name]) for name in names] if done else [str(row["status"]), *["–"] * 6]
        lines.append([Cell(str(row["label"])), Cell(str(row["modality"])), *map(Cell, said)])
    quiet = [row["status"] != COMPUTED for row in records(table)]
    caption = "How each metric of motion and video was taken."
    columns = ["metric", "of", *names]
    return [Table(columns, lines, caption, quiet, folded=True, numbers_from=len(columns))]


def _text(value: object) -> str:
    return "–" if value is None or value != value or value == "" else str(value)


def _published(context: Context) -> Table:
    """Published rows with the reason why they do not stand beside ours, or ours."""
    assert context.video_summary is not None
    name = str(context.video_summary["dataset"].iloc[0])
    lines, alike = [], 0
    for row in records(published_videos()):
        reason = why_not_comparable(row, name, context.video_protocols)
        ours = "–" if reason else _ours(context, str(row["metric"]))
        alike += not reason
        texts = [row["method"], row["subjects"], row["metric"], f"{row['value']:g}", ours]
        lines.append([Cell(str(one)) for one in (*texts, reason or "same", row["protocol"],
                                                 row["source"])])  # fmt: skip
    caption = (
        f"Published numbers on cc2017, of which {alike} were taken as ours; sources that disagree "
        "are both kept."
    )
    columns = ["method", "subjects", "metric", "published", "best of ours", "comparable?"]
    columns += ["protocol", "read in"]
    return Table(columns, lines, caption, folded=True, numbers_from=len(columns))


def _ours(context: Context, metric: str) -> str:
    assert context.video_summary is not None
    rows = where(context.video_summary, subject=ALL, metric=metric, baseline=False)
    if rows.empty:
        return "–"
    best = np.nanmax if bool(rows["higher_is_better"].iloc[0]) else np.nanmin
    return number(float(best(rows["mean"])))
