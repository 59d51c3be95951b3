"""Ways to sort voxels of several subjects into clusters, behind one interface.

`fit` learns clusters from the voxels of some subjects; the result assigns any voxels, also those of
a new subject, without being changed.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from sklearn.mixture import GaussianMixture

from brainvis.clusters import parcels
from brainvis.clusters.parcels import Parcels, kmeans_centres
from brainvis.errors import BrainvisError

_UNIT = 1e-3  # how far a length may be from one
_FITTED = ("weights", "means", "covariances", "precisions_cholesky")
_COVARIANCES = ("full", "tied", "diag", "spherical")


@dataclass(frozen=True)
class Voxels:
    """What a method may know of v voxels: embeddings of unit length, subject, place, region.

    `embeddings` (v, d), `subject` (v,) str, `index` (v,) int in that subject's responses, `place`
    (v, 3) grid or mm coordinates, `roi` (v,) str.
    """

    embeddings: np.ndarray
    subject: np.ndarray
    index: np.ndarray
    place: np.ndarray
    roi: np.ndarray


class Clustering(Protocol):
    """Clusters that were fitted; `arrays` is all that `restore` needs."""

    @property
    def count(self) -> int: ...

    def memberships(self, voxels: Voxels) -> np.ndarray:
        """Membership of each voxel in each cluster, (v, count) float32, rows summing to one."""
        ...

    def arrays(self) -> dict[str, np.ndarray]: ...


@dataclass(frozen=True)
class Mixture:
    """Gaussian mixture in the space of embeddings, with its posterior as membership."""

    model: GaussianMixture

    @property
    def count(self) -> int:
        return self.model.n_components

    def memberships(self, voxels: Voxels) -> np.ndarray:
        return self.model.predict_proba(_checked(voxels.embeddings)).astype(np.float32)

    def arrays(self) -> dict[str, np.ndarray]:
        fitted = {name: np.asarray(getattr(self.model, f"{name}_")) for name in _FITTED}
        return {**fitted, "covariance": np.array([self.model.covariance_type])}


@dataclass(frozen=True)
class Centres:
    """Nearest of k centres (k-means)."""

    centres: np.ndarray

    @property
    def count(self) -> int:
        return len(self.centres)

    def memberships(self, voxels: Voxels) -> np.ndarray:
        embeddings = _checked(voxels.embeddings)
        # the voxel's own squared length does not change which centre is nearest
        distance = (self.centres**2).sum(axis=1) - 2 * embeddings @ self.centres.T
        return one_hot(distance.argmin(axis=1), self.count)

    def arrays(self) -> dict[str, np.ndarray]:
        return {"centres": self.centres}


@dataclass(frozen=True)
class Anatomical:
    """Parcels of every ROI by place."""

    parcels: Parcels

    @property
    def count(self) -> int:
        return len(self.parcels.roi)

    def memberships(self, voxels: Voxels) -> np.ndarray:
        labels = parcels.assign(self.parcels, voxels.place, voxels.roi, voxels.subject)
        return one_hot(labels, self.count)

    def arrays(self) -> dict[str, np.ndarray]:
        return {"centres": self.parcels.centres, "roi": self.parcels.roi}


@dataclass(frozen=True)
class Random:
    """A cluster drawn for every voxel from seed, subject and index alone."""

    count: int
    seed: int

    def memberships(self, voxels: Voxels) -> np.ndarray:
        labels = np.empty(len(voxels.subject), dtype=int)
        for name in np.unique(voxels.subject):
            rows = np.flatnonzero(voxels.subject == name)
            rng = np.random.default_rng([self.seed, zlib.crc32(str(name).encode())])
            drawn = rng.integers(self.count, size=voxels.index[rows].max() + 1)
            labels[rows] = drawn[voxels.index[rows]]
        return one_hot(labels, self.count)

    def arrays(self) -> dict[str, np.ndarray]:
        return {"count": np.array([self.count]), "seed": np.array([self.seed])}


METHODS = ("mixture", "kmeans", "anatomical", "random")


def fit(
    voxels: Voxels, method: str, count: int, *, covariance: str = "diag", seed: int = 0
) -> Clustering:
    """Fit clusters to the voxels of all subjects together.

    Parameters
    ----------
    voxels : Voxels
    method : {"mixture", "kmeans", "anatomical", "random"}
        Gaussian mixture on unit-norm embeddings (Brain-IT); k-means on them; ROIs cut into parcels
        by place; or chance. The last two do not look at embeddings.
    count : int
        Number of clusters.
    covariance : {"full", "tied", "diag", "spherical"}
        Of the mixture.
    seed : int

    Raises
    ------
    BrainvisError
        More clusters than voxels, embeddings not of unit length, unknown method.
    """
    if not 1 <= count <= len(voxels.subject):
        raise BrainvisError(
            "needs at least one cluster and no more clusters than voxels",
            field="clusters.count",
            found=f"{count} clusters for {len(voxels.subject)} voxels",
        )
    if method == "mixture":
        return _fit_mixture(_checked(voxels.embeddings), count, covariance, seed)
    if method == "kmeans":
        return Centres(kmeans_centres(_checked(voxels.embeddings), count, seed))
    if method == "anatomical":
        return Anatomical(parcels.cut(voxels.place, voxels.roi, voxels.subject, count, seed))
    if method == "random":
        return Random(count, seed)
    raise BrainvisError(
        "no such clustering", field="clusters.method", found=method, remedy=f"allowed: {METHODS}"
    )


def _fit_mixture(embeddings: np.ndarray, count: int, covariance: str, seed: int) -> Mixture:
    if covariance not in _COVARIANCES:
        raise BrainvisError(
            "no such covariance",
            field="clusters.covariance",
            found=covariance,
            remedy=f"allowed: {_COVARIANCES}",
        )
    model = GaussianMixture(
        count,
        covariance_type=covariance,
        reg_covar=1e-5,  # unit-norm rows lie on a sphere, so covariances are thin
        max_iter=100,
        random_state=seed,
    )
    return Mixture(model.fit(embeddings))


def restore(method: str, arrays: dict[str, np.ndarray]) -> Clustering:
    """Clusters from what `Clustering.arrays` gave."""
    if method == "mixture":
        covariance = str(arrays["covariance"][0])
        model = GaussianMixture(len(arrays["weights"]), covariance_type=covariance)
        for name in _FITTED:
            setattr(model, f"{name}_", arrays[name])
        return Mixture(model)
    if method == "kmeans":
        return Centres(arrays["centres"])
    if method == "anatomical":
        return Anatomical(Parcels(arrays["roi"], arrays["centres"]))
    return Random(int(arrays["count"][0]), int(arrays["seed"][0]))


def one_hot(labels: np.ndarray, count: int) -> np.ndarray:
    """Indicators of labels, (v, count) float32."""
    return np.equal.outer(labels, np.arange(count)).astype(np.float32)


def _checked(embeddings: np.ndarray) -> np.ndarray:
    """The embeddings, in float64, if every one has unit length.

    Raises
    ------
    BrainvisError
        Otherwise.
    """
    length = np.linalg.norm(np.asarray(embeddings, dtype=float), axis=1)
    wrong = ~(np.abs(length - 1) <= _UNIT)
    if wrong.any():
        raise BrainvisError(
            f"{int(wrong.sum())} of {len(length)} embeddings are not of unit length",
            field="embeddings",
            found=f"length {length[wrong][0]:.3g}",
            remedy="divide each by its length",
        )
    return np.asarray(embeddings, dtype=float)
