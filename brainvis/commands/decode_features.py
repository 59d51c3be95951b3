"""Decode feature vectors of test stimuli from responses."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage


def decode_features(
    config: ConfigOption,
    responses: Annotated[Path, typer.Option(help="Responses file.")],
    features: Annotated[Path, typer.Option(help="Features file of the stimuli.")],
    splits: Annotated[Path, typer.Option(help="Splits file.")],
    split: Annotated[str, typer.Option(help="Name of the split.")],
    method: Annotated[str, typer.Option(help="Name of the feature decoder.")],
    out: Annotated[Path, typer.Option(help="Features file of decoded vectors (HDF5).")],
    log: LogOption = None,
) -> None:
    """Decode the feature vector of every test stimulus, for identification and retrieval."""
    key = f"feature_decoders.{method}"
    values = read_settings(config, key)

    def work(made: dict[str, Path]) -> None:
        from brainvis.datasets import splits as named
        from brainvis.decoding.stage import decode_features as predict

        own = {k: v for k, v in values["settings"][key].items() if k != "features"}
        predict(
            responses,
            features,
            named.read(splits, split),
            made["features"],
            name=method,
            split_name=split,
            seed=values["seed"],
            **own,
        )

    run_stage(
        "decode_features",
        work,
        inputs={"responses": responses, "features": features, "splits": splits},
        outputs={"features": out},
        values=values,
        log=log,
        method=method,
        split=split,
    )
