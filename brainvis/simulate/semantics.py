"""What a stimulus means, from its table: category, supercategory, numeric scene attributes."""

from __future__ import annotations

import numpy as np
import pandas as pd

CATEGORY, SUPERCATEGORY, ATTRIBUTE = "category", "supercategory", "attribute"
_VIEWING = ("camera_", "light_", "background_")  # how the scene is shown, not what it is


def semantic_features(table: pd.DataFrame) -> tuple[np.ndarray, list[str]]:
    """Semantic features of each stimulus.

    Parameters
    ----------
    table : DataFrame
        With `category` and `supercategory`; every varying numeric or Boolean column counts as a
        scene attribute, but for those on camera, light and background.

    Returns
    -------
    features : (n, d) float32
        Indicators of category and supercategory, then attributes as z-scores.
    names : list of str
        ``category:<name>``, ``supercategory:<name>``, ``attribute:<column>``.
    """
    columns: list[np.ndarray] = []
    names: list[str] = []
    for kind in (CATEGORY, SUPERCATEGORY):
        values = table[kind].to_numpy(dtype=str)
        for value in np.unique(values):
            columns.append((values == value).astype(np.float32))
            names.append(f"{kind}:{value}")
    for column in table.columns:
        if table[column].dtype.kind not in "biuf" or str(column).startswith(_VIEWING):
            continue
        values = table[column].to_numpy(dtype=float)
        values = np.where(np.isfinite(values), values, np.nan)
        if np.isnan(values).all() or np.nanstd(values) < 1e-9:
            continue
        columns.append(np.nan_to_num((values - np.nanmean(values)) / np.nanstd(values)))
        names.append(f"{ATTRIBUTE}:{column}")
    return np.stack(columns, axis=1).astype(np.float32), names


def of_kind(names: list[str], kind: str) -> dict[str, int]:
    """Feature number by name within one kind, such as ``{"face": 3}`` for categories."""
    prefix = f"{kind}:"
    return {n.removeprefix(prefix): i for i, n in enumerate(names) if n.startswith(prefix)}
