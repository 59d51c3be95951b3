"""A network as a ruler: which layers of it are compared, and everything a number depends on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version

import numpy as np

from brainvis.evaluate.catalogue import describe

BATCH = 16  # images; no setting, since sums of float32 depend on it in the last digits
COMPUTED = "computed"
# From images (b, height, width, 3), float32 in [0, 1], to one array (b, ...) a space.
Read = Callable[[np.ndarray], dict[str, np.ndarray]]


@dataclass(frozen=True)
class Protocol:
    """How the metrics of one space are taken.

    Attributes
    ----------
    network, layer : str
        What is read, and where.
    resize : int
        Side in pixels of the network's input.
    interpolation : str
    antialias : bool
    normalisation : str
        Of the colour channels.
    weights : str
        Their origin as declared by whoever put them there; empty where nobody said.
    sha256 : str
        Of the weights file.
    libraries : str
        Versions of what computes.
    """

    network: str
    layer: str
    resize: int
    interpolation: str
    antialias: bool
    normalisation: str
    weights: str
    sha256: str
    libraries: str

    def words(self) -> str:
        """One line for a table."""
        filtered = "antialiased" if self.antialias else "not antialiased"
        weights = f"weights {self.weights or 'of undeclared origin'} sha256 {self.sha256[:12]}"
        return (
            f"{self.network} {self.layer} | {self.resize}x{self.resize} {self.interpolation} "
            f"{filtered}, {self.normalisation} | {weights} | {self.libraries}"
        )


PROTOCOL_COLUMNS = ("metric", "label", "status", *(one.name for one in fields(Protocol)))


@dataclass(frozen=True)
class Space:
    """One layer of a network and the measures taken in it ("two_way", "distance")."""

    name: str
    measures: tuple[str, ...]
    protocol: Protocol

    @property
    def metrics(self) -> list[str]:
        """Names of its metrics in a table."""
        return [f"{self.name}_{measure}" for measure in self.measures]


@dataclass(frozen=True)
class Reader:
    """A network with the spaces that it is read in."""

    name: str
    read: Read
    spaces: tuple[Space, ...]

    def vectors(self, batches: Iterable[np.ndarray]) -> dict[str, np.ndarray]:
        """Flat vectors of all images by space, each (n, d) float32.

        Parameters
        ----------
        batches : iterable of ndarray, (b, height, width, 3)
            Images in [0, 1].
        """
        parts: dict[str, list[np.ndarray]] = {space.name: [] for space in self.spaces}
        for images in batches:
            for name, values in self.read(np.asarray(images, dtype=np.float32)).items():
                parts[name].append(values.reshape(len(images), -1).astype(np.float32))
        return {name: np.concatenate(found) for name, found in parts.items()}


@dataclass(frozen=True)
class Absent:
    """Metrics that could not be taken, and why, in words."""

    metrics: tuple[str, ...]
    reason: str


def blocks(rows: np.ndarray) -> Iterator[np.ndarray]:
    """Row numbers in batches of `BATCH`."""
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]


def library_versions(*names: str) -> str:
    """Names with installed versions, such as ``torch 2.7.0 | torchvision 0.22.0``."""
    return " | ".join(f"{name} {version(name)}" for name in names)


def protocol_rows(spaces: Iterable[Space], absent: Iterable[Absent]) -> list[dict[str, object]]:
    """Rows of the protocol table: one a metric, the absent ones with the reason as status."""
    how = [
        (metric, COMPUTED, asdict(space.protocol)) for space in spaces for metric in space.metrics
    ]
    how += [(metric, one.reason, {}) for one in absent for metric in one.metrics]
    return [
        {"metric": metric, "label": describe(metric).label, "status": status, **protocol}
        for metric, status, protocol in how
    ]
