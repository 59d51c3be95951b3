"""Animate first frames by decoded flow."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.animation.card import image_model_of
from brainvis.commands.common import (
    ConfigOption,
    LogOption,
    feature_settings,
    read_settings,
    run_stage,
)


def movie_animate(
    config: ConfigOption,
    method: Annotated[str, typer.Option(help="Name of the animator in the configuration.")],
    flow: Annotated[
        Path, typer.Option(help="Decoded flow; or flow targets, for the ceiling of animation.")
    ],
    stimuli: Annotated[Path, typer.Option(help="Stimuli file; only first frames are read.")],
    splits: Annotated[Path, typer.Option(help="Splits file.")],
    split: Annotated[str, typer.Option(help="Name of the split.")],
    out: Annotated[Path, typer.Option(help="Clips file (HDF5).")],
    first: Annotated[
        Path | None, typer.Option(help="Reconstructions file of decoded first frames.")
    ] = None,
    tokens: Annotated[
        Path | None, typer.Option(help="Features file of a diffusion model's condition.")
    ] = None,
    subject: Annotated[
        str, typer.Option(help="Whose clips they are, where flow targets do not tell.")
    ] = "",
    log: LogOption = None,
) -> None:
    """Make a clip of every test stimulus from its first frame and its flow."""
    key = f"animators.{method}"
    values = read_settings(config, key)
    settings, folder = feature_settings(values["settings"][key])
    image_model = None if folder is None else image_model_of(folder)

    def work(made: dict[str, Path]) -> None:
        from brainvis.animation.stage import animate_clips
        from brainvis.datasets import splits as named

        files = ("first", "flow", "tokens")
        own = {name: value for name, value in settings.items() if name not in files}
        animate_clips(
            flow,
            stimuli,
            named.read(splits, split),
            made["clips"],
            name=method,
            split_name=split,
            subject=subject,
            first=first,
            tokens=tokens,
            seed=values["seed"],
            **own,
        )

    run_stage(
        "movie_animate",
        work,
        inputs={
            "flow": flow,
            "stimuli": stimuli,
            "splits": splits,
            "first": first,
            "tokens": tokens,
            "animator": folder,
            "image_model": image_model,
        },
        outputs={"clips": out},
        values=values,
        log=log,
        method=method,
        split=split,
        subject=subject,
    )
