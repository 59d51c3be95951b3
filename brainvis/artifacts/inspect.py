"""Questions to the store: what is there, is it whole, where from, what differs, what can go.

Everything here reads manifests only; `verify` also hashes contents. Functions return plain data
for the command line and the report to show.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from brainvis.artifacts import files
from brainvis.artifacts import manifest as manifests
from brainvis.artifacts.manifest import Manifest
from brainvis.errors import BrainvisError


@dataclass(frozen=True)
class Finding:
    """One artifact that is not as its stage left it."""

    artifact: Path
    problem: str


@dataclass(frozen=True)
class Ancestor:
    """A node of a lineage tree; raw inputs have no manifest and no parents."""

    name: str
    path: Path
    manifest: Manifest | None
    state: str  # "as recorded", "changed since", "missing", "raw input"
    parents: list[Ancestor] = field(default_factory=list)


def catalogue(root: Path) -> list[tuple[Path, Manifest]]:
    """Every artifact below `root` with its manifest, by path."""
    if not root.is_dir():
        raise BrainvisError("no such folder of artifacts", file=root)
    return [(path, m) for path in manifests.find(root) if (m := manifests.read(path)) is not None]


def verify(root: Path) -> tuple[int, list[Finding]]:
    """Hash every artifact below `root` and compare with its manifest.

    Returns
    -------
    (int, list of Finding)
        Number of artifacts looked at, and those that are missing, damaged, or made from inputs
        that have changed since.
    """
    findings, known = [], catalogue(root)
    hashes = {path.resolve(): m.sha256 for path, m in known}
    for path, manifest in known:
        try:
            manifests.check(path)
        except BrainvisError as error:
            findings.append(Finding(path, error.problem))
            continue
        for parent in manifest.parents:
            now = hashes.get((path.parent / parent.path).resolve(), parent.sha256)
            if now != parent.sha256:
                findings.append(Finding(path, f"was made from an earlier {parent.path}"))
    return len(known), findings


def lineage(artifact: Path) -> Ancestor:
    """Tree of everything that `artifact` was made from, back to the raw inputs.

    Raises
    ------
    BrainvisError
        When `artifact` itself has no manifest.
    """
    if manifests.read(artifact) is None:
        raise BrainvisError(
            "has no manifest, so its lineage is not known",
            file=artifact,
            remedy="name an artifact that a stage of this pipeline made",
        )
    return _ancestor("artifact", artifact, None)


def _ancestor(name: str, path: Path, recorded: str | None) -> Ancestor:
    manifest = manifests.read(path)
    if not path.exists():
        return Ancestor(name, path, manifest, "missing")
    if manifest is None:
        raw_now = files.sha256(path) if recorded else None
        state = "raw input" if raw_now == recorded else "raw input, changed since"
        return Ancestor(name, path, None, state)
    state = "as recorded" if recorded in (None, manifest.sha256) else "changed since"
    parents = [
        _ancestor(p.name, Path(path.parent / p.path).resolve(), p.sha256) for p in manifest.parents
    ]
    return Ancestor(name, path, manifest, state, parents)


def difference(first: Path, second: Path) -> Iterator[tuple[str, str, object, object]]:
    """What differs between two artifacts, or between all artifacts of two runs.

    Yields
    ------
    (artifact, field, value in first, value in second)
        Fields: content, code, config keys, versions, inputs, seed; "present" for one-sided ones.
    """
    if first.is_dir() and manifests.read(first) is None:
        ours = {path.relative_to(first).as_posix(): m for path, m in catalogue(first)}
        theirs = {path.relative_to(second).as_posix(): m for path, m in catalogue(second)}
        for name in sorted(ours.keys() | theirs.keys()):
            if name not in ours or name not in theirs:
                yield name, "present", name in ours, name in theirs
            else:
                yield from _fields_that_differ(name, ours[name], theirs[name])
        return
    pair = [manifests.read(path) for path in (first, second)]
    for path, manifest in zip((first, second), pair, strict=True):
        if manifest is None:
            raise BrainvisError("has no manifest, nothing to compare", file=path)
    yield from _fields_that_differ(first.name, *(m for m in pair if m))


def _fields_that_differ(
    name: str, a: Manifest, b: Manifest
) -> Iterator[tuple[str, str, object, object]]:
    pairs = [("content", a.sha256[:12], b.sha256[:12]), ("code", a.code, b.code)]
    pairs += [("seed", a.seed, b.seed)]
    for label, left, right in (
        ("config", _leaves(a.config), _leaves(b.config)),
        ("version", a.versions, b.versions),
        ("input", _inputs(a), _inputs(b)),
    ):
        keys = sorted(left.keys() | right.keys())
        pairs += [(f"{label} {key}", left.get(key), right.get(key)) for key in keys]
    yield from ((name, label, left, right) for label, left, right in pairs if left != right)


def _inputs(manifest: Manifest) -> dict[str, object]:
    return {f"{p.name} {Path(p.path).name}": p.sha256[:12] for p in manifest.parents}


def _leaves(tree: object, prefix: str = "") -> dict[str, object]:
    """Flatten nested settings to dotted keys."""
    if not isinstance(tree, dict):
        return {prefix: tree}
    flat: dict[str, object] = {}
    for key, value in tree.items():
        flat |= _leaves(value, f"{prefix}.{key}" if prefix else str(key))
    return flat


def garbage(root: Path, cache: Path | None = None) -> list[Path]:
    """What may be deleted: leftovers of killed writers, lone manifests, unused cache entries.

    A cache entry is unused when no artifact below `root` has its key.
    """
    found = [path for path in root.rglob(".tmp-*") if files.is_temporary(path)]
    lone = (manifests.manifest_path(p) for p in manifests.find(root) if not p.exists())
    found.extend(lone)
    if cache is not None and cache.is_dir():
        used = {manifest.key for _, manifest in catalogue(root)}
        found.extend(entry for entry in sorted(cache.iterdir()) if entry.name not in used)
    return found
