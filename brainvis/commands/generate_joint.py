"""Tune decoder and generator together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage
from brainvis.config import find_checkpoint


def generate_joint(
    config: ConfigOption,
    name: Annotated[str, typer.Option(help="Name of the joint training in the configuration.")],
    network: Annotated[Path, typer.Option(help="Folder that `interaction train` wrote.")],
    voxels: Annotated[Path, typer.Option(help="Its voxel embeddings (HDF5).")],
    responses: Annotated[list[Path], typer.Option(help="Responses file; repeat per subject.")],
    stimuli: Annotated[Path, typer.Option(help="Stimuli file; training stimuli alone are read.")],
    splits: Annotated[Path, typer.Option(help="Splits file.")],
    tuned_network: Annotated[Path, typer.Option(help="Folder of the tuned network to write.")],
    tuned_voxels: Annotated[Path, typer.Option(help="Its voxel embeddings to write (HDF5).")],
    tuned_generator: Annotated[Path, typer.Option(help="Generator folder to write.")],
    checkpoints: Annotated[
        Path | None, typer.Option(help="Folder for the state after every epoch, to resume.")
    ] = None,
    log: LogOption = None,
) -> None:
    """Tune a Brain-Interaction Transformer and a diffusion model by the denoising loss.

    Both start as they are, learn from training stimuli alone, and are written as folders that
    `interaction decode`, `interaction transfer` and `generate images` take like any other.
    """
    key = f"joint.{name}"
    values = read_settings(config, key)
    settings = values["settings"][key]
    folder = find_checkpoint(settings["generator"])

    def work(made: dict[str, Path]) -> None:
        from brainvis.generation.joint_fit import Plan
        from brainvis.generation.joint_stage import Inputs, Outputs, tune_jointly

        apart = ("model", "generator", "validation", "devices", "device")
        own = {name: value for name, value in settings.items() if name not in apart}
        tune_jointly(
            Inputs(network, voxels, folder, responses, stimuli, splits),
            Outputs(made["network"], made["voxels"], made["generator"]),
            Plan(**own, seed=values["seed"]),
            checkpoints=checkpoints,
            **{name: settings[name] for name in ("validation", "devices", "device")},
        )

    run_stage(
        "generate_joint",
        work,
        inputs={
            "network": network,
            "voxels": voxels,
            "generator": folder,
            "responses": responses,
            "stimuli": stimuli,
            "splits": splits,
        },
        outputs={"network": tuned_network, "voxels": tuned_voxels, "generator": tuned_generator},
        values=values,
        log=log,
        name=name,
    )
