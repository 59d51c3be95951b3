"""Score decoded motion, made clips and identified clips."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from brainvis.commands.common import (
    ConfigOption,
    LogOption,
    feature_settings,
    read_settings,
    run_stage,
)
from brainvis.errors import BrainvisError

if TYPE_CHECKING:
    from brainvis.evaluate.video_scoring import Reader

KEYS = ("motion.score", "features", "evaluate.bootstrap", "evaluate.permutations")
Files = list[Path]


def movie_score(
    config: ConfigOption,
    stimuli: Annotated[Path, typer.Option(help="Stimuli file with the true clips.")],
    targets: Annotated[Path, typer.Option(help="True flow and object masks.")],
    out: Annotated[Path, typer.Option(help="Tidy table of all scores (Parquet).")],
    summary: Annotated[Path, typer.Option(help="Summary by method and metric (CSV).")],
    protocols: Annotated[Path, typer.Option(help="How each metric was taken (CSV).")],
    flow: Annotated[Files | None, typer.Option(help="Decoded flow; repeat.")] = None,
    clips: Annotated[Files | None, typer.Option(help="Made clips; repeat.")] = None,
    encoding: Annotated[
        Files | None, typer.Option(help="Scores of `movie encode`, of a subject; repeat.")
    ] = None,
    baseline: Annotated[
        list[str] | None, typer.Option(help="Name of a method that knows no brain; repeat.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Files scored at a time.")] = 1,
    log: LogOption = None,
) -> None:
    """Score motion and clips beside chance and baselines, with intervals over clips.

    Decoded flow is compared with the targets. The flow of made clips and of true ones is estimated
    by one estimator (OpenCV's DIS), so that motion which a refining model made up shows.
    """
    values = read_settings(config, *KEYS)
    settings = values["settings"]
    own = dict(settings["motion.score"])
    spaces = {role: own.pop(role) for role in ("frames", "video")}
    found = {role: _space(settings["features"], name) for role, name in spaces.items() if name}

    def work(made: dict[str, Path]) -> None:
        from brainvis.evaluate.video_stage import score_videos
        from brainvis.motion.estimate import estimate

        score_videos(
            stimuli,
            targets,
            made["table"],
            made["summary"],
            made["protocols"],
            flow=flow or [],
            clips=clips or [],
            encoding=encoding or [],
            estimate=estimate,
            baselines=baseline or [],
            bootstrap=settings["evaluate.bootstrap"],
            permutations=settings["evaluate.permutations"],
            seed=values["seed"],
            threads=threads,
            **{role: _reader(name, made_of) for role, (name, made_of, _) in found.items()},
            **own,
        )

    run_stage(
        "movie_score",
        work,
        inputs={
            "stimuli": stimuli,
            "targets": targets,
            "flow": flow or [],
            "clips": clips or [],
            "encoding": encoding or [],
            **{role: folder for role, (_, _, folder) in found.items()},
        },
        outputs={"table": out, "summary": summary, "protocols": protocols},
        values=values,
        log=log,
        baselines=baseline or [],
    )


def _space(features: dict, name: str) -> tuple[str, dict, Path | None]:
    """Name, settings and folder of a feature space of the configuration."""
    if name not in features:
        raise BrainvisError(
            "no such feature space", field="motion.score", found=name,
            remedy=f"one of {', '.join(features)}",
        )  # fmt: skip
    settings, folder = feature_settings(features[name])
    return name, settings, folder


def _reader(name: str, settings: dict) -> Reader:
    from brainvis.evaluate.video_scoring import Reader
    from brainvis.features.registry import make_extractor

    extractor = make_extractor(**settings)
    return Reader(name, extractor.name, extractor.size, lambda items: extractor.extract(items)[0])
