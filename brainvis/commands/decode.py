"""Reconstruct test images from responses with one method."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage


def decode(
    config: ConfigOption,
    responses: Annotated[Path, typer.Option(help="Responses file.")],
    stimuli: Annotated[Path, typer.Option(help="Stimuli file.")],
    splits: Annotated[Path, typer.Option(help="Splits file.")],
    split: Annotated[str, typer.Option(help="Name of the split.")],
    method: Annotated[str, typer.Option(help="Name of the decoder in the configuration.")],
    out: Annotated[Path, typer.Option(help="Reconstructions file (HDF5).")],
    prior: Annotated[Path | None, typer.Option(help="Stimuli file of unseen images.")] = None,
    features: Annotated[Path | None, typer.Option(help="Features file of the stimuli.")] = None,
    log: LogOption = None,
) -> None:
    """Reconstruct every test image of a split; everything is learned from training stimuli."""
    key = f"decoders.{method}"
    values = read_settings(config, key)

    def work(made: dict[str, Path]) -> None:
        from brainvis.datasets import splits as named
        from brainvis.decoding.stage import decode as reconstruct

        own = {k: v for k, v in values["settings"][key].items() if k not in ("prior", "features")}
        reconstruct(
            responses,
            stimuli,
            named.read(splits, split),
            made["images"],
            name=method,
            split_name=split,
            prior=prior,
            features=features,
            seed=values["seed"],
            **own,
        )

    run_stage(
        "decode",
        work,
        inputs={
            "responses": responses,
            "stimuli": stimuli,
            "splits": splits,
            "prior": prior,
            "features": features,
        },
        outputs={"images": out},
        values=values,
        log=log,
        method=method,
        split=split,
    )
