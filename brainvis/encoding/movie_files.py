"""The files of movie encoding scores."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from brainvis.artifacts import hdf5
from brainvis.errors import BrainvisError

SCHEMA = "encoding-scores"
MAPS = ("r", "explained", "q", "share", "difference", "difference_low", "difference_high")
# of the table, a row per space and region
COLUMNS = ("subject", "space", "roi", "voxels", "threshold", "r", "r_low", "r_high", "raw_r")
COLUMNS += ("explained", "ceiling", "chance", "p", "share", "minus_image", "minus_image_low")
COLUMNS += ("minus_image_high", "training_volumes", "test_volumes")


@dataclass(frozen=True)
class MovieScores:
    """Scores of each feature space in each voxel of one subject.

    HDF5 layout, v voxels, n test clips, s bootstrap samples:

    - ``/voxels`` as in `Responses`
    - ``/r/<space>`` correlation on held-out segments over the square root of the noise ceiling,
      ``/explained/<space>`` variance explained over the ceiling, ``/q/<space>`` (permuted blocks,
      Benjamini-Hochberg), ``/share/<space>`` what banded ridge attributes to the space of the
      variance explained, over the ceiling; each (v,) float32, NaN where the ceiling is too low
    - ``/difference/<space>`` r minus that of the image space, with ``/difference_low`` and
      ``/difference_high`` (95 %), and ``/samples/<space>`` (s, v) float16 its bootstrap samples
    - ``/ids`` (n,) test clips; ``/likelihood/<space>`` (n, n) float64, log-likelihood of the series
      measured after each clip (columns) under each candidate (rows)

    Attributes: schema "encoding-scores", subject, dataset, split, kind, image, delays, threshold,
    training_volumes, test_volumes.
    """

    path: Path
    voxels: pd.DataFrame
    ids: np.ndarray
    maps: dict[str, dict[str, np.ndarray]]
    likelihood: dict[str, np.ndarray]
    attributes: dict[str, object] = field(default_factory=dict)

    @classmethod
    def open(cls, path: str | Path) -> MovieScores:
        """Read everything but the bootstrap samples.

        Raises
        ------
        BrainvisError
            Another kind of file, or scores of images.
        """
        path = Path(path)
        with hdf5.opened(path, schema=SCHEMA) as file:
            if "likelihood" not in file:
                raise BrainvisError(
                    "holds no scores of a movie", file=path, field="likelihood",
                    found=sorted(file), remedy="give a file that `brainvis movie encode` wrote",
                )  # fmt: skip
            return cls(
                path,
                hdf5.get_table(file, "voxels"),
                hdf5.get(file, "ids"),
                {name: _group(file, name) for name in MAPS},
                _group(file, "likelihood"),
                dict(file.attrs),
            )

    def samples(self, space: str) -> np.ndarray:
        """Bootstrap samples of the difference from the image space, (s, v) float32."""
        with hdf5.opened(self.path, schema=SCHEMA) as file:
            return hdf5.at(file, f"samples/{space}")[...].astype(np.float32)

    @property
    def subject(self) -> str:
        return str(self.attributes["subject"])


def _group(file: h5py.File, name: str) -> dict[str, np.ndarray]:
    group = file.get(name)
    names = [str(one) for one in group] if isinstance(group, h5py.Group) else []
    return {one: hdf5.at(file, f"{name}/{one}")[...] for one in names}


def write_movie_scores(
    path: Path,
    voxels: pd.DataFrame,
    ids: np.ndarray,
    groups: dict[str, dict[str, np.ndarray]],
    **attributes: object,
) -> None:
    """Write a `MovieScores` file; `groups` are its groups of arrays by name and space."""
    with hdf5.create(path, {"schema": SCHEMA, **attributes}) as file:
        hdf5.put_table(file, "voxels", voxels)
        hdf5.put(file, "ids", np.asarray(ids, dtype=str))
        for name, arrays in groups.items():
            group = file.create_group(name)
            kind = {"samples": np.float16, "likelihood": np.float64}.get(name, np.float32)
            for space, values in arrays.items():
                hdf5.put(group, space, values.astype(kind))
