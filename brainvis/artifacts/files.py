"""Write whole or not at all, and hash what was written.

A writer gets a temporary path in the folder of its target; the target appears by one rename,
after the bytes are on disk. A crash, a full disk or a signal leaves the old file (or none).
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from brainvis.errors import BrainvisError

_BLOCK = 1 << 20
_TEMPORARY = ".tmp-"
_NOT_CONTENT = {".snakemake_timestamp"}  # Snakemake leaves it in folders that a rule makes
_REFUSALS = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EIO, errno.EPERM}


def temporary_beside(target: Path) -> Path:
    """Path for the unfinished version of `target`, in the same folder, keeping its suffixes."""
    return target.with_name(f"{_TEMPORARY}{os.getpid()}-{target.name}")


def is_temporary(path: Path) -> bool:
    """Whether `path` was left by an interrupted writer."""
    return path.name.startswith(_TEMPORARY)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Delete a file or a folder, if there is one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def files_of(path: Path) -> list[Path]:
    """Every regular file of an artifact (itself, or all below it), sorted by relative path."""
    if not path.is_dir():
        return [path]
    found = (child for child in path.rglob("*") if child.is_file())
    return sorted(child for child in found if child.name not in _NOT_CONTENT)


def publish(temporary: Path, target: Path) -> None:
    """Move a finished temporary file or folder to its place, durably."""
    for file in files_of(temporary):
        _fsync(file)
    if target.is_dir() and temporary.is_dir():
        shutil.rmtree(target)  # a folder cannot be replaced in one step
    temporary.replace(target)
    _fsync(target.parent)


def _disk_refused(error: Exception) -> bool:
    """Whether a write failed for want of space or permission (HDF5 says it only in words)."""
    return getattr(error, "errno", None) in _REFUSALS or "No space left" in str(error)


@contextmanager
def whole_or_nothing(target: Path) -> Iterator[Path]:
    """Yield a temporary path; on success it becomes `target`, otherwise it is removed.

    Parameters
    ----------
    target : Path
        File or folder to be made. Its parent folder is created.

    Raises
    ------
    BrainvisError
        When the disk refuses the write (full, quota, permission); `target` is then as before.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_beside(target)
    remove(temporary)
    try:
        yield temporary
        publish(temporary, target)
    except (OSError, RuntimeError) as error:
        if not _disk_refused(error):
            raise
        raise BrainvisError(
            f"could not be written: {getattr(error, 'strerror', None) or error}",
            file=target,
            remedy="nothing was changed; free some space or check permissions, then run again",
        ) from error
    finally:
        remove(temporary)


def write_bytes(target: Path, content: bytes) -> None:
    """Write `content` to `target`, whole or not at all."""
    with whole_or_nothing(target) as temporary:
        temporary.write_bytes(content)


def write_json(target: Path, value: object) -> None:
    """Write `value` as readable JSON with sorted keys, whole or not at all."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)
    write_bytes(target, (text + "\n").encode())


def sha256(path: Path) -> str:
    """Content hash of a file, or of a folder (relative names and contents, in sorted order)."""
    digest = hashlib.sha256()
    for file in files_of(path):
        if path.is_dir():
            digest.update(f"\0{file.relative_to(path).as_posix()}\0".encode())
        with file.open("rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()


def resolve_inside(root: Path, relative: str | Path) -> Path:
    """Join `relative` to `root` and refuse whatever would leave it.

    Raises
    ------
    BrainvisError
        For an absolute path outside `root`, a `..` or `~`, a NUL, a drive letter or a symlink
        that leads out of `root`.
    """
    text = str(relative)
    windows_drive = len(text) > 1 and text[1] == ":"
    forbidden = "\0" in text or ".." in Path(text).parts or text.startswith("~") or windows_drive
    joined = root.resolve() if forbidden else (root / text).resolve()
    if forbidden or not joined.is_relative_to(root.resolve()):
        raise BrainvisError(
            f"path leaves its root {root}",
            found=repr(text),
            remedy="give a path inside the root, without '..'",
        )
    return joined
