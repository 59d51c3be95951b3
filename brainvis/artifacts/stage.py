"""Run one stage: check its inputs, make its outputs whole, record where they came from.

A shared cache folder, where one is given, holds finished outputs under a key made of the stage,
its code, its config slice and the hashes of its inputs: a second run with equal inputs copies the
result and computes nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from brainvis.artifacts import files
from brainvis.artifacts import manifest as manifests
from brainvis.artifacts.manifest import Manifest, Parent

Paths = Mapping[str, Path | list[Path] | None]


@dataclass(frozen=True)
class Job:
    """One call of a stage: named inputs and outputs, and the settings that shape the result.

    `inputs` may hold a path, a list of paths or None under each name. `config` is the slice of the
    run's configuration that the stage reads; `code` its fingerprint.
    """

    stage: str
    inputs: Paths
    outputs: dict[str, Path]
    config: dict
    code: str
    kind: str
    seed: int = 0
    extra: dict[str, object] = field(default_factory=dict)  # other arguments, such as the subject


def canonical(value: object) -> str:
    """JSON with sorted keys and no spaces: equal for equal values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _flat(inputs: Paths) -> list[tuple[str, Path]]:
    pairs = []
    for name, value in inputs.items():
        for path in value if isinstance(value, list) else [value]:
            if path is not None:
                pairs.append((name, path))
    return pairs


def _parents(inputs: Paths, beside: Path) -> list[Parent]:
    """Check every input against its manifest and note its hash."""
    parents = []
    for name, path in _flat(inputs):
        known = manifests.check(path)
        digest = known.sha256 if known else files.sha256(path)
        shown = Path(os.path.relpath(path.resolve(), beside.resolve()))
        parents.append(Parent(name, shown.as_posix(), digest, raw=known is None))
    return parents


def cache_key(job: Job, parents: list[Parent]) -> str:
    """What a result depends on, hashed: stage, code, settings, inputs by name and content."""
    depends = [
        job.stage, job.code, job.config, job.extra, job.seed, job.kind,
        [(parent.name, parent.sha256) for parent in parents],
    ]  # fmt: skip
    return hashlib.sha256(canonical(depends).encode()).hexdigest()


def _peak_memory_mib() -> float:
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    per_mib = 1024 if sys.platform != "darwin" else 1024**2  # Linux counts KiB, macOS bytes
    return max(own, children) / per_mib


def execute(job: Job, work: Callable[[dict[str, Path]], None], cache: Path | None = None) -> bool:
    """Make the outputs of `job` by calling `work` with temporary paths, or take them from `cache`.

    Parameters
    ----------
    job : Job
        What to make from what.
    work : callable
        Writes every output to the path it is given under the output's name.
    cache : Path, optional
        Shared cache folder.

    Returns
    -------
    bool
        True where the cache had the result and `work` was not called.

    Raises
    ------
    BrainvisError
        Damaged input, or a disk that refuses the write. Earlier outputs stay as they were.
    """
    start = time.monotonic()
    first = next(iter(job.outputs.values()))
    parents = _parents(job.inputs, first.parent)
    key = cache_key(job, parents)
    with ExitStack() as stack:
        staged = {
            name: stack.enter_context(files.whole_or_nothing(path))
            for name, path in job.outputs.items()
        }
        cached = cache is not None and _take(cache / key, staged)
        if not cached:
            work(staged)
        for name, path in job.outputs.items():
            record = Manifest(
                artifact=path.name,
                sha256=files.sha256(staged[name]),
                bytes=sum(file.stat().st_size for file in files.files_of(staged[name])),
                stage=job.stage,
                kind=job.kind,
                seed=job.seed,
                code=job.code,
                config={**job.config, **job.extra},
                parents=_seen_from(parents, first.parent, path.parent),
                key=key,
                wall_seconds=round(time.monotonic() - start, 3),
                peak_memory_mib=round(_peak_memory_mib(), 1),
                created=datetime.now(UTC).isoformat(timespec="seconds"),
                versions=manifests.installed_versions(),
            )
            # before the artifact: a crash in between shows as a mismatch, never as raw data
            manifests.write(path, record)
            if cache is not None and not cached:
                _give(cache / key, name, staged[name], record)
    return cached


def _seen_from(parents: list[Parent], folder: Path, other: Path) -> list[Parent]:
    """The same parents with paths relative to another folder."""
    if folder == other:
        return parents
    return [
        replace(parent, path=Path(os.path.relpath(folder / parent.path, other)).as_posix())
        for parent in parents
    ]


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copyfile(source, target)


def _take(entry: Path, staged: dict[str, Path]) -> bool:
    """Copy all outputs from a cache entry; False where it lacks one or one is damaged."""
    for name, target in staged.items():
        stored, note = entry / name, entry / f"{name}.json"
        whole = stored.exists() and note.is_file()
        if whole:
            _copy(stored, target)
            whole = files.sha256(target) == json.loads(note.read_text())["sha256"]
        if not whole:
            for path in staged.values():
                files.remove(path)
            return False
    return True


def _give(entry: Path, name: str, source: Path, record: Manifest) -> None:
    with files.whole_or_nothing(entry / name) as temporary:
        _copy(source, temporary)
    files.write_json(entry / f"{name}.json", asdict(record))
