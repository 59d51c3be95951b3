"""Read and check configurations, and find the folders that they name."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import yaml
from pydantic import ValidationError

from brainvis.artifacts.files import resolve_inside
from brainvis.config.run import RunConfig
from brainvis.errors import BrainvisError


def _read_yaml(path: Path) -> dict:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BrainvisError("cannot be read as YAML", file=path, found=error) from error
    if not isinstance(values, dict):
        raise BrainvisError("holds no settings", file=path, found=type(values).__name__)
    return values


def validated(values: dict, source: str | Path = "configuration") -> RunConfig:
    """Check settings against the models.

    Raises
    ------
    BrainvisError
        One line for the first problem: file, key, what was found, what is allowed.
    """
    try:
        return RunConfig.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        more = error.error_count() - 1
        raise BrainvisError(
            first["msg"].removeprefix("Value error, "),
            file=source,
            field=".".join(str(part) for part in first["loc"]),
            found=_shown(first["input"]),
            remedy=_allowed(first) + (f" ({more} more problems)" if more else ""),
        ) from None


def find_checkpoint(relative: str) -> Path:
    """Resolve a checkpoint folder: shipped with the project under data/, or in a data root."""
    shipped = Path(__file__).resolve().parents[2] / "data"
    inside = resolve_inside(shipped, relative)
    return inside if inside.exists() else find_data(relative)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) < 80 else text[:77] + "..."


def _allowed(error: Mapping) -> str:
    if error["type"] == "extra_forbidden":
        return "remove the key or correct its name (`brainvis config schema` lists all keys)"
    if error["type"] in ("literal_error", "union_tag_invalid"):
        return f"allowed: {error['ctx'].get('expected') or error['ctx'].get('expected_tags')}"
    if error["type"] == "string_pattern_mismatch":
        return "allowed: letters, digits and single hyphens"
    return "see `brainvis config schema` for types and limits"


def load(path: Path) -> RunConfig:
    """Read and check a configuration file."""
    return validated(_read_yaml(path), path)


def schema() -> str:
    """JSON schema of the configuration, for editors and documentation."""
    return json.dumps(RunConfig.model_json_schema(), indent=2, sort_keys=True) + "\n"


def data_roots() -> list[Path]:
    """Folders that data-set paths may lie in: ``BRAINVIS_DATA``, or the defaults."""
    given = os.environ.get("BRAINVIS_DATA")
    if given:
        return [Path(part) for part in given.split(os.pathsep) if part]
    return [Path("data/external"), Path("../shared/data")]


def find_data(relative: str) -> Path:
    """Resolve a data-set folder inside one of the data roots.

    Raises
    ------
    BrainvisError
        When it leaves the roots, or lies in none of them.
    """
    roots = data_roots()
    inside: list[Path] = []
    refusal: BrainvisError | None = None
    for root in roots:
        try:
            inside.append(resolve_inside(root, relative))
        except BrainvisError as error:
            refusal = error
    if refusal is not None and not inside:
        raise BrainvisError(
            "path leaves the data roots",
            field="dataset.folder",
            found=repr(relative),
            remedy=f"put the data into one of {[str(root) for root in roots]} "
            "or name its parent folder in BRAINVIS_DATA",
        )
    for path in inside:
        if path.exists():
            return path
    raise BrainvisError(
        "no such data folder",
        field="dataset.folder",
        found=repr(relative),
        remedy=f"looked in {[str(root) for root in roots]}; set BRAINVIS_DATA to its parent folder",
    )


def run_folder(config: RunConfig) -> Path:
    """Folder of the run's artifacts, relative to the working folder.

    Raises
    ------
    BrainvisError
        When `output` leaves the working folder.
    """
    here = Path.cwd()
    return resolve_inside(here, config.output).relative_to(here.resolve()) / config.run
