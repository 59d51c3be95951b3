"""`Objects`: the meshes that one method made for the test stimuli of one split, in one file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from brainvis.artifacts import hdf5
from brainvis.containers import row_numbers
from brainvis.errors import BrainvisError
from brainvis.objects3d.mesh import EMPTY, OK, ColoredMesh

_PARTS = {"vertices": ("vertex", "f4"), "colors": ("vertex", "u1"), "faces": ("face", "i4")}


@dataclass(frozen=True)
class Objects:
    """Coloured meshes, one per stimulus, read one by one.

    HDF5 layout, n stimuli: ``/vertices`` (v, 3) float32 and ``/colors`` (v, 3) uint8 of all meshes
    one after the other, ``/vertex_start`` (n + 1,) int; ``/faces`` (f, 3) int32, which count the
    vertices of their own mesh from 0, ``/face_start`` (n + 1,) int; ``/ids`` (n,) stimulus
    identifiers; ``/status`` (n,) "ok" or "empty"; ``/fold`` (n,) int, the fold that held it out.

    Attributes: schema "objects", method, subject, split, dataset, kind, as in `Reconstructions`.
    """

    path: Path
    ids: np.ndarray
    status: np.ndarray
    attributes: dict[str, object]

    @classmethod
    def open(cls, path: str | Path) -> Objects:
        """Open a file of objects.

        Raises
        ------
        BrainvisError
            Missing, unfinished or damaged file, or one whose parts do not fit together.
        """
        path = Path(path)
        with hdf5.opened(path, schema="objects") as file:
            ids, status = hdf5.get(file, "ids"), hdf5.get(file, "status")
            for name, (kind, _) in _PARTS.items():
                start = hdf5.get(file, f"{kind}_start")
                fits = len(start) == len(ids) + 1 and (np.diff(start) >= 0).all()
                if not fits or start[-1] != hdf5.at(file, name).shape[0]:
                    raise BrainvisError(
                        f"does not fit {len(ids)} objects", file=path, field=name,
                        found=hdf5.at(file, name).shape,
                    )  # fmt: skip
            return cls(path, ids, status, dict(file.attrs))

    def mesh(self, stimulus_id: str) -> ColoredMesh:
        """The object of one stimulus.

        Raises
        ------
        BrainvisError
            No object of that stimulus.
        """
        return self.meshes(np.array([stimulus_id]))[0]

    def meshes(self, ids: np.ndarray | None = None) -> list[ColoredMesh]:
        """Objects of the given stimuli (all by default), in their order.

        Raises
        ------
        BrainvisError
            No object of a stimulus.
        """
        wanted = self.ids if ids is None else ids
        rows = row_numbers(self.ids, wanted, self.path)
        with hdf5.opened(self.path, schema="objects") as file:
            start = {k: hdf5.get(file, f"{k}_start") for k in ("vertex", "face")}
            return [
                ColoredMesh(
                    **{
                        name: hdf5.at(file, name)[start[kind][row] : start[kind][row + 1]]
                        for name, (kind, _) in _PARTS.items()
                    }
                )
                for row in rows
            ]

    def folds(self) -> np.ndarray:
        """Fold that held each stimulus out, (n,) int."""
        with hdf5.opened(self.path, schema="objects") as file:
            return hdf5.get(file, "fold")


def write_objects(
    path: Path,
    ids: np.ndarray,
    meshes: Sequence[ColoredMesh],
    folds: np.ndarray,
    **attributes: object,
) -> None:
    """Write an `Objects` file; empty objects are kept, as such.

    Parameters
    ----------
    path : Path
    ids : ndarray, (n,)
        Test stimuli, each once.
    meshes : sequence of ColoredMesh, n
    folds : ndarray, (n,) int
    **attributes
        Of the file: method, subject, split, dataset, kind.

    Raises
    ------
    BrainvisError
        Numbers of stimuli, meshes and folds that differ, or a stimulus given twice.
    """
    if not len(ids) == len(meshes) == len(folds) or len(set(map(str, ids))) != len(ids):
        raise BrainvisError(
            "needs one mesh and one fold for each different stimulus",
            file=path,
            field="ids",
            found=f"{len(ids)} stimuli, {len(meshes)} meshes, {len(folds)} folds",
        )
    counts = {"vertex": [len(m.vertices) for m in meshes], "face": [len(m.faces) for m in meshes]}
    with hdf5.create(path, {"schema": "objects", **attributes}) as file:
        hdf5.put(file, "ids", np.asarray(ids, dtype=str))
        hdf5.put(file, "fold", np.asarray(folds, dtype=np.int32))
        hdf5.put(file, "status", np.array([m.status for m in meshes], dtype=f"U{len(EMPTY)}"))
        for name, (_, dtype) in _PARTS.items():
            flat = [np.asarray(getattr(mesh, name), dtype=dtype) for mesh in meshes]
            joined = np.concatenate([np.zeros((0, 3), dtype), *flat])
            hdf5.put(file, name, joined, compress=True)
        for kind, numbers in counts.items():
            hdf5.put(file, f"{kind}_start", np.cumsum([0, *numbers]).astype(np.int64))


def collapsed(statuses: Sequence[str]) -> bool:
    """Whether not one object of a set has a surface: a sign of a wrong checkpoint."""
    return len(statuses) > 0 and OK not in set(map(str, statuses))
