"""Telling from a reconstructed object alone which region was disordered.

What is seen of an object are small pictures from around it. The classifier is linear discriminant
analysis with a shrunk covariance (Ledoit & Wolf 2004) on their principal components; it is always
asked about objects that it did not learn from, in no condition.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from skimage.color import rgb2lab
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from brainvis.objects3d.mesh import EMPTY, ColoredMesh
from brainvis.objects3d.render import around, views

NONE = "empty"  # what is named where there is no object to look at
_VIEWS, _SIZE = 4, 24
_COMPONENTS = 60


def looks(meshes: Sequence[ColoredMesh]) -> np.ndarray:
    """Pictures of objects from around them, (n, views, size, size, 3) float32; empty ones white."""
    return np.stack([views(mesh, around(_VIEWS), size=_SIZE, samples=1) for mesh in meshes])


def mean_colors(meshes: Sequence[ColoredMesh]) -> np.ndarray:
    """Mean CIE Lab colour of the vertices, (n, 3); NaN of empty objects."""
    return np.stack([
        np.full(3, np.nan)
        if mesh.status == EMPTY
        else rgb2lab(mesh.colors[None] / 255.0)[0].mean(axis=0)
        for mesh in meshes
    ])  # fmt: skip


def diagnosed(
    pictures: np.ndarray, present: np.ndarray, regions: Sequence[str], *, folds: int, seed: int
) -> np.ndarray:
    """Regions named for every object and lesion, by a classifier trained on other objects.

    Parameters
    ----------
    pictures : ndarray, (regions, objects, ...)
        Of the object that came out with each region disordered.
    present : ndarray, (regions, objects) bool
        False for empty objects: nothing is learned from them, and they are named "empty".
    regions : sequence of str
    folds : int
        Of objects; at most as many as there are.
    seed : int
        Of the folds.

    Returns
    -------
    ndarray of str, (regions, objects)
    """
    count = pictures.shape[1]
    flat = pictures.reshape(len(regions), count, -1)
    order = np.random.default_rng([seed, 313]).permutation(count)
    fold = np.empty(count, int)
    fold[order] = np.arange(count) % min(folds, count)
    named = np.full(flat.shape[:2], NONE, dtype=object)
    labels = np.repeat(np.arange(len(regions))[:, None], count, axis=1)
    for number in range(fold.max() + 1):
        learn, asked = present & (fold != number), present & (fold == number)
        if len(set(labels[learn])) < 2 or not asked.any():
            continue
        named[asked] = np.asarray(regions, object)[
            _classified(flat[learn], labels[learn], flat[asked])
        ]
    return named.astype(str)


def _classified(known: np.ndarray, labels: np.ndarray, asked: np.ndarray) -> np.ndarray:
    count = max(1, min(_COMPONENTS, len(known) // 3, known.shape[1]))
    components = PCA(count, svd_solver="full").fit(known)
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    model.fit(components.transform(known), labels)
    return np.asarray(model.predict(components.transform(asked)))


def nearest_category(pictures: np.ndarray, known: np.ndarray, categories: np.ndarray) -> np.ndarray:
    """Category whose mean picture is nearest to each object's, (n,) str.

    Parameters
    ----------
    pictures : ndarray, (n, ...)
    known : ndarray, (m, ...)
        Of true training objects.
    categories : ndarray, (m,) str
    """
    names = np.unique(categories)
    flat = known.reshape(len(known), -1)
    means = np.stack([flat[categories == name].mean(axis=0) for name in names])
    away = ((pictures.reshape(len(pictures), 1, -1) - means) ** 2).sum(axis=2)
    return names[away.argmin(axis=1)]
