"""Write the report page of a run."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from brainvis.artifacts import inspect
from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage

Files = list[Path]


def report(
    config: ConfigOption,
    run: Annotated[str, typer.Option(help="The whole configuration of the run, as JSON.")],
    root: Annotated[Path, typer.Option(help="Folder of the run, for the lineage.")],
    out: Annotated[Path, typer.Option(help="The page (HTML).")],
    figures: Annotated[Path, typer.Option(help="Folder of the page's figures (PNG).")],
    responses: Annotated[Files, typer.Option(help="Responses file; repeat per subject.")],
    stimuli: Annotated[Path | None, typer.Option(help="Stimuli file.")] = None,
    images: Annotated[Files | None, typer.Option(help="Reconstructions; repeat.")] = None,
    table: Annotated[Path | None, typer.Option(help="Tidy table of all scores.")] = None,
    summary: Annotated[Path | None, typer.Option(help="Summary by method and metric.")] = None,
    protocols: Annotated[Path | None, typer.Option(help="How each metric was taken.")] = None,
    retrieval: Annotated[
        Path | None, typer.Option(help="Retrieval and collapse of decoded vectors.")
    ] = None,
    brain: Annotated[Path | None, typer.Option(help="Summary of brain correlations.")] = None,
    budgets: Annotated[
        Path | None, typer.Option(help="New subjects by number of training trials.")
    ] = None,
    differences: Annotated[
        Path | None, typer.Option(help="Paired differences between methods.")
    ] = None,
    classification: Annotated[Path | None, typer.Option(help="Table of accuracies.")] = None,
    betas: Annotated[Path | None, typer.Option(help="Table of beta recovery.")] = None,
    encoders: Annotated[
        Files | None, typer.Option(help="Table of encoding scores; repeat.")
    ] = None,
    encoder_voxels: Annotated[
        Files | None, typer.Option(help="Accuracy per voxel; repeat per subject.")
    ] = None,
    clusters: Annotated[
        Path | None, typer.Option(help="Table of what clusters explain (simulated only).")
    ] = None,
    selectivity: Annotated[
        Files | None, typer.Option(help="Selectivity for prompts; repeat.")
    ] = None,
    atlas: Annotated[Path | None, typer.Option(help="Clusters of the voxels to be shown.")] = None,
    video_scores: Annotated[Path | None, typer.Option(help="Tidy table of `movie score`.")] = None,
    video_summary: Annotated[Path | None, typer.Option(help="Its summary.")] = None,
    video_protocols: Annotated[Path | None, typer.Option(help="Its protocols.")] = None,
    movie_encoding: Annotated[
        Files | None, typer.Option(help="Table of `movie encode`; repeat per subject.")
    ] = None,
    movie_voxels: Annotated[
        Files | None, typer.Option(help="Scores of voxels of `movie encode`; repeat.")
    ] = None,
    videos: Annotated[Path | None, typer.Option(help="Folder of `movie show`.")] = None,
    log: LogOption = None,
) -> None:
    """Write one self-contained page: verdict, pictures, scores, reliability, lineage."""
    values = read_settings(config, "report")

    def work(made: dict[str, Path]) -> None:
        from brainvis.report.stage import write_report

        lineage = [
            {**asdict(known), "artifact": path.relative_to(root).as_posix()}
            for path, known in inspect.catalogue(root)
            if known.stage != "report"
        ]
        write_report(
            made["page"],
            kind=values["kind"],
            stimuli=stimuli,
            reconstructions=images or [],
            table=[table] if table else [],
            summary=[summary] if summary else [],
            responses=responses,
            lineage=lineage,
            config=json.loads(run),
            figures=made["figures"],
            protocols=protocols,
            retrieval=retrieval,
            brain=brain,
            budgets=budgets,
            differences=differences,
            classification=classification,
            recovery=betas,
            encoders=encoders or [],
            selectivity=selectivity or [],
            encoder_voxels=encoder_voxels or [],
            clusters=clusters,
            atlas=atlas,
            video_scores=video_scores,
            video_summary=video_summary,
            video_protocols=video_protocols,
            movie_encoding=movie_encoding or [],
            movie_voxels=movie_voxels or [],
            videos=videos,
            seed=values["seed"],
            **values["settings"]["report"],
        )

    run_stage(
        "report",
        work,
        inputs={
            "stimuli": stimuli,
            "images": images or [],
            "table": table,
            "summary": summary,
            "responses": responses,
            "protocols": protocols,
            "retrieval": retrieval,
            "brain": brain,
            "budgets": budgets,
            "differences": differences,
            "classification": classification,
            "betas": betas,
            "encoders": encoders or [],
            "selectivity": selectivity or [],
            "encoder_voxels": encoder_voxels or [],
            "clusters": clusters,
            "atlas": atlas,
            "video_scores": video_scores,
            "video_summary": video_summary,
            "video_protocols": video_protocols,
            "movie_encoding": movie_encoding or [],
            "movie_voxels": movie_voxels or [],
            "videos": videos,
        },
        outputs={"page": out, "figures": figures},
        values=values,
        log=log,
    )
