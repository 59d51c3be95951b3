"""`brainvis results`: a finished run's scores as a page of docs/results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis import config as configuration
from brainvis.artifacts import files
from brainvis.paths import Layout


def results(
    config: Annotated[Path, typer.Argument(help="Configuration file of the finished run.")],
    out: Annotated[Path, typer.Option(help="Markdown file to write.")],
) -> None:
    """Write the scores of a finished run with its configuration and commit."""
    from brainvis.report.results import results_page

    run = configuration.load(config)
    layout = Layout(configuration.run_folder(run))
    page = results_page(layout, run.model_dump(mode="json"))
    files.write_bytes(out, page.encode())
    typer.echo(f"wrote {out}")
