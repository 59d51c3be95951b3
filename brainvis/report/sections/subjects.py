"""Does it hold in each subject?"""

from __future__ import annotations

from brainvis.report.context import Context
from brainvis.report.figures.scores import subject_dots
from brainvis.report.section import Picture, Section
from brainvis.report.sections.scores import figure_metrics


def build(context: Context) -> Section | None:
    """Every subject's mean; no section where there is one subject."""
    if not context.scored:
        return None
    rows = context.rows(subject=None)
    if len(set(rows["subject"])) < 2:
        return None
    metrics = [context.metric, *figure_metrics(rows)]
    figure = subject_dots(rows, list(dict.fromkeys(metrics))[:2], kind=context.kind)
    caption = (
        "One marker per subject, in the same order and shape everywhere; black bars: mean of "
        "subjects; orange: chance. With few subjects this shows consistency, not what to "
        "expect in other people."
    )
    return Section("subjects", "Subjects", [Picture("subjects", figure, caption)])
