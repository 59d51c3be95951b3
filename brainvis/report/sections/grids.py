"""Seen images beside every method's reconstruction, chosen by rule."""

from __future__ import annotations

import numpy as np

from brainvis.containers import Reconstructions
from brainvis.evaluate.catalogue import describe
from brainvis.report.choose import at_random, best_median_worst
from brainvis.report.context import Context
from brainvis.report.figures.grids import image_grid
from brainvis.report.section import Picture, Section, Text
from brainvis.report.words import number


def build(context: Context) -> Section | None:
    """Two grids per subject: best, median and worst by a declared score, and random ones."""
    if context.stimuli is None or not (context.reconstructions and context.scored):
        return None
    row = context.headline()
    method = row["method"]
    subjects = sorted({str(made.attributes["subject"]) for made in context.reconstructions})
    parts = [Text(_rule(context, method))]
    for subject in subjects:
        parts += _pictures(context, subject, method)
    return Section("reconstructions", "Reconstructions", parts) if len(parts) > 1 else None


def _rule(context: Context, method: str) -> str:
    label = describe(context.choices.order_by).label
    return (
        f"Selection rule. Ranked: the {context.choices.examples} best, middle and worst test "
        f"stimuli of each subject by {label} of “{method}”. Random: drawn once with seed "
        f"{context.choices.seed}, the same for all subjects and methods. No image was picked by "
        "eye; every image was held out from the decoder that made it."
    )


def _pictures(context: Context, subject: str, method: str) -> list[Picture]:
    files = _files(context, subject)
    scores = context.values(method, context.choices.order_by, subject)
    if not files or scores.empty:
        return []
    metric = describe(context.choices.order_by)
    values = scores.iloc[:, 0]
    ids = values.index.to_numpy(dtype=str)
    groups = best_median_worst(
        values.to_numpy(),
        ids,
        context.choices.examples,
        higher_is_better=metric.higher_is_better,
    )
    random = {"random": at_random(ids, context.choices.random_examples, context.choices.seed)}
    how = f"Top row: what subject {subject} saw. Below: what each method made from the responses"
    notes = f"Numbers: {metric.label} of “{method}”."
    pictures = []
    for name, chosen in (("ranked", groups), ("random", random)):
        if not sum(len(one) for one in chosen.values()):
            continue
        shown = np.concatenate(list(chosen.values()))
        figure = image_grid(
            _rows(context, files, shown),
            [(heading, len(one)) for heading, one in chosen.items()],
            [number(values[one], 2) for one in shown],
            kind=context.kind,
        )
        caption = f"{how}; {name} test stimuli. {notes}"
        pictures.append(Picture(f"grid_{name}_{_safe(subject)}", figure, caption))
    return pictures


def _files(context: Context, subject: str) -> dict[str, Reconstructions]:
    """A subject's reconstructions in the headline split: methods as chosen, or decoders first."""
    order = list(context.choices.show) or list(dict.fromkeys(context.rows()["method"]))
    files = {
        str(made.attributes["method"]): made
        for made in context.reconstructions
        if made.attributes["subject"] == subject and made.attributes["split"] == context.split
    }
    return {name: files[name] for name in order if name in files}


def _rows(
    context: Context, files: dict[str, Reconstructions], ids: np.ndarray
) -> list[tuple[str, np.ndarray]]:
    assert context.stimuli is not None
    rows = [("seen", context.stimuli.images(context.stimuli.rows(ids)))]
    for name, made in files.items():
        where = {str(one): row for row, one in enumerate(made.ids)}
        known = np.array([one in where for one in ids])
        images = made.images(np.array([where.get(one, 0) for one in ids]))
        images[~known] = 1.0  # a method without that stimulus leaves the cell white
        rows.append((name, images))
    return rows


def _safe(text: str) -> str:
    """Part of a file name."""
    return "".join(sign if sign.isalnum() else "-" for sign in text)
