"""What stages that make images share: seeds, folds, batches and the file that is written."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
from tqdm import tqdm

from brainvis.artifacts import hdf5
from brainvis.datasets.splits import Fold
from brainvis.errors import BrainvisError

_KEPT = ("method", "subject", "split", "dataset", "kind")
_STREAM = 151  # sets these seeds apart from those of other stages


def image_seeds(ids: np.ndarray, seed: int, sample: int = 0) -> np.ndarray:
    """A seed for each stimulus, (n,), that does not depend on the others or on their order."""
    streams = ([seed, _STREAM, sample, zlib.crc32(str(one).encode())] for one in ids)
    return np.array([np.random.default_rng(stream).integers(2**62) for stream in streams])


def fold_numbers(ids: np.ndarray, split: Sequence[Fold], file: Path) -> np.ndarray:
    """Number of the fold that tests each stimulus, (n,).

    Raises
    ------
    BrainvisError
        A stimulus that no fold tests, or none at all.
    """
    tested = {one: number for number, fold in enumerate(split) for one in fold.test}
    absent = [str(one) for one in ids if str(one) not in tested]
    if absent or not len(ids):
        raise BrainvisError(
            "needs test stimuli of the split, and those alone",
            file=file,
            field="ids",
            found=f"{absent[0]!r}, which no fold tests" if absent else "no stimulus",
            remedy="give the split that the features were decoded by",
        )
    return np.array([tested[str(one)] for one in ids])


def kept_attributes(given: dict[str, object], name: str | None) -> dict[str, object]:
    """Whose images they are, and the method that made them."""
    kept = {key: given[key] for key in _KEPT if key in given}
    return kept if name is None else kept | {"method": name}


def batches(count: int, batch: int, words: str) -> Iterator[slice]:
    """Rows of one batch after the other, with a progress bar."""
    with tqdm(total=count, disable=None, desc=words) as bar:
        for first in range(0, count, batch):
            rows = slice(first, min(first + batch, count))
            yield rows
            bar.update(rows.stop - rows.start)


@contextmanager
def written(
    out: Path, ids: np.ndarray, folds: np.ndarray, side: int, attributes: dict[str, object]
) -> Iterator[h5py.Dataset]:
    """A `Reconstructions` file whose images are filled in batch by batch."""
    with hdf5.create(out, {"schema": "reconstructions", **attributes}) as file:
        hdf5.put(file, "ids", np.asarray(ids, dtype=str))
        hdf5.put(file, "fold", folds.astype(np.int32))
        shape = (len(ids), side, side, 3)
        chunks = (1, side, side, 3)
        yield hdf5.dataset(file, "images", shape, "float32", compress=True, chunks=chunks)
