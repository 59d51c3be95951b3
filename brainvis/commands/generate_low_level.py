"""Coarse images from decoded low-level features."""

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


def generate_low_level(
    config: ConfigOption,
    decoded: Annotated[Path, typer.Option(help="Features file of decoded features.")],
    space: Annotated[str, typer.Option(help="Their space: of kind `latents` or `visual`.")],
    splits: Annotated[Path, typer.Option(help="Splits file.")],
    split: Annotated[str, typer.Option(help="Name of the split.")],
    method: Annotated[str, typer.Option(help="Name of the branch in the configuration.")],
    out: Annotated[Path, typer.Option(help="Reconstructions file (HDF5).")],
    log: LogOption = None,
) -> None:
    """Coarse images from decoded latents (autoencoder) or activations (deep image prior)."""
    own, of_space = f"low_level.{method}", f"features.{space}"
    values = read_settings(config, own, of_space)
    settings, folder = feature_settings(values["settings"][of_space])

    def work(made: dict[str, Path]) -> None:
        from brainvis.datasets import splits as named
        from brainvis.features.registry import make_extractor
        from brainvis.generation.low_level import reconstruct

        reconstruct(
            decoded,
            make_extractor(**settings),
            named.read(splits, split),
            made["images"],
            name=method,
            seed=values["seed"],
            **{key: value for key, value in values["settings"][own].items() if key != "decoded"},
        )

    run_stage(
        "generate_low_level",
        work,
        inputs={"decoded": decoded, "splits": splits, "checkpoint": folder},
        outputs={"images": out},
        values=values,
        log=log,
        method=method,
        split=split,
    )
