"""Bring the Brain-Interaction Transformer to a new subject with few trials."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage


def few_transfer(
    config: ConfigOption,
    model: Annotated[str, typer.Option(help="Name of the model.")],
    network: Annotated[Path, typer.Option(help="Folder of the trained network.")],
    reference: Annotated[Path, typer.Option(help="Voxel embeddings that it was trained with.")],
    responses: Annotated[Path, typer.Option(help="Responses of the new subject, few trials.")],
    population: Annotated[Path, typer.Option(help="Known voxels.")],
    features: Annotated[Path, typer.Option(help="Population features of the stimuli.")],
    clusters: Annotated[Path, typer.Option(help="Fitted clusters of the network.")],
    splits: Annotated[Path, typer.Option(help="Splits file.")],
    voxels: Annotated[Path, typer.Option(help="Voxel embeddings of the subject (HDF5).")],
    split: Annotated[str, typer.Option(help="Split that says which trials train.")] = "main",
    log: LogOption = None,
) -> None:
    """Place a new subject's voxels among known ones by few trials; nothing is trained."""
    values = read_settings(config)

    def work(made: dict[str, Path]) -> None:
        from brainvis.datasets import splits as named
        from brainvis.decoding.few_stage import transfer_few

        transfer_few(
            network, reference, responses, population, features, clusters,
            named.read(splits, split)[0], made["voxels"],
        )  # fmt: skip

    run_stage(
        "few_transfer",
        work,
        inputs={
            "network": network,
            "reference": reference,
            "responses": responses,
            "population": population,
            "features": features,
            "clusters": clusters,
            "splits": splits,
        },
        outputs={"voxels": voxels},
        values=values,
        log=log,
        model=model,
    )
