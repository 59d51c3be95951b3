"""Which of all held-out clips was on screen, by the likelihood of the measured series.

Nishimoto et al. 2011 (doi 10.1016/j.cub.2011.08.031) identify a movie by the predicted pattern of
responses. Here each candidate's prediction is that of the clip alone, without what is shown before
and after it: the context of a candidate gives nothing away, and the true clip's own neighbours are
noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from brainvis.encoding.delays import by_delay


@dataclass(frozen=True)
class Window:
    """Volumes in which each clip's response is looked for.

    Attributes
    ----------
    rows : (n, w) int array
        Row numbers; -1 beyond the end of the segment.
    first : (n,) int array
        Row of each clip's first volume.
    lasts : int
        Volumes that the longest clip is on screen.
    """

    rows: np.ndarray
    first: np.ndarray
    lasts: int


def response_windows(volumes: pd.DataFrame, ids: np.ndarray, delays: Sequence[int]) -> Window:
    """Window of each clip at its first showing, from its first delay to its last one."""
    shown = volumes["stimulus_id"].to_numpy(dtype=str)
    segment = volumes["segment"].to_numpy(dtype=str)
    first = np.array([int(np.flatnonzero(shown == one)[0]) for one in ids])
    lasts = max(_lasting(shown, segment, row) for row in first)
    offsets = np.arange(min(delays), max(delays) + lasts)
    rows = first[:, None] + offsets  # (n, w)
    inside = (rows >= 0) & (rows < len(shown))
    same = segment[np.clip(rows, 0, len(shown) - 1)] == segment[first][:, None]
    return Window(np.where(inside & same, rows, -1), first, lasts)


def _lasting(shown: np.ndarray, segment: np.ndarray, row: int) -> int:
    count = 1
    while (
        row + count < len(shown)
        and shown[row + count] == shown[row]
        and segment[row + count] == segment[row]
    ):
        count += 1
    return count


def alone(vectors: np.ndarray, coef: np.ndarray, delays: Sequence[int], lasts: int) -> np.ndarray:
    """Predicted response to each clip alone in its window, (n, w, v) float32.

    Parameters
    ----------
    vectors : (n, p) array
        Scaled features of the clips, without delays.
    coef : (delays * p, v) array
        Weights on delayed features.
    delays : sequence of int
    lasts : int
        Volumes that a clip is on screen.
    """
    start, offsets = min(delays), max(delays) + lasts - min(delays)
    made = np.zeros((len(vectors), offsets, coef.shape[1]), dtype=np.float32)
    for delay, weights in zip(delays, by_delay(coef, len(delays)), strict=True):
        part = vectors @ weights  # (n, v)
        for moment in range(lasts):
            made[:, delay - start + moment] += part
    return made


def log_likelihoods(
    measured: np.ndarray, predicted: np.ndarray, variance: np.ndarray, known: np.ndarray
) -> np.ndarray:
    """Log-likelihood of each measured window under each candidate, up to a constant of the window.

    Independent Gaussian errors.

    Parameters
    ----------
    measured, predicted : (n, w, v) array
    variance : (v,) array
        Of the errors; voxels where it is not positive count nothing.
    known : (n, w) bool array
        Volumes of each measured window that exist.

    Returns
    -------
    (n, n) float64
        Candidate in rows, measured window in columns.
    """
    weight = np.where(variance > 0, 1 / np.where(variance > 0, variance, 1), 0)
    measured = np.where(known[..., None], measured, 0)
    squares = np.einsum("iwv,v,iwv->iw", predicted, weight, predicted)  # (n, w)
    cross = np.einsum("iwv,v,jwv->ij", predicted, weight, measured, optimize=True)
    return cross - squares @ known.T.astype(float) / 2
