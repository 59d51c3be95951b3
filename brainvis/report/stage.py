"""Stage: the report page of a run and its figures as files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from brainvis.containers import Reconstructions, Responses, Stimuli
from brainvis.errors import BrainvisError
from brainvis.evaluate import table as tables
from brainvis.report import sections
from brainvis.report.context import Choices, Context
from brainvis.report.page import render
from brainvis.report.style import BANNERS


def write_report(
    out: Path,
    *,
    title: str,
    kind: str,
    stimuli: Path | None = None,
    reconstructions: Sequence[Path] = (),
    table: Path | Sequence[Path] = (),
    summary: Path | Sequence[Path] = (),
    responses: Sequence[Path] = (),
    lineage: Sequence[dict] = (),
    config: dict,
    figures: Path | None = None,
    classification: Path | None = None,
    recovery: Path | None = None,
    method: str | None = None,
    split: str | None = None,
    metric: str = "pixel_two_way",
    order_by: str = "pixel_correlation",
    examples: int = 3,
    random_examples: int = 9,
    seed: int = 0,
) -> None:
    """Write one HTML file that holds everything, and optionally its figures as PNG.

    Parameters
    ----------
    out : path
        The page.
    title : str
    kind : {"simulated", "measured"}
        Of the responses; every file that says otherwise is refused.
    stimuli : path or None
        `Stimuli`; None where the data set has no pixels.
    reconstructions : sequence of path
        `Reconstructions` of the headline split, or of all splits.
    table, summary : path or sequence of path
        From `brainvis.evaluate.stage`; none where the data set has no images to decode.
    responses : sequence of path
        `Responses`, one per subject.
    lineage : list of dict
        Manifests: artifact, stage, kind, sha256, parents, bytes, wall_seconds, peak_memory_mib.
    config : dict
        The run's configuration; ``run`` and ``seed`` are shown at the top.
    figures : path, optional
        Folder for ``<name>.png`` of every figure; created.
    classification : path, optional
        Table with columns accuracy and chance, and any of subject, split, method, target, ci_low,
        ci_high, p, n.
    recovery : path, optional
        Table with columns subject, trials, voxels, ours, lsa and ratio: how well betas of a
        simulated brain recover the true ones.
    method, split, metric, order_by, examples, random_examples, seed
        See `brainvis.report.context.Choices`.

    Raises
    ------
    BrainvisError
        Missing files, kinds that contradict each other, unknown method or split.
    """
    if kind not in BANNERS:
        raise BrainvisError(
            "unknown kind of data", field="kind", found=kind, remedy=f"one of {list(BANNERS)}"
        )
    context = Context(
        title=title,
        kind=kind,
        stimuli=None if stimuli is None else Stimuli.open(stimuli),
        reconstructions=[Reconstructions.open(path) for path in reconstructions],
        scores=_joined(table),
        summary=_joined(summary),
        responses=[Responses.open(path) for path in responses],
        lineage=list(lineage),
        config=config,
        choices=Choices(method, split, metric, order_by, examples, random_examples, seed),
        classification=None if classification is None else tables.read(classification),
        recovery=None if recovery is None else tables.read(recovery),
    )
    _check_kinds([*context.reconstructions, *context.responses], kind)
    built = [section for build in sections.ORDER if (section := build(context)) is not None]
    html, pictures = render(title, kind, built)
    out.write_text(html, encoding="utf-8")
    if figures is not None:
        figures.mkdir(parents=True, exist_ok=True)
        for name, data in pictures.items():
            (figures / f"{name}.png").write_bytes(data)


def _joined(paths: Path | Sequence[Path]) -> pd.DataFrame:
    paths = [paths] if isinstance(paths, Path) else list(paths)
    parts = [tables.read(path) for path in paths]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _check_kinds(files: Iterable[Reconstructions | Responses], kind: str) -> None:
    """No simulated result may appear under "measured", nor the reverse."""
    for file in files:
        if file.attributes.get("kind") != kind:
            raise BrainvisError(
                f"does not belong on a page of {kind} data",
                file=file.path,
                field="kind",
                found=file.attributes.get("kind"),
                remedy="report simulated and measured runs apart",
            )
