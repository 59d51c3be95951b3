"""Decode 3D objects: every method and baseline of one subject at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import ConfigOption, LogOption, paired, read_settings, run_stage
from brainvis.config import find_checkpoint

Files = list[Path]


def objects_decode(
    config: ConfigOption,
    stimuli: Annotated[Path, typer.Option(help="Stimuli file.")],
    features: Annotated[
        Path, typer.Option(help="Features file of the stimuli, in the generator's space.")
    ],
    splits: Annotated[Path, typer.Option(help="Splits file.")],
    split: Annotated[str, typer.Option(help="Name of the split.")],
    subject: Annotated[str, typer.Option(help="Label of the subject.")],
    method: Annotated[list[str], typer.Option(help="Name in the configuration; repeat.")],
    out: Annotated[Files, typer.Option(help="Objects file (HDF5), one for each --method.")],
    vectors: Annotated[Files | None, typer.Option(help="Decoded features; repeat.")] = None,
    images: Annotated[Files | None, typer.Option(help="Reconstructions; repeat.")] = None,
    image_vectors: Annotated[
        Files | None, typer.Option(help="Features of reconstructions; repeat.")
    ] = None,
    meshes: Annotated[Path | None, typer.Option(help="Folder of the stimuli's meshes.")] = None,
    latents: Annotated[Path | None, typer.Option(help="Shape latents of the stimuli.")] = None,
    log: LogOption = None,
) -> None:
    """Make an object of every test stimulus from what was decoded, and the baselines beside it.

    Nothing is learned here. Of meshes and latents those of training stimuli alone are read.
    """
    keys = ("objects.generator", "objects.methods")
    values = read_settings(config, *keys)
    folder, methods = (values["settings"][key] for key in keys)
    generator = find_checkpoint(folder)
    outputs = paired("method", method, out)

    def work(made: dict[str, Path]) -> None:
        from brainvis.datasets import splits as named
        from brainvis.objects3d.conditions import Sources
        from brainvis.objects3d.decoding import decode_objects

        decode_objects(
            generator,
            named.read(splits, split),
            methods,
            made,
            Sources.open(stimuli, features, vectors or [], images or [], image_vectors or []),
            subject=subject,
            split_name=split,
            meshes=meshes,
            latents=latents,
            seed=values["seed"],
        )

    run_stage(
        "objects_decode",
        work,
        inputs={
            "stimuli": stimuli,
            "features": features,
            "splits": splits,
            "vectors": vectors or [],
            "images": images or [],
            "image_vectors": image_vectors or [],
            "meshes": meshes,
            "latents": latents,
            "generator": generator,
        },
        outputs=outputs,
        values=values,
        log=log,
        subject=subject,
        split=split,
    )
