"""Scores of one file with what they belong to, and how files are brought into one order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from brainvis.containers import Stimuli
from brainvis.errors import BrainvisError
from brainvis.evaluate.scoring import Score

LABELS = ("dataset", "subject", "split", "method")


class Labelled(Protocol):
    """An opened file of stimuli with attributes that say who and what it is of."""

    @property
    def path(self) -> Path: ...

    @property
    def ids(self) -> np.ndarray: ...

    @property
    def attributes(self) -> dict[str, object]: ...


@dataclass(frozen=True)
class Evaluated:
    """Scores of one file: who and what, for which stimuli, how measured."""

    labels: dict[str, str]  # dataset, subject, split, method, modality
    stimuli: np.ndarray  # (n,) str
    scores: list[Score]
    protocol: str


def order_of(file: Labelled) -> np.ndarray:
    """Rows sorted by identifier, so that one permutation means the same in every subject.

    Raises
    ------
    BrainvisError
        Fewer than two stimuli, or one twice.
    """
    ids = file.ids
    if len(ids) < 2 or len(np.unique(ids)) != len(ids):
        raise BrainvisError(
            "needs two or more stimuli, each once",
            file=file.path,
            field="ids",
            found=f"{len(ids)} ids",
        )
    return np.argsort(ids, kind="stable")


def classes_of(seen: Stimuli, ids: np.ndarray) -> np.ndarray | None:
    """Category of each stimulus, None where the data set has none."""
    if "category" not in seen.table:
        return None
    return seen.table["category"].to_numpy(dtype=str)[seen.rows(ids)]


def labels_of(file: Labelled, modality: str) -> dict[str, str]:
    """Who and what a file is of, from its attributes.

    Raises
    ------
    BrainvisError
        An attribute is missing.
    """
    missing = [name for name in LABELS if name not in file.attributes]
    if missing:
        raise BrainvisError("lacks attributes", file=file.path, found=missing)
    return {**{name: str(file.attributes[name]) for name in LABELS}, "modality": modality}
