"""Folds of cross-validation that never split a stimulus or a run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.model_selection import GroupKFold, KFold

from brainvis.errors import BrainvisError

Fold = tuple[np.ndarray, np.ndarray]  # training rows, test rows


def make_folds(
    n: int, folds: int | Sequence[Fold] = 5, groups: np.ndarray | None = None
) -> list[Fold]:
    """Training and test rows of each fold, checked.

    Parameters
    ----------
    n : int
        Number of rows.
    folds : int or sequence of (train, test)
        Number of folds (contiguous blocks, or whole groups), or the row numbers themselves.
    groups : (n,) array, optional
        Stimulus or run of each row.

    Raises
    ------
    BrainvisError
        When a fold is empty, shares a row or a group between training and test, or when there
        are fewer groups than folds.
    """
    labels = np.arange(n) if groups is None else np.asarray(groups)
    if labels.shape != (n,):
        raise BrainvisError("one group a row is needed", field="groups", found=labels.shape)
    if isinstance(folds, int | np.integer):
        return _equal_folds(int(folds), labels, grouped=groups is not None)
    if not len(folds):
        raise BrainvisError("no folds", field="folds", found=0, remedy="give at least one")
    return [_checked(number, fold, labels) for number, fold in enumerate(folds)]


def _equal_folds(folds: int, labels: np.ndarray, *, grouped: bool) -> list[Fold]:
    most = len(np.unique(labels))
    if not 2 <= folds <= most:
        raise BrainvisError(
            "not a possible number of folds",
            field="folds",
            found=folds,
            remedy=f"give 2 to {most} (the number of {'groups' if grouped else 'rows'})",
        )
    splitter = GroupKFold(folds) if grouped else KFold(folds)
    return list(splitter.split(labels, groups=labels if grouped else None))


def _checked(number: int, fold: Fold, labels: np.ndarray) -> Fold:
    train, test = (np.asarray(rows) for rows in fold)
    rows = np.concatenate([train, test])
    inside = rows.dtype.kind in "iu" and len(train) > 1 and len(test) > 0
    inside = inside and rows.min() >= 0 and rows.max() < len(labels)
    once = len(np.unique(rows)) == len(rows)
    if not inside or not once or np.isin(labels[test], labels[train]).any():
        raise BrainvisError(
            "is empty, leaves the rows, or shares rows or groups between train and test",
            field=f"folds[{number}]",
            found=f"{len(train)} training and {len(test)} test rows of {len(labels)}",
            remedy="give disjoint row numbers that split no group",
        )
    return train, test
