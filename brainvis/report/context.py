"""Everything a section may read: the opened artifacts of a run and the choices of the report."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from brainvis.artifacts import hdf5
from brainvis.clusters.stage import Clusters
from brainvis.containers import Reconstructions, Responses, Stimuli
from brainvis.encoding.movie_files import MovieScores
from brainvis.encoding.selectivity import Selectivity
from brainvis.errors import BrainvisError
from brainvis.evaluate.summary import ALL
from brainvis.report.objects import ObjectResults


@dataclass(frozen=True)
class Choices:
    """What the report shows first.

    Attributes
    ----------
    method, split : str or None
        Headline method (else the best decoder by `metric`) and split (else the first).
    metric : str
        Headline metric.
    order_by : str
        Metric that picks best, median and worst examples.
    examples : int
        Best, median and worst examples, each.
    random_examples : int
        Examples drawn at random.
    seed : int
    show : tuple of str
        Methods in the grids of images, from the top; all where none is named.
    """

    method: str | None = None
    split: str | None = None
    metric: str = "pixel_two_way"
    order_by: str = "pixel_correlation"
    examples: int = 3
    random_examples: int = 9
    seed: int = 0
    show: tuple[str, ...] = ()


@dataclass(frozen=True)
class VoxelScores:
    """How well each encoder predicts each voxel of one subject.

    HDF5 layout, v voxels: ``/voxels`` as in `Responses`; ``/r/<method>`` (v,) float32, correlation
    over held-out stimuli divided by the noise ceiling, NaN where that is too low.

    Attributes: schema "encoding-scores", kind, subject.
    """

    path: Path
    voxels: pd.DataFrame
    r: dict[str, np.ndarray]
    attributes: dict[str, object]

    @classmethod
    def open(cls, path: str | Path) -> VoxelScores:
        path = Path(path)
        with hdf5.opened(path, schema="encoding-scores") as file:
            voxels = hdf5.get_table(file, "voxels")
            attributes: dict[str, object] = dict(file.attrs)
            group = file.get("r")
            names = [str(name) for name in group] if isinstance(group, h5py.Group) else []
            r: dict[str, np.ndarray] = {name: hdf5.at(file, f"r/{name}")[...] for name in names}
        found = {name: values.shape for name, values in r.items()}
        if not found or set(found.values()) != {(len(voxels),)}:
            raise BrainvisError(
                f"does not hold a value of each of {len(voxels)} voxels",
                file=path,
                field="r",
                found=found,
            )
        return cls(path, voxels, r, attributes)

    @property
    def subject(self) -> str:
        return str(self.attributes["subject"])


@dataclass(frozen=True)
class Context:
    """Opened artifacts of one run; sections read it and change nothing."""

    title: str
    kind: str
    stimuli: Stimuli | None
    reconstructions: list[Reconstructions]
    scores: pd.DataFrame
    summary: pd.DataFrame
    responses: list[Responses]
    lineage: list[dict]
    config: dict
    choices: Choices
    protocols: pd.DataFrame | None = None
    retrieval: pd.DataFrame | None = None
    brain: pd.DataFrame | None = None
    budgets: pd.DataFrame | None = None
    differences: pd.DataFrame | None = None
    classification: pd.DataFrame | None = None
    recovery: pd.DataFrame | None = None
    encoders: pd.DataFrame | None = None
    encoder_voxels: list[VoxelScores] = field(default_factory=list)
    selectivity: list[Selectivity] = field(default_factory=list)
    clusters: pd.DataFrame | None = None
    atlas: Clusters | None = None
    video_scores: pd.DataFrame | None = None
    video_summary: pd.DataFrame | None = None
    video_protocols: pd.DataFrame | None = None
    movie_encoding: pd.DataFrame | None = None
    movie_voxels: list[MovieScores] = field(default_factory=list)
    videos: Path | None = None
    objects: ObjectResults | None = None

    @property
    def scored(self) -> bool:
        """Whether there are scores of any method."""
        return len(self.summary) > 0

    @property
    def split(self) -> str:
        """Split of the headline."""
        known = list(dict.fromkeys(self.summary["split"]))
        chosen = self.choices.split or ("main" if "main" in known else known[0])
        if chosen not in known:
            raise BrainvisError("no such split in the summary", field="split", found=chosen)
        return chosen

    def rows(self, *, subject: str | None = ALL, modality: str | None = None) -> pd.DataFrame:
        """Summary rows of the headline split, decoders first; `subject` None for every single."""
        rows = where(self.summary, split=self.split)
        rows = where(rows, subject=subject) if subject else rows.loc[rows["subject"] != ALL]
        if modality is not None:
            rows = where(rows, modality=modality)
        return decoders_first(rows)

    @property
    def metric(self) -> str:
        """Headline metric, or the first that was computed."""
        known = list(dict.fromkeys(self.rows()["metric"]))
        return self.choices.metric if self.choices.metric in known else known[0]

    def headline(self) -> dict[str, Any]:
        """Summary row of the headline method and metric over all subjects.

        Without a named method it is the decoder with the best mean; ties go to the better one by
        `order_by`.
        """
        rows = where(self.rows(), metric=self.metric)
        if self.choices.method is not None:
            rows = where(rows, method=self.choices.method)
            if rows.empty:
                raise BrainvisError(
                    "no such method in the summary", field="method", found=self.choices.method
                )
        elif False in set(rows["baseline"]):
            rows = where(rows, baseline=False)
        second = {
            one["method"]: oriented(one)
            for one in records(self.rows())
            if one["metric"] == self.choices.order_by
        }
        return max(
            records(rows), key=lambda one: (oriented(one), second.get(one["method"], -np.inf))
        )

    def values(self, method: str, metric: str, subject: str | None = None) -> pd.DataFrame:
        """Scores of the headline split, one row per stimulus and one column per subject."""
        chosen = where(self.scores, split=self.split, method=method, metric=metric)
        if subject is not None:
            chosen = where(chosen, subject=subject)
        return chosen.pivot_table(index="stimulus", columns="subject", values="value")


def where(table: pd.DataFrame, **equal: object) -> pd.DataFrame:
    """Rows whose columns equal the given values."""
    keep = np.ones(len(table), dtype=bool)
    for name, value in equal.items():
        keep &= table[name].to_numpy() == value
    return table.loc[keep]


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as dictionaries, in order."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def oriented(row: dict[str, Any]) -> float:
    """Mean of a summary row, with its sign changed where lower is better."""
    return row["mean"] if row["higher_is_better"] else -row["mean"]


def decoders_first(rows: pd.DataFrame) -> pd.DataFrame:
    """Summary rows with those of baselines last, else in their order."""
    return rows.sort_values("baseline", kind="stable")
