"""Write the report page of a run."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from brainvis.artifacts import inspect
from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage
from brainvis.errors import BrainvisError

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
    objects: Annotated[Files | None, typer.Option(help="Objects file; repeat.")] = None,
    object_truth: Annotated[
        Path | None, typer.Option(help="Folder of the meshes of true objects.")
    ] = None,
    object_scores: Annotated[
        Path | None, typer.Option(help="Tidy table of `objects score`.")
    ] = None,
    object_summary: Annotated[Path | None, typer.Option(help="Its summary.")] = None,
    object_protocols: Annotated[Path | None, typer.Option(help="Its protocols.")] = None,
    object_differences: Annotated[Path | None, typer.Option(help="Its differences.")] = None,
    diagnosis: Annotated[
        Files | None, typer.Option(help="Table of `objects diagnose`; repeat per subject.")
    ] = None,
    signs: Annotated[Files | None, typer.Option(help="Its signs; repeat per subject.")] = None,
    log: LogOption = None,
) -> None:
    """Write one self-contained page: verdict, pictures, scores, reliability, lineage."""
    values = read_settings(config, "report")
    scored = (object_scores, object_summary, object_protocols, object_differences)
    scored = [path for path in scored if path is not None]
    if len(scored) not in (0, 4):
        raise BrainvisError(
            "the section on objects needs all four tables of `objects score`",
            field="--object-scores",
            found=[path.name for path in scored],
        )

    def work(made: dict[str, Path]) -> None:
        from brainvis.report.objects import read_objects
        from brainvis.report.stage import write_report

        shown = None
        if scored:
            shown = read_objects(
                *scored,
                decoded=objects or [],
                truth=object_truth,
                stimuli=stimuli,
                diagnosis=diagnosis or [],
                signs=signs or [],
            )
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
            objects=shown,
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
            "objects": objects or [],
            "object_truth": object_truth,
            "object_tables": scored,
            "diagnosis": diagnosis or [],
            "signs": signs or [],
        },
        outputs={"page": out, "figures": figures},
        values=values,
        log=log,
    )
