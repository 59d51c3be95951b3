"""Features of what was on screen at each volume of a movie, delayed, by training statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from brainvis.encoding.delays import delayed
from brainvis.errors import BrainvisError

_CONSTANT = 1e-6  # of the largest deviation: features that vary less are left at 0


@dataclass(frozen=True)
class Rows:
    """Which volumes are fitted and which are scored: whole segments, never shared.

    Attributes
    ----------
    train, test : (k,) int array
        Row numbers of the volumes.
    """

    train: np.ndarray
    test: np.ndarray


def segment_rows(volumes: pd.DataFrame, train_ids: Sequence[str], test_ids: Sequence[str]) -> Rows:
    """Volumes of segments that show training clips alone, and of those with test clips alone.

    Parameters
    ----------
    volumes : DataFrame
        Columns segment and stimulus_id ("" where nothing is shown), a row per volume.
    train_ids, test_ids : sequence of str

    Raises
    ------
    BrainvisError
        A segment that shows clips of both, or no segment of one kind.
    """
    shown = volumes["stimulus_id"].to_numpy(dtype=str)
    segment = volumes["segment"].to_numpy(dtype=str)
    kinds = {"train": np.isin(shown, list(train_ids)), "test": np.isin(shown, list(test_ids))}
    found = {name: set(segment[kind].tolist()) for name, kind in kinds.items()}
    if both := sorted(found["train"] & found["test"]):
        raise BrainvisError(
            "a segment shows training and test clips, whose responses overlap in time",
            field="volumes/segment",
            found=both[0],
            remedy="hold out whole segments",
        )
    if missing := [name for name, names in found.items() if not names]:
        raise BrainvisError(f"no segment shows {missing[0]} clips", field="volumes/stimulus_id")
    return Rows(*(np.flatnonzero(np.isin(segment, list(found[name]))) for name in kinds))


@dataclass(frozen=True)
class Scaling:
    """Mean and scale of features of training clips; all features together have variance 1."""

    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, vectors: np.ndarray) -> Scaling:
        """From the vectors (n, p) of training clips, each once."""
        spread = vectors.std(axis=0, dtype=np.float64)
        varies = spread > _CONSTANT * max(spread.max(initial=0.0), np.finfo(np.float32).tiny)
        scale = np.where(varies, spread, np.inf) * np.sqrt(max(int(varies.sum()), 1))
        return cls(vectors.mean(axis=0, dtype=np.float64), scale)

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        return ((vectors - self.mean) / self.scale).astype(np.float32)


def designs(
    volumes: pd.DataFrame,
    spaces: Mapping[str, Mapping[str, np.ndarray]],
    delays: Sequence[int],
    train: np.ndarray,
) -> dict[str, np.ndarray]:
    """Delayed features of every volume in each space, (t, delays * p) float32.

    Features are standardised by the clips that training volumes show, and 0 (their mean) where
    nothing is on screen. Delays do not cross from one segment into another.

    Parameters
    ----------
    volumes : DataFrame
        Columns segment and stimulus_id, in order of time within a segment.
    spaces : mapping of name to mapping of stimulus identifier to vector (p,)
    delays : sequence of int
        In volumes.
    train : (k,) int array
        Training volumes.

    Raises
    ------
    BrainvisError
        A clip on screen that a space lacks.
    """
    shown = volumes["stimulus_id"].to_numpy(dtype=str)
    segment = volumes["segment"].to_numpy(dtype=str)
    made = {}
    for name, vectors in spaces.items():
        if absent := sorted(set(shown.tolist()) - {""} - set(vectors)):
            raise BrainvisError(
                f"space {name!r} lacks clips on screen", field="features", found=absent[0]
            )
        seen = sorted(set(shown[train].tolist()) - {""})
        scaled = Scaling.of(np.stack([vectors[one] for one in seen]))
        values = np.zeros((len(shown), len(scaled.mean)), dtype=np.float32)
        on = shown != ""
        values[on] = scaled(np.stack([vectors[one] for one in shown[on]]))
        made[name] = delayed(values, delays, segment)
    return made
