"""Score decoded 3D objects."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage
from brainvis.commands.metrics import visual_network
from brainvis.config import find_checkpoint

KEYS = ("evaluate.bootstrap", "evaluate.permutations", "evaluate.visual", "evaluate.device")
Files = list[Path]


def objects_score(
    config: ConfigOption,
    truth: Annotated[
        Path, typer.Option(help="True objects: an objects file, or a folder of meshes by stimulus.")
    ],
    objects: Annotated[Files, typer.Option(help="Objects file of a method; repeat for several.")],
    out: Annotated[Path, typer.Option(help="Tidy table of all scores (Parquet).")],
    summary: Annotated[Path, typer.Option(help="Summary by method and metric (CSV).")],
    protocols: Annotated[Path, typer.Option(help="How each metric was taken (CSV).")],
    differences: Annotated[
        Path, typer.Option(help="Paired differences of methods from baselines (CSV).")
    ],
    stimuli: Annotated[
        Path | None,
        typer.Option(help="Stimuli file, for categories and the viewer's side of each object."),
    ] = None,
    baseline: Annotated[
        list[str] | None, typer.Option(help="Name of a method that others are compared with.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Files scored at a time.")] = 1,
    log: LogOption = None,
) -> None:
    """Score decoded objects in shape, volume and views, beside chance and baselines.

    An object whose status is "empty" gets the worst value of every metric; a file that leaves
    objects out is refused. Nothing is aligned.
    """
    values = read_settings(config, *KEYS)
    own = {key.removeprefix("evaluate."): values["settings"][key] for key in KEYS}
    visual = find_checkpoint(own["visual"]) if own["visual"] else None

    def work(made: dict[str, Path]) -> None:
        from brainvis.evaluate.shape_scoring import ShapeProtocol
        from brainvis.evaluate.shape_stage import evaluate_objects

        evaluate_objects(
            truth,
            objects,
            made["table"],
            made["summary"],
            made["protocols"],
            made["differences"],
            stimuli=stimuli,
            baselines=baseline or [],
            protocol=ShapeProtocol(seed=values["seed"]),
            bootstrap=own["bootstrap"],
            permutations=own["permutations"],
            visual=None if visual is None else visual_network(visual, own["device"]),
            threads=threads,
        )

    run_stage(
        "objects_score",
        work,
        inputs={"truth": truth, "objects": objects, "stimuli": stimuli, "visual": visual},
        outputs={
            "table": out,
            "summary": summary,
            "protocols": protocols,
            "differences": differences,
        },
        values=values,
        log=log,
        baselines=baseline or [],
    )
