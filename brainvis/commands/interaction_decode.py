"""Decode image tokens by the Brain-Interaction Transformer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage


def interaction_decode(
    config: ConfigOption,
    network: Annotated[Path, typer.Option(help="Folder of the trained network.")],
    voxels: Annotated[Path, typer.Option(help="Voxel embeddings that hold the subject.")],
    responses: Annotated[Path, typer.Option(help="Responses file.")],
    splits: Annotated[Path, typer.Option(help="Splits file.")],
    space: Annotated[str, typer.Option(help="Feature space that is written.")],
    method: Annotated[str, typer.Option(help="Name of the method in the files.")],
    decoded: Annotated[Path, typer.Option(help="Features file (HDF5) of the test stimuli.")],
    shuffled: Annotated[
        Path | None, typer.Option(help="The same from responses to other test stimuli.")
    ] = None,
    log: LogOption = None,
) -> None:
    """Decode tokens and pooled vectors of the test stimuli, and a shuffled-brain control."""
    values = read_settings(config)

    def work(outputs: dict[str, Path]) -> None:
        from brainvis.decoding.interaction_decode import decode_interaction

        for name, path in outputs.items():
            control = name == "shuffled"
            decode_interaction(
                network,
                voxels,
                responses,
                splits,
                {space: path},
                name=f"{method}-shuffled-{space}" if control else f"{method}-{space}",
                seed=values["seed"] if control else None,
            )

    outputs = {"decoded": decoded, **({"shuffled": shuffled} if shuffled else {})}
    run_stage(
        "interaction_decode",
        work,
        inputs={"network": network, "voxels": voxels, "responses": responses, "splits": splits},
        outputs=outputs,
        values=values,
        log=log,
        space=space,
        method=method,
    )
