"""`brainvis config`: check a configuration, print its schema."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
import yaml

from brainvis import config as configuration
from brainvis.artifacts import files

app = typer.Typer(help="Check configurations; print the schema.", no_args_is_help=True)


@app.command()
def check(path: Annotated[Path, typer.Argument(help="Configuration file (YAML).")]) -> None:
    """Check a configuration and print it with every default filled in."""
    checked = configuration.load(path)
    typer.echo(yaml.safe_dump(checked.model_dump(mode="json"), sort_keys=False), nl=False)


@app.command()
def schema(
    out: Annotated[Path | None, typer.Option(help="Write here instead of printing.")] = None,
) -> None:
    """Print the JSON schema of the configuration: keys, types, limits, descriptions."""
    if out is None:
        typer.echo(configuration.schema(), nl=False)
    else:
        files.write_bytes(out, configuration.schema().encode())
