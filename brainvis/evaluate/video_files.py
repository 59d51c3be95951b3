"""Files that hold decoded flow, flow targets or made clips, read alike."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from brainvis.artifacts import hdf5
from brainvis.containers import read_rows, row_numbers
from brainvis.errors import BrainvisError

FLOW, CLIPS, TARGETS = "decoded-flow", "clips", "flow-targets"


@dataclass(frozen=True)
class Items:
    """Arrays of one file, a row per stimulus.

    HDF5 layout: ``/ids`` (n,), and by schema ``/flow`` (n, k, g, g, 2) float32 ("decoded-flow",
    "flow-targets" with ``/mask`` (n, k, g, g)) or ``/clips`` (n, frames, height, width, 3) uint8.
    """

    path: Path
    ids: np.ndarray
    attributes: dict[str, object]

    @classmethod
    def open(cls, path: str | Path, *schemas: str) -> Items:
        """Open a file of one of the given schemas.

        Raises
        ------
        BrainvisError
            Another schema, or no stimulus.
        """
        path = Path(path)
        with hdf5.opened(path) as file:
            found = str(file.attrs.get("schema"))
            if found not in schemas:
                raise BrainvisError(
                    "holds something else", file=path, field="schema", found=found,
                    remedy=f"give a file of {' or '.join(schemas)}",
                )  # fmt: skip
            ids = hdf5.get(file, "ids")
            if not len(ids):
                raise BrainvisError("holds no stimulus", file=path, field="ids", found=0)
            return cls(path, ids, dict(file.attrs))

    @property
    def baseline(self) -> bool:
        """Whether its maker knew nothing of the brain."""
        return bool(self.attributes.get("baseline", False))

    def read(self, name: str, ids: np.ndarray) -> np.ndarray:
        """Rows of a dataset for the given stimuli, in their order."""
        rows = row_numbers(np.asarray(self.ids, dtype=str), ids, self.path)
        return read_rows(self.path, name, rows, schema=str(self.attributes["schema"]))
