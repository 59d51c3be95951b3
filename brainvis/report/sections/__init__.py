"""One module per section, each with ``build(context) -> Section | None``; `ORDER` on the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from brainvis.report.context import Context
from brainvis.report.section import Section
from brainvis.report.sections import (
    brain,
    budgets,
    categories,
    classification,
    clusters,
    differences,
    encoders,
    grids,
    lineage,
    movies,
    objects,
    prompts,
    protocols,
    published,
    quality,
    recovery,
    reliability,
    reproduce,
    retrieval,
    scores,
    subjects,
    verdict,
    videos,
)

ORDER: Sequence[Callable[[Context], Section | None]] = (
    verdict.build,
    grids.build,
    scores.build,
    differences.build,
    retrieval.build,
    budgets.build,
    brain.build,
    subjects.build,
    categories.build,
    reliability.build,
    recovery.build,
    encoders.build,
    prompts.build,
    videos.build,
    movies.build,
    objects.build,
    clusters.build,
    classification.build,
    protocols.build,
    published.build,
    quality.build,
    lineage.build,
    reproduce.build,
)
