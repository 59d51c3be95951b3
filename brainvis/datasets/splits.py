"""Splits by unique stimulus: every repeat of a stimulus lies on one side.

A split is a list of folds, a fold a pair of stimulus-identifier lists. They are made once, from
the table of stimuli and the seed alone, and saved as an artifact that all later stages read.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from brainvis.errors import BrainvisError


@dataclass(frozen=True)
class Fold:
    """Stimuli to learn from and stimuli to be scored on."""

    train: list[str]
    test: list[str]


def holdout(ids: np.ndarray, categories: np.ndarray, share: float, seed: int) -> list[Fold]:
    """Hold out `share` of the stimuli of each category (at least one of each).

    Parameters
    ----------
    ids, categories : (n,) arrays of str
        Stimulus identifiers and their categories.
    share : float
        Share of stimuli held out, in (0, 1).
    seed : int
        Drives the draw.
    """
    test: list[str] = []
    for number, category in enumerate(np.unique(categories)):
        members = np.sort(ids[categories == category])
        shuffled = np.random.default_rng([seed, number]).permutation(members)
        test.extend(shuffled[: max(1, round(share * len(members)))])
    return [_fold(ids, set(test))]


def kfold(ids: np.ndarray, categories: np.ndarray, folds: int, seed: int) -> list[Fold]:
    """Hold out every stimulus once, categories spread evenly over `folds` folds.

    Raises
    ------
    BrainvisError
        More folds than stimuli.
    """
    if folds > len(ids):
        raise BrainvisError(
            "more folds than stimuli", field="splits.folds", found=f"{folds} for {len(ids)} stimuli"
        )
    order: list[str] = []
    for number, category in enumerate(np.unique(categories)):
        members = np.sort(ids[categories == category])
        order.extend(np.random.default_rng([seed, number]).permutation(members))
    return [_fold(ids, set(order[first::folds])) for first in range(folds)]


def _fold(ids: np.ndarray, test: set[str]) -> Fold:
    names = [str(name) for name in ids]
    return Fold([n for n in names if n not in test], [n for n in names if n in test])


def checked(folds: list[Fold], known: np.ndarray) -> list[Fold]:
    """Refuse folds that share a stimulus between train and test, or name an unknown one.

    Raises
    ------
    BrainvisError
        Overlap, unknown stimulus, or an empty side.
    """
    stimuli = set(known.tolist())
    for number, fold in enumerate(folds):
        field = f"fold {number}"
        if shared := set(fold.train) & set(fold.test):
            raise BrainvisError("test stimuli in training", field=field, found=min(shared))
        if unknown := (set(fold.train) | set(fold.test)) - stimuli:
            raise BrainvisError("unknown stimulus", field=field, found=min(unknown))
        if not fold.train or not fold.test:
            raise BrainvisError("needs training and test stimuli", field=field)
    return folds


def write(path: Path, splits: dict[str, list[Fold]]) -> None:
    """Write named splits as JSON."""
    content = {
        name: [{"train": fold.train, "test": fold.test} for fold in folds]
        for name, folds in splits.items()
    }
    path.write_text(json.dumps(content, indent=1) + "\n")


def read(path: Path, name: str) -> list[Fold]:
    """Folds of the split `name`.

    Raises
    ------
    BrainvisError
        File unreadable, or no such split in it.
    """
    try:
        content = json.loads(path.read_text())
        return [Fold(fold["train"], fold["test"]) for fold in content[name]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BrainvisError(
            f"holds no split {name!r}", file=path, found=error, remedy="run the splits stage again"
        ) from error
