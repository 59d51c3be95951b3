"""Train the Brain-Interaction Transformer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import (
    ConfigOption,
    LogOption,
    feature_settings,
    read_settings,
    run_stage,
)

Files = list[Path]


def interaction_train(
    config: ConfigOption,
    model: Annotated[str, typer.Option(help="Name of the model in the configuration.")],
    responses: Annotated[Files, typer.Option(help="Responses file; repeat per subject.")],
    embeddings: Annotated[Path, typer.Option(help="Voxel embeddings of these subjects.")],
    population: Annotated[Path, typer.Option(help="Known voxels, with the functional gauge.")],
    clusters: Annotated[Path, typer.Option(help="Clusters of these subjects' voxels.")],
    features: Annotated[Files, typer.Option(help="Features file of a space; repeat per space.")],
    splits: Annotated[Path, typer.Option(help="Splits file; training stimuli alone are read.")],
    network: Annotated[Path, typer.Option(help="Folder of the network.")],
    voxels: Annotated[Path, typer.Option(help="Its voxel embeddings (HDF5).")],
    made: Annotated[Files | None, typer.Option(help="Synthetic fMRI; repeat per subject.")] = None,
    unseen: Annotated[
        Files | None, typer.Option(help="Features of the images of it; repeat per space.")
    ] = None,
    checkpoints: Annotated[
        Path | None, typer.Option(help="Folder for the state after every epoch, to resume.")
    ] = None,
    log: LogOption = None,
) -> None:
    """Train one decoder of image tokens for all given subjects (Brain-IT, 2510.25976)."""
    key = f"interaction.{model}"
    values = read_settings(config, key)
    told = values["settings"][key]
    contrasted = [f"features.{space}" for space in told["spaces"]] if told["contrast"] else []
    values = read_settings(config, key, *contrasted)
    own = {
        name: value
        for name, value in values["settings"][key].items()
        if name not in ("spaces", "clusters", "transfer")
    }

    def work(outputs: dict[str, Path]) -> None:
        from brainvis.decoding.interaction_train import train_interaction

        scales = {one.partition(".")[2]: _scales(values["settings"][one]) for one in contrasted}
        train_interaction(
            responses,
            embeddings,
            population,
            clusters,
            features,
            splits,
            outputs["network"],
            outputs["voxels"],
            made=made,
            unseen=unseen,
            checkpoints=checkpoints,
            scales={space: shapes for space, shapes in scales.items() if shapes},
            seed=values["seed"],
            **own,
        )

    run_stage(
        "interaction_train",
        work,
        inputs={
            "responses": responses,
            "embeddings": embeddings,
            "population": population,
            "clusters": clusters,
            "features": features,
            "splits": splits,
            "made": made or [],
            "unseen": unseen or [],
        },
        outputs={"network": network, "voxels": voxels},
        values=values,
        log=log,
        model=model,
    )


def _scales(features: dict) -> tuple:
    """Shapes (c, h, w) of the levels of a `visual` space; nothing of another kind."""
    if features["kind"] != "visual":
        return ()
    from brainvis.features.visual import Visual
    from brainvis.generation.inversion import layer_shapes

    settings, folder = feature_settings(features)
    network = Visual(folder or "", settings["size"], settings["levels"], device="cpu")
    return tuple(layer_shapes(network.layers, network.size))
