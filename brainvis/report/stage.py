"""Stage: the report page of a run and its figures as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from brainvis.clusters.stage import Clusters
from brainvis.containers import SIMULATED, Reconstructions, Responses, Stimuli
from brainvis.encoding.movie_files import COLUMNS as MOVIE_COLUMNS
from brainvis.encoding.movie_files import MovieScores
from brainvis.encoding.selectivity import Selectivity
from brainvis.errors import BrainvisError
from brainvis.evaluate import table as tables
from brainvis.evaluate.budgets import COLUMNS as BUDGET_COLUMNS
from brainvis.evaluate.decoded import COLUMNS as RETRIEVAL_COLUMNS
from brainvis.evaluate.differences import COLUMNS as DIFFERENCE_COLUMNS
from brainvis.evaluate.reader import PROTOCOL_COLUMNS
from brainvis.evaluate.video_protocol import COLUMNS as VIDEO_PROTOCOL_COLUMNS
from brainvis.report import sections
from brainvis.report.context import Choices, Context, VoxelScores
from brainvis.report.objects import ObjectResults
from brainvis.report.page import render
from brainvis.report.sections.clusters import COLUMNS as CLUSTER_COLUMNS
from brainvis.report.sections.encoders import COLUMNS as ENCODER_COLUMNS
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
    protocols: Path | None = None,
    retrieval: Path | None = None,
    brain: Path | None = None,
    budgets: Path | None = None,
    differences: Path | None = None,
    classification: Path | None = None,
    recovery: Path | None = None,
    encoders: Sequence[Path] = (),
    selectivity: Sequence[Path] = (),
    encoder_voxels: Sequence[Path] = (),
    clusters: Path | None = None,
    atlas: Path | None = None,
    video_scores: Path | None = None,
    video_summary: Path | None = None,
    video_protocols: Path | None = None,
    movie_encoding: Sequence[Path] = (),
    movie_voxels: Sequence[Path] = (),
    videos: Path | None = None,
    objects: ObjectResults | None = None,
    method: str | None = None,
    split: str | None = None,
    metric: str = "pixel_two_way",
    order_by: str = "pixel_correlation",
    examples: int = 3,
    random_examples: int = 9,
    show: Sequence[str] = (),
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
    protocols : path, optional
        How each metric was taken, from `brainvis.evaluate.stage`.
    retrieval : path, optional
        Retrieval and spread of decoded vectors, from `brainvis.evaluate.decoded`.
    brain : path, optional
        Brain correlation, the summary from `brainvis.evaluate.brain_stage`.
    budgets : path, optional
        What a new subject's decoding is worth by number of trials, from
        `brainvis.evaluate.budgets`.
    differences : path, optional
        Paired differences, from `brainvis.evaluate.differences`.
    classification : path, optional
        Table with columns accuracy and chance, and any of subject, split, method, target, ci_low,
        ci_high, p, n.
    recovery : path, optional
        Table with columns subject, trials, voxels, ours, lsa and ratio: how well betas of a
        simulated brain recover the true ones.
    selectivity : sequence of path
        Selectivity for text prompts, a file per subject.
    encoders : sequence of path
        Tables of encoding accuracy with the columns `brainvis.report.sections.encoders.COLUMNS`:
        one row per subject, group ("trained" or "new" to the encoder's network), method, number
        of images and roi ("all" for every voxel).
    encoder_voxels : sequence of path
        `brainvis.report.context.VoxelScores`, one per subject.
    clusters : path, optional
        Table of what functional clusters explain of the true responses of a simulated brain, with
        the columns `brainvis.report.sections.clusters.COLUMNS`.
    atlas : path, optional
        `Clusters` to be shown on the voxel grid of every subject; needs `clusters`.
    video_scores, video_summary, video_protocols : path, optional
        From `brainvis.evaluate.video_stage`.
    movie_encoding : sequence of path
        Tables with the columns `brainvis.encoding.movie_files.COLUMNS`, one per subject.
    movie_voxels : sequence of path
        `brainvis.encoding.movie_files.MovieScores`, one per subject.
    videos : path, optional
        Folder with MP4 and PNG files and ``captions.csv`` (file, caption), in the order to show.
    objects : ObjectResults, optional
        From `brainvis.report.objects.read_objects`.
    method, split, metric, order_by, examples, random_examples, seed
        See `brainvis.report.context.Choices`.

    Raises
    ------
    BrainvisError
        Missing files or columns, kinds that contradict each other, unknown method or split.
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
        choices=Choices(
            method, split, metric, order_by, examples, random_examples, seed, tuple(show)
        ),
        protocols=_with_columns(protocols, PROTOCOL_COLUMNS),
        retrieval=_with_columns(retrieval, RETRIEVAL_COLUMNS),
        brain=None if brain is None else tables.read(brain),
        budgets=_with_columns(budgets, BUDGET_COLUMNS),
        differences=_with_columns(differences, DIFFERENCE_COLUMNS),
        classification=None if classification is None else tables.read(classification),
        recovery=None if recovery is None else tables.read(recovery),
        encoders=_stacked(encoders, ENCODER_COLUMNS),
        selectivity=[Selectivity.open(path) for path in selectivity],
        encoder_voxels=[VoxelScores.open(path) for path in encoder_voxels],
        clusters=_with_columns(clusters, CLUSTER_COLUMNS),
        atlas=None if atlas is None else Clusters.open(atlas),
        video_scores=_with_columns(video_scores, tables.COLUMNS),
        video_summary=_with_columns(video_summary, [*tables.GROUP, "subject"]),
        video_protocols=_with_columns(video_protocols, VIDEO_PROTOCOL_COLUMNS),
        movie_encoding=_stacked(movie_encoding, MOVIE_COLUMNS),
        movie_voxels=[MovieScores.open(path) for path in movie_voxels],
        videos=videos,
        objects=objects,
    )
    _check_kinds(context, clusters)
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


def _stacked(paths: Sequence[Path], columns: Sequence[str]) -> pd.DataFrame | None:
    """Tables of encoding scores under one another, or None."""
    parts = [_with_columns(path, columns) for path in paths]
    found = [part for part in parts if part is not None]
    return pd.concat(found, ignore_index=True) if found else None


def _with_columns(path: Path | None, columns: Sequence[str]) -> pd.DataFrame | None:
    if path is None:
        return None
    table = tables.read(path)
    missing = [name for name in columns if name not in table]
    if missing:
        raise BrainvisError("lacks columns", file=path, field=", ".join(missing), found=list(table))
    return table


def _check_kinds(context: Context, clusters: Path | None) -> None:
    """No simulated result may appear under "measured", nor the reverse."""
    files = [
        *context.reconstructions,
        *context.responses,
        *context.encoder_voxels,
        *context.selectivity,
        *context.movie_voxels,
    ]
    for file in [*files, *([context.atlas] if context.atlas else [])]:
        if file.attributes.get("kind") != context.kind:
            raise BrainvisError(
                f"does not belong on a page of {context.kind} data",
                file=file.path,
                field="kind",
                found=file.attributes.get("kind"),
                remedy="report simulated and measured runs apart",
            )
    if clusters is not None and context.kind != SIMULATED:
        raise BrainvisError(
            "rests on true responses, which only a simulated brain has",
            file=clusters,
            field="kind",
            found=context.kind,
            remedy="leave the table of clusters out",
        )
