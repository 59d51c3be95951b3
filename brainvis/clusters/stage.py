"""Fit clusters to voxel embeddings, assign new subjects to them, and keep both in one file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from brainvis.artifacts import hdf5
from brainvis.clusters.methods import METHODS, Clustering, Voxels, fit, restore
from brainvis.containers import read_rows
from brainvis.encoding.universal_embeddings import Embeddings, gauge_of, joined, voxel_rows
from brainvis.encoding.weights import EncodingWeights
from brainvis.errors import BrainvisError


@dataclass(frozen=True)
class Clusters:
    """Cluster of every voxel of one or more subjects.

    HDF5 layout: ``/hard`` (v,) int32, the most probable cluster; ``/soft`` (v, count) float32,
    membership in each, rows summing to one; ``/voxels`` as in the embeddings file; ``/model``,
    the fitted clusters, by which any other voxels are assigned.

    Attributes: schema "clusters", kind, method, count, encoder, source ("embeddings" or "ridge").
    """

    path: Path
    voxels: pd.DataFrame
    attributes: dict[str, object]

    @classmethod
    def open(cls, path: str | Path) -> Clusters:
        path = Path(path)
        with hdf5.opened(path, schema="clusters") as file:
            return cls(path, hdf5.get_table(file, "voxels"), dict(file.attrs))

    @property
    def count(self) -> int:
        """Number of clusters."""
        return int(np.asarray(self.attributes["count"]))

    def hard(self, subject: str | None = None) -> np.ndarray:
        """Cluster of each voxel of one subject (all by default), (v,) int32, in its own order."""
        return read_rows(self.path, "hard", self._rows(subject), schema="clusters")

    def soft(self, subject: str | None = None) -> np.ndarray:
        """Membership in each cluster, (v, count) float32."""
        return read_rows(self.path, "soft", self._rows(subject), schema="clusters")

    def model(self) -> Clustering:
        """The fitted clusters."""
        with hdf5.opened(self.path, schema="clusters") as file:
            names = [str(name) for name in np.asarray(file["model"].attrs["arrays"])]
            arrays = {name: hdf5.get(file, f"model/{name}") for name in names}
        return restore(str(self.attributes["method"]), arrays)

    def _rows(self, subject: str | None) -> np.ndarray:
        if subject is None:
            return np.arange(len(self.voxels))
        rows = np.flatnonzero(self.voxels["subject"].to_numpy(dtype=str) == subject)
        if not rows.size:
            raise BrainvisError(
                "has no voxels of this subject",
                file=self.path,
                field="voxels/subject",
                found=subject,
                remedy="assign the subject's embeddings to these clusters first",
            )
        return rows


@dataclass(frozen=True)
class _Source:
    """Vectors of voxels that clusters are made from: embeddings, or ridge weights."""

    path: Path
    unit: np.ndarray
    voxels: pd.DataFrame
    kind: str
    encoder: str
    name: str

    @classmethod
    def open(cls, path: Path, population: Path | None) -> _Source:
        with hdf5.opened(path) as file:
            weights = file.attrs["schema"] == "encoding-weights"
        if not weights:
            known = Embeddings.open(path)
            unit = known.unit() if population is None else _in_gauge(known, population)
            kind, encoder = str(known.attributes["kind"]), str(known.attributes["encoder"])
            return cls(path, unit, known.voxels, kind, encoder, "embeddings")
        model = EncodingWeights.open(path)
        unit = _unit(model.values()[:, :-1])
        table = voxel_rows(model.subject, model.voxels)
        space = str(model.attributes["space"])
        return cls(path, unit, table, str(model.attributes["kind"]), space, "ridge")


def _in_gauge(known: Embeddings, population: Path) -> np.ndarray:
    """Embeddings of unit length in the functional gauge of their encoder."""
    gauge = gauge_of(population, known)
    known.unit()  # refuses embeddings that have no direction
    return _unit(known.values() @ gauge)


def _unit(rows: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(length > 0, length, 1)


def fit_clusters(
    sources: list[Path],
    out: Path,
    *,
    population: Path | None = None,
    method: str = "mixture",
    count: int = 128,
    covariance: str = "tied",
    seed: int = 0,
) -> None:
    """Fit clusters to the voxels of all given files together and assign each voxel.

    Parameters
    ----------
    sources : list of Path
        HDF5 files of schema "embeddings", or of schema "encoding-weights" for the comparison with
        clusters of ridge weights; scaled to unit length here.
    out : Path
        HDF5 file of schema "clusters".
    population : Path, optional
        `KnownVoxels` of the same encoder: embeddings are then clustered in the functional gauge,
        where distance means difference of function; as learned by default.
    method, count, covariance, seed
        See `brainvis.clusters.methods.fit`.

    Raises
    ------
    BrainvisError
        More clusters than voxels, embeddings of several encoders, unknown method.
    """
    if method not in METHODS:
        raise BrainvisError(
            "no such clustering",
            field="clusters.method",
            found=method,
            remedy=f"allowed: {METHODS}",
        )
    opened = [_Source.open(path, population) for path in sources]
    _check_same_encoder(opened)
    table = joined([source.voxels for source in opened])
    voxels = _voxels(np.concatenate([source.unit for source in opened]), table)
    clustering = fit(voxels, method, count, covariance=covariance, seed=seed)
    _write(out, clustering, method, voxels, table, opened[0])


def assign_clusters(
    source: Path, clusters: Path, out: Path, *, population: Path | None = None
) -> None:
    """Assign the voxels of a new subject to clusters that were fitted without it.

    Parameters
    ----------
    source : Path
        HDF5 of schema "embeddings" of the same encoder, or "encoding-weights" as the clusters'.
    clusters : Path
        From `fit_clusters`; not changed.
    out : Path
        HDF5 of schema "clusters" with the new voxels and the same model.
    population : Path, optional
        As the clusters were fitted with.

    Raises
    ------
    BrainvisError
        Embeddings of another encoder than the clusters'.
    """
    fitted, known = Clusters.open(clusters), _Source.open(source, population)
    if fitted.attributes["encoder"] != known.encoder:
        raise BrainvisError(
            f"belongs to another encoder than {clusters}",
            file=source,
            field="encoder",
            found=known.encoder[:12] or "none",
        )
    voxels = _voxels(known.unit, known.voxels)
    _write(out, fitted.model(), str(fitted.attributes["method"]), voxels, known.voxels, known)


def _check_same_encoder(opened: list[_Source]) -> None:
    encoders = [source.encoder for source in opened]
    if len(set(encoders)) > 1:
        raise BrainvisError(
            f"belongs to another encoder than {opened[0].path}",
            file=opened[int(np.argmax(np.array(encoders) != encoders[0]))].path,
            field="encoder",
            found=[name[:12] for name in encoders],
            remedy="adapt one encoder to all subjects",
        )


def _voxels(unit: np.ndarray, table: pd.DataFrame) -> Voxels:
    """What methods may know, from the voxel table of an embeddings file."""
    count = len(table)
    axes = next((a for a in (("x", "y", "z"), ("i", "j", "k")) if set(a) <= set(table)), None)
    place = np.zeros((count, 3)) if axes is None else table[list(axes)].to_numpy(dtype=float)
    return Voxels(
        unit,
        table["subject"].to_numpy(dtype=str),
        table["index"].to_numpy(dtype=int),
        place,
        table["roi"].to_numpy(dtype=str) if "roi" in table else np.full(count, ""),
    )


def _write(
    out: Path, clustering: Clustering, method: str, voxels: Voxels, table: pd.DataFrame,
    source: _Source,
) -> None:  # fmt: skip
    soft = clustering.memberships(voxels)
    attributes = {
        "schema": "clusters",
        "kind": source.kind,
        "method": method,
        "source": source.name,
        "count": clustering.count,
        "encoder": source.encoder,
    }
    with hdf5.create(out, attributes) as file:
        hdf5.put(file, "hard", soft.argmax(axis=1).astype(np.int32))
        hdf5.put(file, "soft", soft, compress=True)
        hdf5.put_table(file, "voxels", table)
        model, arrays = file.create_group("model"), clustering.arrays()
        model.attrs["arrays"] = list(arrays)
        for name, values in arrays.items():
            hdf5.put(model, name, values)
