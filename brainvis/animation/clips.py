"""Clips that one method made for test stimuli, as a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from brainvis.artifacts import hdf5
from brainvis.containers import read_rows, row_numbers

SCHEMA = "clips"


@dataclass(frozen=True)
class Clips:
    """Clips of the test stimuli of one split, made by one method for one subject.

    HDF5 layout, n test stimuli: ``/clips`` (n, frames, height, width, 3) uint8, sRGB; ``/ids`` (n,)
    stimulus identifiers; ``/fold`` (n,) int, the fold that held each out.

    Attributes: schema "clips", method, fps, subject ("" for no subject's), split, dataset, kind,
    first_frame and flow ("true", or the method that decoded it; flow "" for none), baseline (bool).
    """

    path: Path
    ids: np.ndarray
    attributes: dict[str, object]

    @classmethod
    def open(cls, path: str | Path) -> Clips:
        path = Path(path)
        with hdf5.opened(path, schema=SCHEMA) as file:
            return cls(path, hdf5.get(file, "ids"), dict(file.attrs))

    def clips(self, ids: np.ndarray | None = None) -> np.ndarray:
        """Clips of the given stimuli (all by default), (k, frames, height, width, 3) uint8."""
        rows = slice(None) if ids is None else row_numbers(self.ids, ids, self.path)
        return read_rows(self.path, "clips", rows, schema=SCHEMA)


@contextmanager
def written(
    out: Path,
    ids: np.ndarray,
    folds: np.ndarray,
    shape: tuple[int, int, int],
    attributes: dict[str, object],
) -> Iterator[h5py.Dataset]:
    """A `Clips` file whose clips are filled in batch by batch; shape is frames, height, width."""
    with hdf5.create(out, {"schema": SCHEMA, **attributes}) as file:
        hdf5.put(file, "ids", np.asarray(ids, dtype=str))
        hdf5.put(file, "fold", folds.astype(np.int32))
        size = (*shape, 3)
        yield hdf5.dataset(file, "clips", (len(ids), *size), "u1", compress=True, chunks=(1, *size))
