"""Versions of the checkpoint folders that settings name: new weights rerun what reads them.

Snakemake sees the settings of a rule and its inputs, and checkpoints are neither: without their
version among the settings, a model that was trained again would leave old results in place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from brainvis.artifacts.files import sha256
from brainvis.config.load import find_checkpoint
from brainvis.errors import BrainvisError

CARD = "model_card.json"
_WEIGHTS = ("*.safetensors", "*/*.safetensors")  # of a model, and of a pipeline's parts


def checkpoint_versions(settings: object) -> dict[str, str]:
    """Version of every checkpoint folder that the settings name, by the name they use.

    Parameters
    ----------
    settings : dict, list or scalar
        Any slice of a configuration. What names no folder with weights is passed over: where a
        folder is missing, the stage that needs it says so.
    """
    folders = {name: _checkpoint(name) for name in sorted(set(_texts(settings)) - {""})}
    return {name: version(folder) for name, folder in folders.items() if folder is not None}


@cache
def _checkpoint(name: str) -> Path | None:
    try:
        folder = find_checkpoint(name)
    except BrainvisError:
        return None
    return folder if any(path for end in _WEIGHTS for path in folder.glob(end)) else None


@cache
def version(folder: Path) -> str:
    """Short hash of a folder's card, which holds the hashes of its weights.

    Without a card it is taken from names, sizes and times: checkpoints can be many gigabytes.
    """
    if (folder / CARD).is_file():
        return sha256(folder / CARD)[:16]
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    facts = [
        (str(path.relative_to(folder)), path.stat().st_size, path.stat().st_mtime_ns)
        for path in files
    ]
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part)
