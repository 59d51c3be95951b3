"""Voxel embeddings of one or more subjects, as a file that clusters and predictions read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from brainvis.artifacts import hdf5
from brainvis.containers import read_rows
from brainvis.errors import BrainvisError

_FROM_RESPONSES = ("i", "j", "k", "x", "y", "z", "roi", "noise_ceiling")


@dataclass(frozen=True)
class Embeddings:
    """Embeddings of v voxels, subject after subject.

    HDF5 layout: ``/embeddings`` (v, d) float32, as learned; ``/mean``, ``/scale`` (v,) float32,
    which turn a predicted z-score into the units of the voxel's responses; ``/voxels`` columns:
    subject, index (row in that subject's responses), i, j, k, roi and, where known, noise_ceiling.

    Attributes: schema "embeddings", kind, space (feature space), unit_norm (whether rows have unit
    length as stored), encoder (sha256 of the weights they belong to; "" for ridge weights).
    """

    path: Path
    voxels: pd.DataFrame
    attributes: dict[str, object]

    @classmethod
    def open(cls, path: str | Path) -> Embeddings:
        path = Path(path)
        with hdf5.opened(path, schema="embeddings") as file:
            voxels, shape = hdf5.get_table(file, "voxels"), hdf5.at(file, "embeddings").shape
            if len(shape) != 2 or shape[0] != len(voxels):
                raise BrainvisError(
                    f"does not match its table of {len(voxels)} voxels",
                    file=path,
                    field="embeddings",
                    found=shape,
                )
            return cls(path, voxels, dict(file.attrs))

    @property
    def subjects(self) -> list[str]:
        """Subjects in the order of the file."""
        return list(dict.fromkeys(self.voxels["subject"].astype(str)))

    def rows(self, subject: str | None = None) -> np.ndarray:
        """Row numbers of one subject's voxels (all by default).

        Raises
        ------
        BrainvisError
            When the file has no voxel of that subject.
        """
        if subject is None:
            return np.arange(len(self.voxels))
        rows = np.flatnonzero(self.voxels["subject"].to_numpy(dtype=str) == subject)
        if not rows.size:
            raise BrainvisError(
                f"has no voxels of subject {subject}",
                file=self.path,
                field="voxels/subject",
                found=self.subjects,
                remedy="adapt the encoder to this subject first",
            )
        return rows

    def values(self, subject: str | None = None) -> np.ndarray:
        """Embeddings as learned, (v, d) float32."""
        return read_rows(self.path, "embeddings", self.rows(subject), schema="embeddings")

    def unit(self, subject: str | None = None) -> np.ndarray:
        """Embeddings scaled to unit length, (v, d) float32.

        Raises
        ------
        BrainvisError
            When an embedding is zero or not finite, or not as long as the file says.
        """
        values = self.values(subject)
        length = np.linalg.norm(values, axis=1, keepdims=True)
        off = np.abs(length - 1) > 1e-3
        if self.attributes["unit_norm"] and off.any():
            raise BrainvisError(
                "embeddings are not of unit length although marked so",
                file=self.path,
                field="embeddings",
                found=f"length {length[off][0]:.3g}",
                remedy="run the stage that makes it again",
            )
        if not (np.isfinite(length) & (length > 0)).all():
            raise BrainvisError(
                "cannot be scaled to unit length",
                file=self.path,
                field="embeddings",
                found=f"{int((~(length > 0)).sum())} zero or non-finite rows",
            )
        return values / length

    def units(self, subject: str | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Mean and scale of each voxel's responses, (v,) float32 each."""
        rows = self.rows(subject)
        mean, scale = (
            read_rows(self.path, name, rows, schema="embeddings") for name in ("mean", "scale")
        )
        return mean, scale


def voxel_rows(subject: str, voxels: pd.DataFrame) -> pd.DataFrame:
    """Voxel table of an embeddings file, from the table of one subject's responses."""
    known = [column for column in _FROM_RESPONSES if column in voxels]
    fixed = {"subject": subject, "index": np.arange(len(voxels))}
    return pd.DataFrame({**fixed, **{name: voxels[name].to_numpy() for name in known}})


def joined(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Tables of several subjects under one another, with the columns that all of them have."""
    shared = [name for name in tables[0].columns if all(name in table for table in tables)]
    return pd.DataFrame(
        {name: np.concatenate([table[name].to_numpy() for table in tables]) for name in shared}
    )


def write_embeddings(
    path: Path,
    embeddings: np.ndarray,
    voxels: pd.DataFrame,
    *,
    mean: np.ndarray | None = None,
    scale: np.ndarray | None = None,
    encoder: str = "",
    **attributes,
) -> None:
    """Write an `Embeddings` file; any vector per voxel will do, such as ridge weights.

    Parameters
    ----------
    embeddings : (v, d) array
    voxels : DataFrame
        One row per embedding, with subject and index.
    mean, scale : (v,) arrays
        Zero and one by default.
    encoder : str
        sha256 of the weights that the embeddings belong to.
    **attributes
        kind, space and more.
    """
    values = np.asarray(embeddings, dtype=np.float32)
    unit = bool(np.allclose(np.linalg.norm(values, axis=1), 1, atol=1e-4))
    fixed = {"schema": "embeddings", "unit_norm": unit, "encoder": encoder}
    with hdf5.create(path, {**attributes, **fixed}) as file:
        hdf5.put(file, "embeddings", values)
        count = len(values)
        for name, given, default in (("mean", mean, 0), ("scale", scale, 1)):
            units = np.full(count, default) if given is None else np.asarray(given)
            hdf5.put(file, name, units.astype(np.float32))
        hdf5.put_table(file, "voxels", voxels)


def gauge_of(population: Path, known: Embeddings) -> np.ndarray:
    """Functional gauge (d, e) of the encoder that made these embeddings.

    Raises
    ------
    BrainvisError
        The gauge of another encoder.
    """
    with hdf5.opened(population, schema="population") as file:
        gauge, encoder = hdf5.get(file, "gauge"), str(file.attrs["encoder"])
    if encoder != known.attributes["encoder"]:
        raise BrainvisError(
            f"belongs to another encoder than {known.path}",
            file=population,
            field="encoder",
            found=encoder[:12],
        )
    return gauge
