"""Disorder regions, decode objects, tell the region from the object."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage
from brainvis.config import find_checkpoint


def objects_diagnose(
    config: ConfigOption,
    responses: Annotated[Path, typer.Option(help="Responses file.")],
    betas: Annotated[
        Path, typer.Option(help="Responses file of betas as estimated: 0 is no response.")
    ],
    features: Annotated[
        Path, typer.Option(help="Features file of the stimuli, in the generator's space.")
    ],
    stimuli: Annotated[Path, typer.Option(help="Stimuli file.")],
    meshes: Annotated[Path, typer.Option(help="Folder of the stimuli's meshes.")],
    splits: Annotated[Path, typer.Option(help="Splits file.")],
    split: Annotated[str, typer.Option(help="Name of the split.")],
    table: Annotated[Path, typer.Option(help="Disordered and named regions (CSV).")],
    signs: Annotated[Path, typer.Option(help="What each lesion does to objects (CSV).")],
    log: LogOption = None,
) -> None:
    """Silence, scramble or attenuate one region after the other in the test responses.

    Decoders are learned from intact training responses. A classifier that has seen other objects
    alone names the region from pictures of the object.
    """
    keys = ("objects.generator", "objects.lesions", "evaluate.bootstrap")
    values = read_settings(config, *keys)
    folder, lesions, bootstrap = (values["settings"][key] for key in keys)
    generator = find_checkpoint(folder)

    def work(made: dict[str, Path]) -> None:
        from brainvis.datasets import splits as named
        from brainvis.objects3d.lesion_stage import diagnose_lesions

        diagnose_lesions(
            generator,
            responses,
            betas,
            features,
            stimuli,
            named.read(splits, split),
            meshes,
            made["table"],
            made["signs"],
            bootstrap=bootstrap,
            seed=values["seed"],
            **lesions,
        )

    run_stage(
        "objects_diagnose",
        work,
        inputs={
            "responses": responses,
            "betas": betas,
            "features": features,
            "stimuli": stimuli,
            "meshes": meshes,
            "splits": splits,
            "generator": generator,
        },
        outputs={"table": table, "signs": signs},
        values=values,
        log=log,
        split=split,
    )
