"""A run that has been made, opened for looking: `brainvis.open_run("results/demo")`.

Nothing is read before it is asked for, and arrays stay in their files until sliced.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from brainvis.artifacts import inspect
from brainvis.artifacts import manifest as manifests
from brainvis.artifacts.manifest import Manifest
from brainvis.config import RunConfig
from brainvis.containers import Features, Reconstructions, Responses, Stimuli
from brainvis.datasets import splits as split_files
from brainvis.datasets.splits import Fold
from brainvis.errors import BrainvisError
from brainvis.evaluate import table as tables
from brainvis.paths import Layout

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from brainvis.clusters.stage import Clusters


@dataclass(frozen=True)
class Run:
    """The artifacts of one run, by what they are.

    Attributes
    ----------
    root : Path
        Folder of the run, such as ``results/demo``.
    manifests : dict of str to Manifest
        What is known of every artifact, by its path below `root`.

    Examples
    --------
    >>> run = brainvis.open_run("results/demo")  # doctest: +SKIP
    >>> made = run.reconstructions("bayesian-linear", "01")  # doctest: +SKIP
    >>> made.images(slice(0, 4)).shape  # doctest: +SKIP
    (4, 64, 64, 3)
    """

    root: Path
    manifests: dict[str, Manifest]

    @property
    def layout(self) -> Layout:
        """Path of every artifact, whether it was made or not."""
        return Layout(self.root)

    @cached_property
    def kind(self) -> str:
        """ "simulated" or "measured"; a run is never both."""
        kinds = sorted({known.kind for known in self.manifests.values()})
        if len(kinds) != 1:
            raise BrainvisError(
                "holds data of more than one kind",
                file=self.root,
                field="kind",
                found=kinds,
                remedy="keep simulated and measured runs in folders of their own",
            )
        return kinds[0]

    @cached_property
    def config(self) -> dict:
        """The settings that shaped the artifacts, as their stages recorded them, nested as in YAML.

        Sections that no stage of this run read are absent.
        """
        found: dict = {"seed": next(iter(self.manifests.values())).seed}
        for known in self.manifests.values():
            for key, value in known.config.items():
                *sections, last = key.split(".")
                if (sections or [last])[0] in RunConfig.model_fields:
                    place = found
                    for section in sections:
                        place = place.setdefault(section, {})
                    place[last] = value
        return found

    @cached_property
    def subjects(self) -> list[str]:
        """Labels of the subjects, without ``sub-``."""
        return self._labels("responses", "sub", "responses", "betas")

    @cached_property
    def splits(self) -> dict[str, list[Fold]]:
        """Folds of each split; a fold lists the identifiers of its training and test stimuli."""
        path = Path(self.layout.splits)
        return {name: split_files.read(path, name) for name in self.config.get("splits", {})}

    @cached_property
    def methods(self) -> list[str]:
        """Methods that made images."""
        return self._labels("reconstructions", "method", "images")

    @cached_property
    def feature_methods(self) -> list[str]:
        """Methods that decoded feature vectors straight from responses."""
        return self._labels("decoded", "method", "features", without="space")

    @cached_property
    def cluster_methods(self) -> list[str]:
        """Ways in which voxels were clustered."""
        return self._labels("clusters", "method", "clusters")

    @cached_property
    def stimuli(self) -> Stimuli:
        """What the subjects saw."""
        return Stimuli.open(self.layout.stimuli)

    @cached_property
    def scores(self) -> pd.DataFrame:
        """One row per score of one stimulus; columns `brainvis.evaluate.table.COLUMNS`."""
        return tables.read(Path(self.layout.metrics("scores", ".parquet")))

    @cached_property
    def summary(self) -> pd.DataFrame:
        """Means with 95 % intervals, chance and tests against baselines; subject "all" for all."""
        return tables.read(Path(self.layout.metrics("summary", ".csv")))

    def responses(self, subject: str) -> Responses:
        """Normalised single-trial responses of a subject, with reliability per voxel."""
        return Responses.open(self._made("responses", subject, self.layout.responses(subject)))

    def betas(self, subject: str) -> Responses:
        """Single-trial betas of a subject before normalising."""
        return Responses.open(self._made("betas", subject, self.layout.betas(subject)))

    def features(self, space: str) -> Features:
        """Features of the stimuli in one feature space."""
        return Features.open(self._made("features", space, self.layout.features(space)))

    def reconstructions(self, method: str, subject: str, split: str = "main") -> Reconstructions:
        """Images that a method made of a subject's responses to the test stimuli of a split.

        Raises
        ------
        BrainvisError
            When the run has none; names the methods that it has.
        """
        path = self.layout.images(subject, split, method)
        wanted = f"method {method!r}, subject {subject!r}, split {split!r}"
        return Reconstructions.open(self._made("reconstructions", wanted, path, self.methods))

    def decoded(self, method: str, subject: str, split: str = "main") -> Features:
        """Feature vectors that a method decoded from a subject's responses to test stimuli.

        Raises
        ------
        BrainvisError
            When the run has none; names the methods that it has.
        """
        path = self.layout.decoded(subject, split, method)
        wanted = f"method {method!r}, subject {subject!r}, split {split!r}"
        return Features.open(self._made("decoded", wanted, path, self.feature_methods))

    def clusters(self, method: str, subject: str | None = None) -> Clusters:
        """Cluster of every voxel: of the trained subjects, or of the one named.

        Raises
        ------
        BrainvisError
            When the run has no such clusters, or `subject` no voxel in them.
        """
        from brainvis.clusters.stage import Clusters

        path = self.layout.clusters(method)
        if subject is not None:
            own = self.layout.assigned_clusters(subject, method)
            path = own if Path(own).is_file() else path
        found = Clusters.open(self._made("clusters", method, path, self.cluster_methods))
        found.hard(subject)  # refuses a subject without voxels
        return found

    def show(
        self,
        method: str,
        subject: str,
        count: int = 8,
        *,
        split: str = "main",
        ids: Sequence[str] | None = None,
    ) -> Figure:
        """Seen images above what a method made of them; the label says simulated or measured.

        Parameters
        ----------
        method, subject, split : str
            See `reconstructions`.
        count : int
            Stimuli to show: the first ones of the file, picked by nobody.
        ids : sequence of str, optional
            Show these test stimuli instead.

        Raises
        ------
        BrainvisError
            Unknown method or subject; a stimulus that was not reconstructed.
        """
        from brainvis.containers import row_numbers
        from brainvis.report.figures.grids import image_grid

        made = self.reconstructions(method, subject, split)
        chosen = made.ids[: max(count, 1)] if ids is None else np.asarray(ids, dtype=str)
        seen = self.stimuli.images(self.stimuli.rows(chosen))  # (count, height, width, 3)
        images = made.images(row_numbers(made.ids, chosen, made.path))
        heading = [(f"subject {subject}, test stimuli", len(chosen))]
        return image_grid(
            [("seen", seen), (method, images)], heading, list(map(str, chosen)), kind=self.kind
        )

    def _made(self, what: str, wanted: str, path: str, known: Sequence[str] | None = None) -> str:
        """The path, where there is such a file."""
        if Path(path).is_file():
            return path
        remedy = f"the run has {list(known)} of subjects {self.subjects}" if known else None
        raise BrainvisError(
            f"the run has no such {what}",
            file=path,
            found=f"no {wanted}",
            remedy=remedy or f"it has {sorted(n for n in self.manifests if f'{what}/' in n)[:6]}",
        )

    def _labels(self, folder: str, entity: str, *suffixes: str, without: str = "-") -> list[str]:
        """Values that an entity takes in the file names of a folder, sorted."""
        found = set()
        for path in map(Path, self.manifests):
            *pairs, suffix = path.stem.split("_")
            entities = dict(pair.split("-", 1) for pair in pairs if "-" in pair)
            if path.parent.name == folder and suffix in suffixes and without not in entities:
                found.update({entities[entity]} if entity in entities else ())
        return sorted(found)


def open_run(path: str | Path) -> Run:
    """Open the folder of a run.

    Parameters
    ----------
    path : path
        ``<output>/<run>``, such as ``results/demo``.

    Returns
    -------
    Run

    Raises
    ------
    BrainvisError
        When there is no such folder, or it is not that of a run with responses.
    """
    root = Path(path)
    remedy = "give the folder of a run, such as results/demo; `snakemake` makes it"
    if not root.is_dir():
        raise BrainvisError("no such folder", file=root, remedy=remedy)
    betas = [p for p in manifests.find(root / "responses") if p.suffix == ".h5"]
    if not betas:
        inside = sorted(child.parent.name for child in root.glob("*/responses"))
        if inside:
            remedy = f"open one of the runs in it: {inside}"
        raise BrainvisError(
            "is not the folder of a run: it has no responses/ with manifests",
            file=root,
            found=sorted(child.name for child in root.iterdir())[:8] or "an empty folder",
            remedy=remedy,
        )
    known = {made.relative_to(root).as_posix(): m for made, m in inspect.catalogue(root)}
    return Run(root, known)
