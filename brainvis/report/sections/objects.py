"""Decoded 3D objects: scores beside baselines, objects to turn, and what lesions do to them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from brainvis.errors import BrainvisError
from brainvis.evaluate.catalogue import describe
from brainvis.evaluate.summary import ALL
from brainvis.objects3d.mesh import ColoredMesh
from brainvis.objects3d.render import write_turntable
from brainvis.report.choose import best_median_worst
from brainvis.report.context import Context, decoders_first, records, where
from brainvis.report.figures.objects import confusion_matrix
from brainvis.report.figures.scores import score_panels
from brainvis.report.markdown import markdown, score_matrix
from brainvis.report.objects import DIAGNOSIS_COLUMNS, ObjectResults
from brainvis.report.section import Animation, Cell, Part, Picture, Section, Table, Text, Viewer
from brainvis.report.sections.differences import difference_parts
from brainvis.report.sections.scores import details_table, matrix_table
from brainvis.report.style import BANNERS
from brainvis.report.viewer import viewer_page
from brainvis.report.words import interval, number

ORDER_BY = "chamfer"
_PANELS = ("chamfer", "f_score", "volume_iou", "emd", "normal_consistency", "shape_two_way")
_PANELS += ("views_pixel_two_way", "views_visual_two_way", "views_visual_correlation")
SIGNS = (
    "What a disordered region does to the object: distance of its mean colour from the intact "
    "brain's object (CIE Lab), and whether its pictures look like another category (nearest mean "
    "picture of training objects). Regions differ in their number of voxels, so that those smaller "
    "than V1 stand beside a lesion of as many voxels of V1, drawn at random, too."
)
_PAIRED = ("difference", "low", "high")  # mean and interval, columns of tables of differences,
_REFERENCE = ("difference", "difference_low", "difference_high")  # and of signs
_MATCHED = ("matched_difference", "matched_difference_low", "matched_difference_high")
_HEADLINE = ("chamfer", "volume_iou", "shape_two_way")
_SIZE = 112  # pixels of an object in the turntables


def build(context: Context) -> Section | None:
    """The section; None for a run without decoded objects."""
    results = context.objects
    if results is None or results.summary.empty:
        return None
    return section(results, context.kind, examples=min(context.choices.examples, 2))


def section(results: ObjectResults, kind: str, *, examples: int = 1) -> Section:
    """Headline, scores, differences, objects, diagnosis, protocols.

    Parameters
    ----------
    results : ObjectResults
    kind : {"simulated", "measured"}
    examples : int
        Best, median and worst objects shown, each.

    Raises
    ------
    BrainvisError
        A file of another kind of data, or a diagnosis without its columns.
    """
    for file in results.decoded:
        if file.attributes.get("kind") != kind:
            raise BrainvisError(
                f"does not belong on a page of {kind} data", file=file.path, field="kind",
                found=file.attributes.get("kind"),
            )  # fmt: skip
    split = results.summary["split"].iloc[0]
    rows = decoders_first(where(results.summary, subject=ALL, split=split))
    method = str(rows["method"].iloc[0])
    parts: list[Part] = [Text(_headline(rows, method), "lead"), _panels(rows, kind)]
    parts += [matrix_table(rows, split, "object"), details_table(rows, split, "object")]
    if not results.differences.empty:
        parts += difference_parts(results.differences, kind, "object_differences")
    parts += _shown(results, method, split, kind, examples)
    if results.diagnosis is not None:
        parts += _diagnosed(results.diagnosis, kind)
    if results.signs is not None:
        parts.append(_signs(results.signs))
    parts.append(_protocols(results.protocols))
    return Section("objects", "3D objects", parts)


def markdown_parts(results: ObjectResults) -> list[str]:
    """The same numbers for a page of `docs/results`, as paragraphs of Markdown."""
    parts = []
    rows = where(results.summary, subject=ALL)
    for split in dict.fromkeys(rows["split"]):
        part = where(rows, split=split)
        parts += [f"## 3D objects, split `{split}`, n = {part['n'].max()}", score_matrix(part)]
        parts += _paired(where(results.differences, split=split))
    if results.diagnosis is not None:
        counts = _counts(results.diagnosis)
        lines = [["disordered region", *map(str, counts.columns)]]
        lines += [
            [str(name), *(f"{value:.0f}" for value in row)]
            for name, row in zip(counts.index, counts.to_numpy(), strict=True)
        ]
        parts += ["## Disordered region told from the object", _accuracy(counts), markdown(lines)]
    if results.signs is not None:
        parts += [SIGNS, markdown([list(results.signs), *map(_texts, records(results.signs))])]
    return parts


def _paired(differences: pd.DataFrame) -> list[str]:
    """Paired differences of the methods from the baselines, in the metrics of the headline."""
    if differences.empty:
        return []
    lines = [["method", "minus", *_HEADLINE]]
    for pair in records(differences.filter(["method", "against"]).drop_duplicates()):
        rows = records(where(differences, **pair))
        known = {row["metric"]: _beside(row, *_PAIRED) for row in rows}
        lines.append([*pair.values(), *(known.get(name, "–") for name in _HEADLINE)])
    return ["Differences paired over objects, 95 % bootstrap intervals.", markdown(lines)]


def _texts(row: dict) -> list[str]:
    return [number(v) if isinstance(v, float) else str(v) for v in row.values()]


def _headline(rows: pd.DataFrame, method: str) -> str:
    said = []
    for name in _HEADLINE:
        own = where(rows, metric=name)
        ours, others = where(own, method=method), where(own, baseline=True)
        if ours.empty:
            continue
        row = records(ours)[0]
        text = f"{describe(name).label} {number(row['mean'])} "
        text += f"{interval(row['ci_low'], row['ci_high'])}, chance {number(row['chance'])}"
        better = others.sort_values("mean", ascending=not row["higher_is_better"])
        if not better.empty and better["method"].iloc[0] != method:
            best = records(better)[0]
            text += f", best baseline {number(best['mean'])} ({best['method']})"
        said.append(text)
    return f"“{method}” on {int(rows['n'].to_numpy().max())} objects: {'; '.join(said)}."


def _panels(rows: pd.DataFrame, kind: str) -> Picture:
    known = set(rows["metric"])
    figure = score_panels(rows, [name for name in _PANELS if name in known], kind=kind)
    caption = (
        "Decoded objects against true ones, nothing aligned. Dots: mean over objects and subjects. "
        "Bars: 95 % bootstrap interval over objects. Orange: chance, exact or that of the method's "
        "own permuted pairing. Hollow: baselines. Empty objects count with the worst value."
    )
    return Picture("object_scores", figure, caption)


def _shown(results: ObjectResults, method: str, split: str, kind: str, examples: int) -> list[Part]:
    """Turntables and viewer of the best, median and worst objects of the first subject."""
    files = [
        file
        for file in results.decoded
        if (file.attributes["method"], file.attributes["split"]) == (method, split)
    ]
    if results.true is None or not files:
        return []
    file = min(files, key=lambda one: str(one.attributes["subject"]))
    subject = str(file.attributes["subject"])
    own = where(results.scores, method=method, metric=ORDER_BY, split=split, subject=subject)
    ranks = best_median_worst(
        own["value"].to_numpy(), own["stimulus"].to_numpy(str), examples, higher_is_better=False
    )
    ids = [str(name) for rank in ranks.values() for name in rank]
    if not ids:
        return []
    true = [results.true.mesh(name) for name in ids]
    made = [file.mesh(name) for name in ids]
    named = "; ".join(f"{rank}: {', '.join(names)}" for rank, names in ranks.items())
    words = (
        f"True objects above, what “{method}” decoded from subject {subject} below. By Chamfer "
        f"distance, from the left, {named}. An empty object leaves a gap."
    )
    page = viewer_page([("true", true), (f"decoded ({method})", made)], kind)
    return [
        Animation(_turntable([true, made], kind), _SIZE * len(ids), words),
        Viewer(page, "Objects to turn", f"The same objects, to be turned with the mouse. {words}"),
    ]


def _turntable(rows: Sequence[Sequence[ColoredMesh]], kind: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "turntable.gif"
        write_turntable(path, rows, stamp=BANNERS[kind], size=_SIZE)
        return path.read_bytes()


def _counts(diagnosis: pd.DataFrame) -> pd.DataFrame:
    """Objects by true (rows) and predicted region, in the table's order."""
    missing = [name for name in DIAGNOSIS_COLUMNS if name not in diagnosis]
    if missing:
        raise BrainvisError("lacks columns", field=", ".join(missing), found=list(diagnosis))
    names = list(dict.fromkeys(diagnosis["region"]))
    others = [name for name in dict.fromkeys(diagnosis["predicted"]) if name not in names]
    counts = diagnosis.pivot_table(
        index="region", columns="predicted", values="count", aggfunc="sum", fill_value=0
    )
    return counts.reindex(index=names, columns=[*names, *others], fill_value=0)


def _accuracy(counts: pd.DataFrame) -> str:
    values = counts.to_numpy()
    right, total = int(np.trace(values)), int(values.sum())
    low, high = binomtest(right, total).proportion_ci(method="wilson")
    chance = 1 / len(counts)
    return (
        f"Accuracy {right / total:.3f} {interval(low, high)} over {total} objects, chance "
        f"{chance:.3f}: {right / total / chance:.1f} times chance (Wilson interval)."
    )


def _diagnosed(diagnosis: pd.DataFrame, kind: str) -> list[Part]:
    counts = _counts(diagnosis)
    caption = (
        "Rows: the region that was disordered before decoding; columns: the region that a "
        "classifier named from pictures of the decoded object alone, trained on other objects. "
        f"{_accuracy(counts)}"
    )
    return [Picture("object_diagnosis", confusion_matrix(counts, kind=kind), caption)]


def _signs(signs: pd.DataFrame) -> Table:
    columns = ["subject", "measure", "region", "voxels", "mean", "minus V1", "p"]
    columns += ["minus as many voxels of V1", "objects"]
    lines = [
        [
            Cell(str(row["subject"])), Cell(row["measure"]), Cell(row["region"]),
            Cell(str(row["voxels"])),
            Cell(f"{number(row['value'])} {interval(row['low'], row['high'])}"),
            Cell(_beside(row, *_REFERENCE)), Cell(number(row["p"])),
            Cell(_beside(row, *_MATCHED)), Cell(str(row["objects"])),
        ]
        for row in records(signs)
    ]  # fmt: skip
    return Table(columns, lines, f"{SIGNS} Intervals: 95 % bootstrap over objects.", folded=True)


def _beside(row: dict, mean: str, low: str, high: str) -> str:
    """A difference with its interval, from these columns; nothing where there is none."""
    return f"{number(row[mean])} {interval(row[low], row[high])}" if np.isfinite(row[mean]) else ""


def _protocols(protocols: pd.DataFrame) -> Table:
    columns = ["metric", "perfect", "form", "alignment", "seed", "libraries"]
    lines = [
        [
            Cell(row["label"]), Cell(number(row["perfect"])), Cell(row["form"]),
            Cell(row["alignment"]), Cell(str(row["seed"])), Cell(row["libraries"]),
        ]
        for row in records(protocols)
    ]  # fmt: skip
    caption = (
        "How each score of objects was taken. Perfect: what true objects score against themselves "
        "with other points drawn, the best that a decoder can reach."
    )
    return Table(columns, lines, caption, folded=True)
