"""Voxelwise encoding of movies: features of frames against features of clips."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage

KEY = "motion.encoding"
Files = list[Path]


def movie_encode(
    config: ConfigOption,
    responses: Annotated[Path, typer.Option(help="Movie responses of one subject.")],
    features: Annotated[Files, typer.Option(help="Features file of the clips; repeat per space.")],
    splits: Annotated[Path, typer.Option(help="Splits file; whole segments are held out.")],
    out: Annotated[Path, typer.Option(help="Scores of every voxel (HDF5).")],
    table: Annotated[Path, typer.Option(help="Scores by space and region (CSV).")],
    split: Annotated[str, typer.Option(help="Which split.")] = "main",
    log: LogOption = None,
) -> None:
    """Ask of every voxel whether features of motion predict it better than features of images.

    Ridge with delayed features from each space, and banded ridge from all of them, is fitted to
    the training segments; scores are of held-out segments, over the noise ceiling, with intervals
    over blocks of volumes and chance from permuted blocks.
    """
    values = read_settings(config, KEY)

    def work(made: dict[str, Path]) -> None:
        from brainvis.encoding.movie_stage import encode_movie

        settings = values["settings"][KEY]
        encode_movie(
            responses,
            features,
            splits,
            made["scores"],
            made["table"],
            split=split,
            seed=values["seed"],
            **settings,
        )

    run_stage(
        "movie_encode",
        work,
        inputs={"responses": responses, "features": features, "splits": splits},
        outputs={"scores": out, "table": table},
        values=values,
        log=log,
        split=split,
    )
