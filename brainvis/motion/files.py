"""Files of this room: true or estimated flow of clips, and flow decoded from fMRI."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from brainvis.artifacts import hdf5
from brainvis.containers import read_rows, row_numbers
from brainvis.motion.grid import UNITS

TARGETS, DECODED = "flow-targets", "decoded-flow"


@dataclass(frozen=True)
class FlowFile:
    """Coarse flow of clips.

    HDF5 layout, n clips: ``/ids`` (n,); ``/flow`` (n, frames, size, size, 2) float32 in
    `brainvis.motion.grid.UNITS`; in a "flow-targets" file also ``/mask`` (n, frames, size, size)
    float32, share of the cell that the object covers.

    Attributes of "flow-targets": estimator, size, frames, steps (of a clip), fps, units, mask (what
    it is), dataset, kind. Of "decoded-flow": method, subject, split, dataset, kind, baseline,
    units.
    """

    path: Path
    ids: np.ndarray
    attributes: dict[str, object]

    @classmethod
    def open(cls, path: str | Path, schema: str) -> FlowFile:
        path = Path(path)
        with hdf5.opened(path, schema=schema) as file:
            return cls(path, hdf5.get(file, "ids"), dict(file.attrs))

    def flow(self, ids: np.ndarray | None = None) -> np.ndarray:
        """Flow of the given clips (all by default), (k, frames, size, size, 2) float32."""
        return self._read("flow", ids)

    def mask(self, ids: np.ndarray | None = None) -> np.ndarray:
        """Object share of each cell, (k, frames, size, size) float32."""
        return self._read("mask", ids)

    def _read(self, name: str, ids: np.ndarray | None) -> np.ndarray:
        rows = slice(None) if ids is None else row_numbers(self.ids, ids, self.path)
        return read_rows(self.path, name, rows, schema=str(self.attributes["schema"]))


class FlowTargets(FlowFile):
    """A "flow-targets" file."""

    @classmethod
    def open(cls, path: str | Path, schema: str = TARGETS) -> FlowTargets:
        found = super().open(path, schema)
        return cls(found.path, found.ids, found.attributes)


class DecodedFlow(FlowFile):
    """A "decoded-flow" file."""

    @classmethod
    def open(cls, path: str | Path, schema: str = DECODED) -> DecodedFlow:
        found = super().open(path, schema)
        return cls(found.path, found.ids, found.attributes)


def write_targets(
    path: Path, ids: np.ndarray, flow: np.ndarray, share: np.ndarray, **attributes
) -> None:
    """Write a `FlowTargets` file; `share` becomes ``/mask``, attribute mask says what it is."""
    described = {"schema": TARGETS, "units": UNITS, "size": flow.shape[2], "frames": flow.shape[1]}
    with hdf5.create(path, {**described, **attributes}) as file:
        hdf5.put(file, "ids", np.asarray(ids, dtype=str))
        hdf5.put(file, "flow", flow.astype(np.float32), compress=True)
        hdf5.put(file, "mask", share.astype(np.float32), compress=True)


def write_decoded(path: Path, ids: np.ndarray, flow: np.ndarray, **attributes) -> None:
    """Write a `DecodedFlow` file."""
    with hdf5.create(path, {"schema": DECODED, "units": UNITS, **attributes}) as file:
        hdf5.put(file, "ids", np.asarray(ids, dtype=str))
        hdf5.put(file, "flow", flow.astype(np.float32), compress=True)
