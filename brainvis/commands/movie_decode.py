"""Decode the optical flow of test clips from fMRI with one method."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage


def movie_decode(
    config: ConfigOption,
    method: Annotated[str, typer.Option(help="Name of the flow decoder in the configuration.")],
    responses: Annotated[Path, typer.Option(help="Responses to the movie.")],
    targets: Annotated[Path, typer.Option(help="Flow targets.")],
    stimuli: Annotated[Path, typer.Option(help="Stimuli file; first frames alone are read.")],
    splits: Annotated[Path, typer.Option(help="Splits file.")],
    split: Annotated[str, typer.Option(help="Name of the split.")],
    out: Annotated[Path, typer.Option(help="Decoded flow (HDF5).")],
    features: Annotated[
        Path | None, typer.Option(help="Features of first frames, with patch tokens.")
    ] = None,
    checkpoints: Annotated[
        Path | None, typer.Option(help="Folder for the state after every epoch, to resume.")
    ] = None,
    log: LogOption = None,
) -> None:
    """Decode the flow of every test clip; everything is learned from training clips."""
    key = f"motion.decoders.{method}"
    values = read_settings(config, key)

    def work(made: dict[str, Path]) -> None:
        from brainvis.datasets import splits as named
        from brainvis.motion.stage import decode_flow

        own = {k: v for k, v in values["settings"][key].items() if k != "features"}
        decode_flow(
            responses,
            targets,
            features,
            stimuli,
            named.read(splits, split),
            made["flow"],
            name=method,
            split_name=split,
            checkpoints=checkpoints,
            seed=values["seed"],
            **own,
        )

    run_stage(
        "movie_decode",
        work,
        inputs={
            "responses": responses,
            "targets": targets,
            "features": features,
            "stimuli": stimuli,
            "splits": splits,
        },
        outputs={"flow": out},
        values=values,
        log=log,
        method=method,
        split=split,
    )
