"""HDF5 with checksums on every dataset and a `complete` mark that is written last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from brainvis.errors import BrainvisError

_REMEDY = "run the stage that makes it again (see `brainvis artifacts verify`)"


@contextmanager
def create(path: Path, attributes: Mapping[str, object]) -> Iterator[h5py.File]:
    """Open a new file for writing; `complete` is set only if the block ends without error.

    Parameters
    ----------
    path : Path
        The temporary path that a stage was given (see `brainvis.artifacts.files`).
    attributes : mapping
        Root attributes (schema, dataset, units, ...).
    """
    with h5py.File(path, "w") as file:
        file.attrs.update(dict(attributes))
        yield file
        file.attrs["complete"] = True


def dataset(
    group: h5py.Group,
    name: str,
    shape: tuple[int, ...],
    dtype: str | np.dtype,
    *,
    compress: bool = False,
    chunks: tuple[int, ...] | bool = True,
) -> h5py.Dataset:
    """Create an empty checksummed dataset to be filled slice by slice."""
    extra: dict = {"compression": "gzip", "compression_opts": 1} if compress else {}
    empty = 0 in shape  # HDF5 cannot chunk an empty dataset
    layout: dict = {} if empty else {"chunks": chunks, "fletcher32": True, **extra}
    return group.create_dataset(name, shape=shape, dtype=dtype, **layout)


def put(group: h5py.Group, name: str, values: np.ndarray, **options) -> None:
    """Write a whole array as a checksummed dataset (strings as fixed-width UTF-8)."""
    values = np.asarray(values)
    if values.dtype.kind in "UOT":
        values = np.char.encode(values.astype(str), "utf-8")
        if values.dtype.itemsize == 0:
            values = values.astype("S1")
    target = dataset(group, name, values.shape, values.dtype, **options)
    if values.size:
        target[...] = values


def at(file: h5py.File, name: str) -> h5py.Dataset:
    """The dataset `name`, for slicing.

    Raises
    ------
    BrainvisError
        When the file has no such dataset.
    """
    found = file.get(name)
    if not isinstance(found, h5py.Dataset):
        raise BrainvisError(
            "dataset is missing", file=file.filename, field=name, found=sorted(file.keys())
        )
    return found


def get(file: h5py.File, name: str) -> np.ndarray:
    """A whole dataset; fixed-width bytes come back as strings."""
    values = at(file, name)[...]
    return np.char.decode(values, "utf-8") if values.dtype.kind == "S" else values


def put_table(file: h5py.File, name: str, table: pd.DataFrame) -> None:
    """Write a data frame as a group with one dataset per column, in column order."""
    group = file.create_group(name)
    group.attrs["columns"] = [str(column) for column in table.columns]
    for column in table.columns:
        put(group, str(column), table[column].to_numpy())


def get_table(file: h5py.File, name: str) -> pd.DataFrame:
    """Read a table written by `put_table`."""
    group = file[name]
    names = [str(column) for column in np.asarray(group.attrs["columns"])]
    return pd.DataFrame({column: get(file, f"{name}/{column}") for column in names})


@contextmanager
def opened(path: Path, *, schema: str | None = None) -> Iterator[h5py.File]:
    """Open a finished file for reading, or say in one line what is wrong with it.

    Raises
    ------
    BrainvisError
        Missing, truncated, unfinished, damaged (checksum), or of another schema.
    """
    if not path.is_file():
        raise BrainvisError("no such file", file=path, remedy=_REMEDY)
    try:
        with h5py.File(path, "r") as file:
            if not file.attrs.get("complete", False):
                raise BrainvisError("was not finished by its writer", file=path, remedy=_REMEDY)
            if schema is not None and file.attrs.get("schema") != schema:
                raise BrainvisError(
                    f"is not a {schema} file",
                    file=path,
                    field="schema",
                    found=file.attrs.get("schema"),
                )
            yield file
    except OSError as error:
        raise BrainvisError(
            f"cannot be read as HDF5, truncated or damaged ({error})", file=path, remedy=_REMEDY
        ) from error
