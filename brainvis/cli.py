"""The command line: one subcommand per stage of the workflow, and tools to look at runs."""

from __future__ import annotations

import sys
from importlib import import_module

import typer

from brainvis import __version__
from brainvis.commands import artifacts, plan, results, settings
from brainvis.errors import BrainvisError

STAGES = (
    "stimuli", "prior", "channels", "bids_dataset", "simulate", "digits", "bids_stimuli",
    "nsd_stimuli", "nsd_betas", "splits",
    "betas", "responses", "features", "decode", "decode_features", "image_features", "classify",
    "truth", "metrics", "brain", "retrieval", "compare", "report", "image_text", "measured",
    "prior_objects", "measured_objects",
)  # fmt: skip

GROUPS = {
    "encode": (
        "Encoding models: what each voxel answers to any image.",
        (
            "backbone", "ridge", "universal", "new", "population", "in_context", "adapt",
            "decoder", "decode", "synthetic", "predict", "select", "score",
        ),
    ),
    "interaction": (
        "Brain-Interaction Transformer: responses to image tokens (Brain-IT, 2510.25976).",
        ("train", "transfer", "decode"),
    ),
    "few": (
        "New subjects from few of their trials, decoded by the Brain-Interaction Transformer.",
        ("responses", "transfer", "score"),
    ),
    "generate": (
        "Images from what was decoded: the low-level branch, then diffusion models.",
        ("low_level", "joint", "images", "select", "best"),
    ),
    "foundation": (
        "Train the small image models that ship under data/foundation.",
        ("autoencoder", "generator", "visual", "clips", "motion", "video", "shape"),
    ),
    "clusters": ("Functional clusters of voxels.", ("fit", "assign", "score")),
    "movie": (
        "Movies: flow from fMRI, first frames animated by it, what motion explains of a voxel.",
        (
            "import", "dataset", "simulate", "responses", "targets", "decode", "animate", "encode",
            "score", "show", "judge",
        ),
    ),
    "objects": (
        "3D objects: from what was decoded, and with regions disordered; scored and shown.",
        ("latents", "decode", "diagnose", "score", "show"),
    ),
}  # fmt: skip

app = typer.Typer(
    help="Decode images, video and 3D objects from fMRI, stage by stage. "
    "`snakemake` runs these stages in order; each also works alone.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(artifacts.app, name="artifacts")
app.add_typer(settings.app, name="config")
for _stage in STAGES:
    _command = getattr(import_module(f"brainvis.commands.{_stage}"), _stage)
    app.command(_stage.replace("_", "-"), rich_help_panel="Stages")(_command)
for _group, (_help, _stages) in GROUPS.items():
    _part = typer.Typer(help=_help, no_args_is_help=True)
    for _stage in _stages:
        _name = f"{_group}_{_stage}"
        _command = getattr(import_module(f"brainvis.commands.{_name}"), _name)
        _part.command(_stage.replace("_", "-"))(_command)
    app.add_typer(_part, name=_group, rich_help_panel="Stages")

app.command()(results.results)
app.command()(plan.plan)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def main() -> None:
    """Run the command line; a `BrainvisError` becomes one line and exit code 1."""
    try:
        app()
    except BrainvisError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(1)
