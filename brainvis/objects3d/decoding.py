"""Stage: objects of the test stimuli of a split, by every method and baseline of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from brainvis.containers import Features
from brainvis.datasets.splits import Fold, checked
from brainvis.errors import BrainvisError
from brainvis.objects3d.base import ObjectGenerator
from brainvis.objects3d.conditions import (
    Sources,
    colors,
    condition,
    decoded_images,
    picked,
    seeds_of,
)
from brainvis.objects3d.files import write_objects
from brainvis.objects3d.mesh import ColoredMesh
from brainvis.objects3d.refine import refine
from brainvis.objects3d.registry import open_object_generator
from brainvis.objects3d.shape_prior import ShapePrior
from brainvis.objects3d.true_shapes import TrueShapes


@dataclass(frozen=True)
class Maker:
    """What methods make objects from.

    Attributes
    ----------
    generator : ObjectGenerator
    sources : Sources
    shapes : TrueShapes or None
        True objects of training stimuli.
    latents : Features or None
        Shape latents of training stimuli.
    seed : int
    """

    generator: ObjectGenerator
    sources: Sources
    shapes: TrueShapes | None
    latents: Features | None
    seed: int

    def objects(self, method: dict[str, Any], fold: Fold) -> list[ColoredMesh]:
        """Objects of the test stimuli of a fold; only shapes of its training stimuli are read.

        Raises
        ------
        BrainvisError
            Files that the method needs and that are missing or do not fit.
        """
        test = np.array(fold.test)
        match method["kind"]:
            case "decoded":
                return self._decoded(method, test)
            case "image-only":
                vectors = picked(self.sources.image_vectors, method["image"], "image features")
                return self._generated(vectors, self._images(method["image"], test), test)
            case "ceiling":
                stimuli = self.sources.stimuli
                return self._generated(self.sources.true, stimuli.images(stimuli.rows(test)), test)
            case "mean-shape":
                return self._prior().decode(self._mean(np.array(fold.train))[None]) * len(test)
            case "category-mean":
                return self._category_means(method["vectors"], fold)
            case "nearest-training":
                return self._nearest(method["vectors"], fold)
        raise BrainvisError("unknown kind of method", field="kind", found=method["kind"])

    def _generated(
        self, vectors: Features, images: np.ndarray | None, ids: np.ndarray
    ) -> list[ColoredMesh]:
        given = condition(vectors, ids, self.generator)
        low = None if images is None else colors(images, self.generator)
        return self.generator.generate(given, seeds_of(self.sources.stimuli, ids, self.seed), low)

    def _decoded(self, method: dict[str, Any], ids: np.ndarray) -> list[ColoredMesh]:
        vectors = picked(self.sources.vectors, method["vectors"], "decoded features")
        name = method["appearance"]
        images = None if name is None else self._images(name, ids)
        if not method["refined"] or images is None:
            return self._generated(vectors, images, ids)
        prior = self._prior()
        seeds = seeds_of(self.sources.stimuli, ids, self.seed)
        start = prior.latents(condition(vectors, ids, prior), seeds, colors(images, prior))
        moved = [
            refine(prior.autoencoder, latent, image).latent
            for latent, image in zip(tqdm(start, desc="refine", disable=None), images, strict=True)
        ]
        return prior.decode(np.stack(moved))

    def _images(self, name: str, ids: np.ndarray) -> np.ndarray:
        return decoded_images(picked(self.sources.images, name, "decoded images"), ids)

    def _prior(self) -> ShapePrior:
        if not isinstance(self.generator, ShapePrior):
            raise BrainvisError(
                "mean shapes and refinement need a generator with shape latents",
                field="objects.generator",
                found=self.generator.name,
                remedy="leave these methods out with Shap-E",
            )
        return self.generator

    def _mean(self, ids: np.ndarray) -> np.ndarray:
        if self.latents is None:
            raise BrainvisError("mean shapes need shape latents", field="latents", found="none")
        return self.latents.pooled(ids).mean(axis=0)

    def _category_means(self, name: str, fold: Fold) -> list[ColoredMesh]:
        train = np.array(fold.train)
        stimuli, true = self.sources.stimuli, self.sources.true
        category = stimuli.table["category"].to_numpy(str)[stimuli.rows(train)]
        names = np.unique(category)
        known = true.pooled(train)
        means = np.stack([known[category == one].mean(axis=0) for one in names])
        nearest = self._match(name, fold, means)
        made = {
            number: self._prior().decode(self._mean(train[category == names[number]])[None])[0]
            for number in np.unique(nearest)
        }
        return [made[number] for number in nearest]

    def _nearest(self, name: str, fold: Fold) -> list[ColoredMesh]:
        if self.shapes is None:
            raise BrainvisError("nearest shapes need meshes", field="meshes", found="none")
        train = np.array(fold.train)
        nearest = self._match(name, fold, self.sources.true.pooled(train))
        made = {one: self.shapes.mesh(str(train[one])) for one in np.unique(nearest)}
        return [made[number] for number in nearest]

    def _match(self, name: str, fold: Fold, known: np.ndarray) -> np.ndarray:
        """Row of `known` with the highest cosine to each decoded vector, (n,) int."""
        vectors = picked(self.sources.vectors, name, "decoded features")
        decoded = vectors.pooled(np.array(fold.test))
        return (decoded @ (known / np.linalg.norm(known, axis=1, keepdims=True)).T).argmax(axis=1)


def decode_objects(
    generator: Path,
    split: Sequence[Fold],
    methods: dict[str, dict[str, Any]],
    outs: dict[str, Path],
    sources: Sources,
    *,
    subject: str,
    split_name: str = "main",
    meshes: Path | None = None,
    latents: Path | None = None,
    seed: int = 0,
) -> None:
    """Write an `Objects` file for each method.

    Parameters
    ----------
    generator : Path
        Generator folder.
    split : sequence of Fold
    methods : dict
        Settings of each method, see `brainvis.config.objects`.
    outs : dict
        File to write, by method.
    sources : Sources
    subject, split_name : str
    meshes : Path, optional
        Folder of the meshes of stimuli; training stimuli's alone are read.
    latents : Path, optional
        `Features` of shape latents; training stimuli's alone are read.
    seed : int

    Raises
    ------
    BrainvisError
        Files that are missing or do not belong together.
    """
    folds = checked(list(split), sources.stimuli.ids)
    maker = Maker(
        open_object_generator(generator),
        sources,
        None if meshes is None else TrueShapes.open(meshes, sources.stimuli),
        None if latents is None else Features.open(latents),
        seed,
    )
    ids = np.array([name for fold in folds for name in fold.test])
    numbers = np.repeat(np.arange(len(folds)), [len(fold.test) for fold in folds])
    table = sources.stimuli.attributes
    for name, out in tqdm(outs.items(), desc="objects", disable=None):
        made = [mesh for fold in folds for mesh in maker.objects(methods[name], fold)]
        write_objects(
            out, ids, made, numbers, method=name, subject=subject, split=split_name,
            dataset=str(table.get("dataset", "")), kind=sources.stimuli.kind,
            generator=maker.generator.name,
        )  # fmt: skip
