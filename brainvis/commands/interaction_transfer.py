"""Bring the Brain-Interaction Transformer to a new subject."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage

Files = list[Path]


def interaction_transfer(
    config: ConfigOption,
    model: Annotated[str, typer.Option(help="Name of the model in the configuration.")],
    network: Annotated[Path, typer.Option(help="Folder of the trained network.")],
    reference: Annotated[Path, typer.Option(help="Voxel embeddings that it was trained with.")],
    responses: Annotated[Path, typer.Option(help="Responses file of the new subject.")],
    embeddings: Annotated[Path, typer.Option(help="The subject's embeddings by the encoder.")],
    population: Annotated[Path, typer.Option(help="Known voxels, with the functional gauge.")],
    clusters: Annotated[Path, typer.Option(help="Clusters of the new subject's voxels.")],
    features: Annotated[Files, typer.Option(help="Features file of a space; repeat per space.")],
    splits: Annotated[Path, typer.Option(help="Splits file; training stimuli alone are read.")],
    voxels: Annotated[Path, typer.Option(help="Voxel embeddings of the new subject (HDF5).")],
    made: Annotated[Path | None, typer.Option(help="Synthetic fMRI of the subject.")] = None,
    unseen: Annotated[
        Files | None, typer.Option(help="Features of the images of it; repeat per space.")
    ] = None,
    images: Annotated[
        int | None, typer.Option(help="Learn from that many training stimuli; default all.")
    ] = None,
    log: LogOption = None,
) -> None:
    """Learn the voxel embeddings of a new subject; the network stays as it is."""
    key = f"interaction.{model}"
    values = read_settings(config, key)
    settings = values["settings"][key]
    shared = {name: settings[name] for name in ("share", "synthetic", "validation")}

    def work(outputs: dict[str, Path]) -> None:
        from brainvis.decoding.interaction_transfer import transfer_interaction

        transfer_interaction(
            network,
            reference,
            responses,
            embeddings,
            population,
            clusters,
            features,
            splits,
            outputs["voxels"],
            made=made,
            unseen=unseen,
            images=images,
            seed=values["seed"],
            **shared,
            **settings["transfer"],
        )

    run_stage(
        "interaction_transfer",
        work,
        inputs={
            "network": network,
            "reference": reference,
            "responses": responses,
            "embeddings": embeddings,
            "population": population,
            "clusters": clusters,
            "features": features,
            "splits": splits,
            "made": made,
            "unseen": unseen or [],
        },
        outputs={"voxels": voxels},
        values=values,
        log=log,
        model=model,
        images=images,
    )
