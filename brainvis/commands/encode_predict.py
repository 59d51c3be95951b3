"""Predict responses to reconstructed images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import ConfigOption, LogOption, paired, read_settings, run_stage
from brainvis.errors import BrainvisError

Files = list[Path]


def encode_predict(
    config: ConfigOption,
    features: Annotated[
        Files,
        typer.Option(
            help="Features file of the images; repeat in the order of the backbone, set of images "
            "after set of images."
        ),
    ],
    encoder: Annotated[Path, typer.Option(help="Folder of the trained network.")],
    embeddings: Annotated[Path, typer.Option(help="Embeddings that hold the subject.")],
    subject: Annotated[str, typer.Option(help="Subject to predict for.")],
    method: Annotated[
        list[str], typer.Option(help="Name of a set of images, such as its method; repeat.")
    ],
    out: Annotated[
        Files, typer.Option(help="Responses file marked predicted, one for each --method.")
    ],
    split: Annotated[str, typer.Option(help="Split that the images were decoded by.")] = "main",
    log: LogOption = None,
) -> None:
    """Predict a subject's responses to images that decoders made of its brain."""
    values = read_settings(config)
    outputs = paired("method", method, out)
    spaces, rest = divmod(len(features), len(method))
    if rest or not spaces:
        raise BrainvisError(
            f"needs features of every space for each of {len(method)} sets of images",
            field="--features",
            found=f"{len(features)} files",
        )

    def work(made: dict[str, Path]) -> None:
        from brainvis.encoding.reconstructed import write_predicted

        for number, (name, path) in enumerate(made.items()):
            own = features[number * spaces : (number + 1) * spaces]
            write_predicted(
                encoder, embeddings, own, path, subject=subject, method=name, split=split
            )

    run_stage(
        "encode_predict",
        work,
        inputs={"features": features, "encoder": encoder, "embeddings": embeddings},
        outputs=outputs,
        values=values,
        log=log,
        subject=subject,
        split=split,
    )
