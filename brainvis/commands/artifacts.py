"""`brainvis artifacts`: look into a run's artifact store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from brainvis.artifacts import files, inspect
from brainvis.artifacts.inspect import Ancestor

app = typer.Typer(help="List, verify, explain, compare and tidy artifacts.", no_args_is_help=True)
console = Console(soft_wrap=True, highlight=False)

RunFolder = Annotated[Path, typer.Argument(help="Folder of a run, such as results/demo.")]


@app.command("list")
def list_artifacts(root: RunFolder = Path("results")) -> None:
    """List every artifact: stage, simulated or measured, size, run time, hash."""
    table = Table(Column("artifact", overflow="fold"), "stage", "kind", "MiB", "seconds", "sha256")
    for path, manifest in inspect.catalogue(root):
        table.add_row(
            path.relative_to(root).as_posix(),
            manifest.stage,
            manifest.kind,
            f"{manifest.bytes / 2**20:.1f}",
            f"{manifest.wall_seconds:.1f}",
            manifest.sha256[:12],
        )
    console.print(table)


@app.command()
def verify(root: RunFolder = Path("results")) -> None:
    """Hash every artifact; name those damaged, missing or out of date (exit code 1 if any)."""
    count, findings = inspect.verify(root)
    for finding in findings:
        console.print(f"{finding.artifact}: {finding.problem}", markup=False)
    console.print(f"{count} artifacts, {len(findings)} with problems")
    if findings:
        raise typer.Exit(1)


@app.command()
def why(artifact: Annotated[Path, typer.Argument(help="An artifact of a run.")]) -> None:
    """Print what an artifact was made from, back to the raw inputs."""
    _print_tree(inspect.lineage(artifact))


def _label(node: Ancestor) -> str:
    path = node.path.resolve()
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    if node.manifest is None:
        return f"{shown} ({node.state})"
    made = node.manifest
    return (
        f"{shown} <- {made.stage} ({node.state}; {made.kind}, code {made.code}, "
        f"seed {made.seed}, sha256 {made.sha256[:12]})"
    )


def _print_tree(node: Ancestor, depth: int = 0) -> None:
    typer.echo(f"{'    ' * depth}{_label(node)}")  # whole lines: names must not be cut
    for parent in node.parents:
        _print_tree(parent, depth + 1)


@app.command()
def diff(
    first: Annotated[Path, typer.Argument(help="An artifact, or the folder of a run.")],
    second: Annotated[Path, typer.Argument(help="The one to compare with.")],
) -> None:
    """Say what differs between two artifacts or runs: content, code, settings, versions, inputs."""
    names = [
        Column(name, overflow="fold") for name in ("artifact", "what", str(first), str(second))
    ]
    table = Table(*names)
    rows = list(inspect.difference(first, second))
    for name, field, left, right in rows:
        table.add_row(name, field, str(left), str(right))
    console.print(table if rows else "no difference")


@app.command()
def gc(
    root: RunFolder = Path("results"),
    cache: Annotated[Path | None, typer.Option(help="Shared cache folder to tidy too.")] = None,
    delete: Annotated[bool, typer.Option("--delete", help="Delete; otherwise only list.")] = False,
) -> None:
    """Find leftovers of killed jobs, lone manifests and cache entries that no run uses."""
    found = inspect.garbage(root, cache)
    for path in found:
        if delete:
            files.remove(path)
        console.print(f"{'deleted' if delete else 'would delete'} {path}", markup=False)
    console.print(f"{len(found)} found" + ("" if delete or not found else "; add --delete"))
