"""Responses to movies: averaged BOLD of whole segments, and one response per clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from brainvis.artifacts import hdf5
from brainvis.containers import read_rows, row_numbers
from brainvis.errors import BrainvisError

SCHEMA = "movie-responses"
OFFSETS = (1, 2, 3, 4, 5)  # volumes after the clip's first: 2 to 12 s at a TR of 2 s
_CLIPS = ("stimulus_id", "segment", "onset", "duration", "row")


@dataclass(frozen=True)
class MovieResponses:
    """BOLD of one subject that watched movie segments, averaged over the passes of a segment.

    HDF5 layout, t volumes, c clips, v voxels:

    - ``/bold`` (t, v) float32: detrended, averaged over passes, z-scored with the mean and standard
      deviation of training segments' volumes
    - ``/volumes`` columns: segment (str), volume (int, 0-based in the segment), seconds (from its
      start), stimulus_id (clip on screen when the volume begins, "" for rest), cut (bool, a scene
      cut within the TR), repeats (int, passes averaged)
    - ``/clips`` columns: stimulus_id (unique), segment, onset and duration (s, in the segment), row
      (of ``/bold``: first volume that begins with or after the clip)
    - ``/betas`` (c, v) float32: response to each clip with that to its neighbours taken out,
      z-scored with training clips' statistics
    - ``/voxels`` as in `brainvis.containers.Responses`; noise_ceiling is that of a volume averaged
      over the passes of training segments

    Attributes: schema "movie-responses", dataset, subject, kind, tr (seconds).
    """

    path: Path
    volumes: pd.DataFrame
    clips: pd.DataFrame
    voxels: pd.DataFrame
    attributes: dict[str, object]

    @classmethod
    def open(cls, path: str | Path) -> MovieResponses:
        """Read the tables; arrays are read when asked for.

        Raises
        ------
        BrainvisError
            Not such a file, damaged, or arrays that do not match its tables.
        """
        path = Path(path)
        with hdf5.opened(path, schema=SCHEMA) as file:
            tables = [hdf5.get_table(file, name) for name in ("volumes", "clips", "voxels")]
            volumes, clips, voxels = tables
            for name, rows in (("bold", volumes), ("betas", clips)):
                if hdf5.at(file, name).shape != (len(rows), len(voxels)):
                    raise BrainvisError(
                        f"does not match its tables of {len(rows)} rows and {len(voxels)} voxels",
                        file=path,
                        field=name,
                        found=hdf5.at(file, name).shape,
                    )
            return cls(path, volumes, clips, voxels, dict(file.attrs))

    @property
    def kind(self) -> str:
        return str(self.attributes["kind"])

    @property
    def subject(self) -> str:
        return str(self.attributes["subject"])

    @property
    def tr(self) -> float:
        return float(self.attributes["tr"])  # pyright: ignore[reportArgumentType]

    @property
    def ids(self) -> np.ndarray:
        """Identifiers of all clips, (c,) str, in the order of ``/clips``."""
        return self.clips["stimulus_id"].to_numpy(dtype=str)

    def bold(self, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Volumes, (k, v) float32."""
        return read_rows(self.path, "bold", rows, schema=SCHEMA)

    def windows(self, ids: np.ndarray, offsets: Sequence[int] = OFFSETS) -> np.ndarray:
        """Volumes around each clip, (n, offsets, v) float32.

        Parameters
        ----------
        ids : (n,) str
        offsets : sequence of int
            Volumes from the clip's first. What lies beyond the segment's ends is its first or last
            volume repeated.

        Raises
        ------
        BrainvisError
            A clip that the subject did not see, or no offset.
        """
        if not len(offsets):
            raise BrainvisError("a window needs at least one volume", field="offsets", found="[]")
        first, last = self._ends(ids)
        rows = self.clips["row"].to_numpy()[self._numbers(ids)]
        wanted = rows[:, None] + np.asarray(offsets, dtype=int)[None]  # (n, offsets)
        wanted = np.clip(wanted, first[:, None], last[:, None])
        return self.bold(wanted.ravel()).reshape(*wanted.shape, -1)

    def responses(self, ids: np.ndarray) -> np.ndarray:
        """Response to each clip, (n, v) float32; see ``/betas``."""
        return read_rows(self.path, "betas", self._numbers(ids), schema=SCHEMA)

    def segments(self, ids: np.ndarray) -> np.ndarray:
        """Segment that shows each clip, (n,) str."""
        return self.clips["segment"].to_numpy(dtype=str)[self._numbers(ids)]

    def _numbers(self, ids: np.ndarray) -> np.ndarray:
        return row_numbers(self.ids, ids, self.path)

    def _ends(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """First and last row of the segments that show the clips."""
        names = self.volumes["segment"].to_numpy(dtype=str)
        known, first, count = np.unique(names, return_index=True, return_counts=True)
        place = np.searchsorted(known, self.segments(ids))
        return first[place], first[place] + count[place] - 1


def write_movie_responses(
    path: Path,
    bold: np.ndarray,
    betas: np.ndarray,
    *,
    volumes: pd.DataFrame,
    clips: pd.DataFrame,
    voxels: pd.DataFrame,
    **attributes,
) -> None:
    """Write a `MovieResponses` file.

    Raises
    ------
    BrainvisError
        A clip that is shown in two places: its response would have no one window.
    """
    twice = clips["stimulus_id"].duplicated().to_numpy()
    if twice.any():
        raise BrainvisError(
            "clip is shown in two segments or apart in one",
            field="stimulus_id",
            found=str(clips["stimulus_id"].to_numpy()[twice][0]),
            remedy="name clips by what is shown once, or keep one showing",
        )
    with hdf5.create(path, {"schema": SCHEMA, **attributes}) as file:
        hdf5.put(file, "bold", np.asarray(bold, dtype=np.float32))
        hdf5.put(file, "betas", np.asarray(betas, dtype=np.float32))
        hdf5.put_table(file, "volumes", volumes)
        hdf5.put_table(file, "clips", clips.reindex(columns=list(_CLIPS)))
        hdf5.put_table(file, "voxels", voxels)
