"""Generate images from decoded conditions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage
from brainvis.config import find_checkpoint


def generate_images(
    config: ConfigOption,
    tokens: Annotated[Path, typer.Option(help="Features file of decoded conditions.")],
    splits: Annotated[Path, typer.Option(help="Splits file.")],
    split: Annotated[str, typer.Option(help="Name of the split.")],
    method: Annotated[str, typer.Option(help="Name of the generator in the configuration.")],
    out: Annotated[Path, typer.Option(help="Reconstructions file (HDF5).")],
    start: Annotated[
        Path | None, typer.Option(help="Reconstructions file of the low-level branch.")
    ] = None,
    sample: Annotated[int, typer.Option(help="Which of several samples.")] = 0,
    generator: Annotated[
        Path | None, typer.Option(help="Generator folder instead of the configured one.")
    ] = None,
    log: LogOption = None,
) -> None:
    """Generate an image for every decoded test stimulus with a local diffusion model."""
    key = f"generators.{method}"
    values = read_settings(config, key)
    settings = values["settings"][key]
    folder = generator or find_checkpoint(settings["folder"])

    def work(made: dict[str, Path]) -> None:
        from brainvis.datasets import splits as named
        from brainvis.generation.stage import generate_images as generate

        files = ("folder", "tokens", "start", "samples")
        own = {name: value for name, value in settings.items() if name not in files}
        generate(
            tokens,
            folder,
            named.read(splits, split),
            made["images"],
            start=start,
            name=method,
            sample=sample,
            seed=values["seed"],
            **own,
        )

    run_stage(
        "generate_images",
        work,
        inputs={"tokens": tokens, "splits": splits, "start": start, "generator": folder},
        outputs={"images": out},
        values=values,
        log=log,
        method=method,
        split=split,
        sample=sample,
    )
