"""Score reconstructions and decoded features."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage
from brainvis.config import find_checkpoint

if TYPE_CHECKING:
    from brainvis.evaluate.reader import Reader

FOLDERS = ("networks", "image_text", "visual")
_SETTINGS = ("bootstrap", "permutations", "size", "common_side", "antialias", "device")
KEYS = tuple(f"evaluate.{name}" for name in (*_SETTINGS, *FOLDERS))
Files = list[Path]


def metrics(
    config: ConfigOption,
    stimuli: Annotated[Path, typer.Option(help="Stimuli file.")],
    out: Annotated[Path, typer.Option(help="Tidy table of all scores (Parquet).")],
    summary: Annotated[Path, typer.Option(help="Summary by method and metric (CSV).")],
    protocols: Annotated[Path, typer.Option(help="How each metric was taken, or why not (CSV).")],
    images: Annotated[
        Files | None, typer.Option(help="Reconstructions file; repeat for several.")
    ] = None,
    features: Annotated[
        Files | None, typer.Option(help="Features file of the stimuli; repeat per space.")
    ] = None,
    image_features: Annotated[
        Files | None, typer.Option(help="Features file of reconstructed images; repeat.")
    ] = None,
    decoded: Annotated[
        Files | None, typer.Option(help="Features file decoded from responses; repeat.")
    ] = None,
    baseline: Annotated[
        list[str] | None, typer.Option(help="Name of a method that others are compared with.")
    ] = None,
    log: LogOption = None,
) -> None:
    """Score every method beside chance and baselines, with intervals over stimuli."""
    values = read_settings(config, *KEYS)
    own = {key.removeprefix("evaluate."): values["settings"][key] for key in KEYS}
    folders = {name: find_checkpoint(own[name]) if own[name] else None for name in FOLDERS}

    def work(made: dict[str, Path]) -> None:
        from brainvis.evaluate.stage import evaluate

        evaluate(
            stimuli,
            images or [],
            made["table"],
            made["summary"],
            true_features=features or [],
            image_features=image_features or [],
            decoded=decoded or [],
            baselines=baseline or [],
            networks=folders["networks"],
            image_text=folders["image_text"],
            visual=None
            if folders["visual"] is None
            else visual_network(folders["visual"], own["device"]),
            out_protocols=made["protocols"],
            seed=values["seed"],
            **{name: own[name] for name in _SETTINGS},
        )

    run_stage(
        "metrics",
        work,
        inputs={
            "stimuli": stimuli,
            "images": images or [],
            "features": features or [],
            "image_features": image_features or [],
            "decoded": decoded or [],
            **folders,
        },
        outputs={"table": out, "summary": summary, "protocols": protocols},
        values=values,
        log=log,
        baselines=baseline or [],
    )


def visual_network(folder: Path, device: str) -> Reader:
    """Reader of the small visual network; evaluation itself knows no model of this project."""
    from brainvis.artifacts.files import sha256
    from brainvis.evaluate.twins import visual_reader
    from brainvis.features.visual_network import WEIGHTS, VisualNetwork

    network = VisualNetwork(folder, device)
    digest = sha256(folder / WEIGHTS)
    return visual_reader(network.stages, name=network.name, side=network.size, digest=digest)
