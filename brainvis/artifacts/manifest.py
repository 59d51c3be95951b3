"""The manifest beside every artifact: what it is, what made it, and from what."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path

from brainvis.artifacts import files
from brainvis.errors import BrainvisError

SUFFIX = ".manifest.json"
_SCHEMA = 1
_PACKAGES = (
    "brainvis", "numpy", "scipy", "scikit-learn", "torch", "h5py", "nibabel", "nilearn", "himalaya",
    "mitsuba", "open-clip-torch", "diffusers", "transformers",
)  # fmt: skip


@dataclass(frozen=True)
class Parent:
    """An input as it was when the artifact was made.

    `path` is relative to the artifact's folder where both lie in one run, else absolute. `raw`
    inputs have no manifest of their own (measured data, shipped weights).
    """

    name: str
    path: str
    sha256: str
    raw: bool


@dataclass(frozen=True)
class Manifest:
    """Provenance of one artifact (see `docs/architecture.md`)."""

    artifact: str
    sha256: str
    bytes: int
    stage: str
    kind: str  # "simulated" or "measured"
    seed: int
    code: str
    config: dict
    parents: list[Parent]
    key: str  # what the shared cache files it under
    wall_seconds: float
    peak_memory_mib: float
    created: str
    versions: dict[str, str] = field(default_factory=dict)
    schema: int = _SCHEMA


def manifest_path(artifact: Path) -> Path:
    """Where the manifest of `artifact` lies."""
    return artifact.with_name(artifact.name + SUFFIX)


def artifact_path(manifest: Path) -> Path:
    """Where the artifact of a manifest lies."""
    return manifest.with_name(manifest.name.removesuffix(SUFFIX))


def write(artifact: Path, manifest: Manifest) -> None:
    """Write the manifest of `artifact` beside it."""
    files.write_json(manifest_path(artifact), asdict(manifest))


def read(artifact: Path) -> Manifest | None:
    """The manifest of `artifact`, or None for raw data that has none.

    Raises
    ------
    BrainvisError
        When the manifest is there but cannot be understood.
    """
    path = manifest_path(artifact)
    if not path.is_file():
        return None
    try:
        values = json.loads(path.read_text())
        parents = [Parent(**parent) for parent in values.pop("parents")]
        return Manifest(parents=parents, **values)
    except (ValueError, TypeError, KeyError) as error:
        raise BrainvisError(
            "is not a readable manifest",
            file=path,
            found=error,
            remedy="delete it together with its artifact and run the stage again",
        ) from error


def find(root: Path) -> list[Path]:
    """Artifacts below `root` that have a manifest, sorted by path."""
    return sorted(artifact_path(path) for path in root.rglob(f"*{SUFFIX}"))


@cache
def installed_versions() -> dict[str, str]:
    """Versions of Python and of the packages that shape numbers, as far as installed."""
    known = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            known[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return known


def check(artifact: Path) -> Manifest | None:
    """Compare an artifact with its manifest before it is used.

    Returns
    -------
    Manifest or None
        None for raw data without a manifest.

    Raises
    ------
    BrainvisError
        Missing file, or content that is not what its stage wrote.
    """
    if not artifact.exists():
        raise BrainvisError("no such file", file=artifact, remedy="run the stage that makes it")
    manifest = read(artifact)
    if manifest is not None and (found := files.sha256(artifact)) != manifest.sha256:
        raise BrainvisError(
            "differs from what its stage wrote, damaged or edited",
            file=artifact,
            field="sha256",
            found=f"{found[:12]} instead of {manifest.sha256[:12]}",
            remedy=f"delete it and run the stage {manifest.stage!r} again",
        )
    return manifest
