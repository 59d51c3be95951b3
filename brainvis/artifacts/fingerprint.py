"""Hash of the code that a stage runs, so that an edit reruns the stages it touches and no other.

Snakemake compares a rule's shell line and params, never an imported package. Every rule therefore
carries this fingerprint among its params: the sources of all `brainvis` modules that the stage's
command reaches by import, found by reading the sources, not by importing them.
"""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
# Moves files and settings about without changing a number: an edit here must not rerun a week's
# training. What it passes on is in the rule's params anyway.
PLUMBING = (
    "brainvis.artifacts",
    "brainvis.commands.common",
    "brainvis.config",
    "brainvis.errors",
    "brainvis.paths",
)
_DATA_FOLDERS = ("templates",)


def source_of(module: str) -> Path | None:
    """Source file of a `brainvis` module, or None where there is no such module."""
    base = PACKAGE.parent.joinpath(*module.split("."))
    candidates = (base.with_suffix(".py"), base / "__init__.py")
    return next((path for path in candidates if path.is_file()), None)


def _is_plumbing(module: str) -> bool:
    return any(module == name or module.startswith(name + ".") for name in PLUMBING)


@cache
def _imports(source: Path) -> frozenset[str]:
    """Names that a source imports from this package (inside functions too)."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(name for name in names if name.split(".")[0] == "brainvis")


@cache
def closure(module: str) -> tuple[str, ...]:
    """All `brainvis` modules that `module` reaches by import, plumbing left out, sorted."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        source = source_of(name)
        if name in found or source is None or _is_plumbing(name):
            continue
        found.add(name)
        waiting.extend(_imports(source))
        waiting.append(name.rpartition(".")[0])  # a parent's __init__ runs too
    return tuple(sorted(found))


def _data_files(source: Path) -> list[Path]:
    folders = (source.parent / name for name in _DATA_FOLDERS)
    return sorted(
        f for folder in folders if folder.is_dir() for f in folder.rglob("*") if f.is_file()
    )


@cache
def fingerprint(module: str) -> str:
    """Short hash of the sources (and templates) in the closure of `module`.

    Parameters
    ----------
    module : str
        Dotted name of the stage's command, such as ``brainvis.commands.betas``.

    Returns
    -------
    str
        Sixteen hexadecimal digits; equal for equal sources wherever they are installed.
    """
    sources = [source for name in closure(module) if (source := source_of(name))]
    files = sorted({*sources, *(data for source in sources for data in _data_files(source))})
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"\0{file.relative_to(PACKAGE).as_posix()}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]
