"""Choose among samples by the universal encoder."""

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


def generate_best(
    config: ConfigOption,
    samples: Annotated[list[Path], typer.Option(help="Reconstructions file of a sample; repeat.")],
    space: Annotated[
        list[str],
        typer.Option(help="Feature space of photographs that the encoder reads; repeat in order."),
    ],
    encoder: Annotated[Path, typer.Option(help="Folder of the trained universal encoder.")],
    embeddings: Annotated[Path, typer.Option(help="Embeddings that hold the subject.")],
    responses: Annotated[Path, typer.Option(help="Measured responses of the subject.")],
    splits: Annotated[Path, typer.Option(help="Splits file.")],
    split: Annotated[str, typer.Option(help="Name of the split.")],
    method: Annotated[str, typer.Option(help="What the file calls the method.")],
    out: Annotated[Path, typer.Option(help="Reconstructions file (HDF5).")],
    log: LogOption = None,
) -> None:
    """Keep the sample whose response, as the universal encoder predicts it, is most like the
    measured one; the stimulus is not looked at."""
    keys = [f"features.{name}" for name in space]
    values = read_settings(config, *keys)
    found = [feature_settings(values["settings"][key]) for key in keys]
    spaces = {name: settings for name, (settings, _) in zip(space, found, strict=True)}

    def work(made: dict[str, Path]) -> None:
        from brainvis.datasets import splits as named
        from brainvis.generation.best_stage import choose_best

        choose_best(
            samples, spaces, encoder, embeddings, responses, named.read(splits, split),
            made["images"], name=method,
        )  # fmt: skip

    run_stage(
        "generate_best",
        work,
        inputs={
            "samples": samples,
            "encoder": encoder,
            "embeddings": embeddings,
            "responses": responses,
            "splits": splits,
            "checkpoints": [folder for _, folder in found if folder is not None],
        },
        outputs={"images": out},
        values=values,
        log=log,
        method=method,
        split=split,
    )
