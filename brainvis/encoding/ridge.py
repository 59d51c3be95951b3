"""Voxelwise ridge regression: one penalty per voxel, chosen by grouped cross-validation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from sklearn.base import BaseEstimator
from tqdm import tqdm

from brainvis.encoding.arrays import Array, Arrays
from brainvis.encoding.folds import Fold, make_folds
from brainvis.encoding.gram import Gram, fold_scores
from brainvis.errors import BrainvisError

ALPHAS = tuple(10.0 ** np.arange(-2, 8))
SCORINGS = ("mse", "r2", "correlation")
FORMS = ("auto", "primal", "kernel")
_TIE = 1e-10  # himalaya's slope: of equal scores the larger penalty wins


class ColumnSource(Protocol):
    """Responses that can be read a batch of voxels at a time: an array, an h5py dataset."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __getitem__(self, index: Any, /) -> Any: ...


@dataclass(frozen=True)
class Rows:
    """Some rows (trials) of a `ColumnSource`, still read a batch of voxels at a time."""

    source: ColumnSource
    rows: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.rows), *self.source.shape[1:])

    def __getitem__(self, index: tuple[slice, slice]) -> np.ndarray:
        rows, voxels = index
        return np.asarray(self.source[:, voxels])[self.rows[rows]]


class VoxelwiseRidge(BaseEstimator):
    """Ridge regression with an intercept, and one penalty per voxel.

    The penalty of a voxel is the one of best mean score over folds; the weights are then refit on
    all rows. Cross-validation runs on downdated Gram matrices (see `brainvis.encoding.gram`).
    With ``scoring="mse"`` and integer `folds` the rule, and so the penalty chosen, is that of
    ``himalaya.ridge.RidgeCV(fit_intercept=True)``. Working memory is a float64 copy of X, one
    min(n, p)-sized square matrix a fold, and one batch of voxels.

    Parameters
    ----------
    alphas : (a,) sequence of positive float
        Penalties to choose from, on the squared weights: |Y - XW - b|^2 + alpha |W|^2.
    folds : int or sequence of (train, test)
        Number of folds (contiguous, or whole groups where `fit` is given groups), or row numbers.
    scoring : {"mse", "r2", "correlation"}
        What is averaged over folds to choose the penalty.
    form : {"auto", "primal", "kernel"}
        Whether to decompose p x p or n x n matrices; "auto" takes the smaller.
    voxels_batch : int
        Voxels held in working memory at once.
    device : str, optional
        Torch device ("cuda", "cpu"); numpy on the CPU by default.
    dtype : {"float32", "float64"}
        Precision of the scores of cross-validation; decompositions and refit are float64.
    progress : bool
        Show a progress bar on a terminal.

    Attributes
    ----------
    coef_ : (p, v) float32
    intercept_ : (v,) float32
    alpha_ : (v,) float64
        Chosen penalty.
    cv_scores_ : (a, v) float32
        Mean score over folds of every penalty.
    """

    def __init__(
        self,
        alphas: Sequence[float] = ALPHAS,
        folds: int | Sequence[Fold] = 5,
        *,
        scoring: str = "mse",
        form: str = "auto",
        voxels_batch: int = 2000,
        device: str | None = None,
        dtype: str = "float32",
        progress: bool = True,
    ) -> None:
        self.alphas = alphas
        self.folds = folds
        self.scoring = scoring
        self.form = form
        self.voxels_batch = voxels_batch
        self.device = device
        self.dtype = dtype
        self.progress = progress

    def fit(
        self, X: np.ndarray, Y: ColumnSource, groups: np.ndarray | None = None
    ) -> VoxelwiseRidge:
        """Choose the penalties and fit the weights.

        Parameters
        ----------
        X : (n, p) array
            Features of the training trials.
        Y : (n, v) array or h5py dataset
            Responses; read in batches of columns.
        groups : (n,) array, optional
            Stimulus or run of each row; no group is split between training and test rows.

        Raises
        ------
        BrainvisError
            On unequal lengths, values that are not finite, folds that overlap or are empty.
        """
        X, alphas = checked_features(X, Y), checked_alphas(self.alphas)
        check_choice("scoring", self.scoring, SCORINGS)
        check_choice("form", self.form, FORMS)
        folds = make_folds(len(X), self.folds, groups)
        arrays = Arrays(self.device)
        gram = Gram(X, form=self.form, arrays=arrays)
        factors = [gram.factor(fold, alphas, dtype=self.dtype) for fold in folds]
        left, shrink = gram.factor_all(alphas)
        p, v = X.shape[1], Y.shape[1]
        self.coef_ = np.empty((p, v), dtype=np.float32)
        self.intercept_ = np.empty(v, dtype=np.float32)
        self.alpha_ = np.empty(v)
        self.cv_scores_ = np.empty((len(alphas), v), dtype=np.float32)
        for batch in batches(v, self.voxels_batch, "ridge", self.progress):
            centred, mean = centred_responses(Y, batch, arrays)
            total, products = gram.products(centred, folds)
            scores = np.mean(
                [
                    fold_scores(factor, product, self.scoring, arrays, self.dtype)
                    for factor, product in zip(factors, products, strict=True)
                ],
                axis=0,
            )  # (a, batch)
            best = best_alpha(scores, alphas)
            coordinates = arrays.put(shrink[best].T) * (left.T @ total)  # (r, batch)
            coef = arrays.get(gram.weights(left, coordinates))
            self.coef_[:, batch], self.intercept_[batch] = coef, mean - gram.mean @ coef
            self.alpha_[batch], self.cv_scores_[:, batch] = alphas[best], scores
        return self

    def predict(self, X: np.ndarray, voxels: slice = slice(None)) -> np.ndarray:
        """Predicted responses, (n, v) float32, of all voxels or of a slice of them."""
        X = np.asarray(X, dtype=np.float32)
        if X.ndim != 2 or X.shape[1] != len(self.coef_):
            raise BrainvisError(
                "features do not fit the model",
                found=X.shape,
                remedy=f"give (trials, {len(self.coef_)})",
            )
        return X @ self.coef_[:, voxels] + self.intercept_[voxels]

    def score(self, X: np.ndarray, Y: ColumnSource) -> np.ndarray:
        """R2 of each voxel on held-out trials, (v,) float32."""
        from brainvis.encoding.scores import r2

        parts = [
            r2(np.asarray(Y[:, batch]), self.predict(X, batch))
            for batch in batches(Y.shape[1], self.voxels_batch, "score", False)
        ]
        return np.concatenate(parts)


def ridge_baseline(
    features: np.ndarray,
    betas: ColumnSource,
    n_images: int | None,
    seed: int,
    *,
    groups: np.ndarray | None = None,
    **settings: Any,
) -> tuple[VoxelwiseRidge, np.ndarray]:
    """Ridge on a random subset of images: Ridge-100, Ridge-300 or (None) all of them.

    The baselines of BraInCoRL (arXiv 2505.15813), with the intercept unpenalised and the weights
    refit on the whole subset. Subsets of one seed are nested.

    Parameters
    ----------
    features : (n, p) array
        Features of the training trials.
    betas : (n, v) array or h5py dataset
        Responses.
    n_images : int or None
        Number of images drawn.
    seed : int
        Of the draw.
    groups : (n,) array, optional
        Image of each row where images repeat; a drawn image brings all its rows.
    **settings
        Of `VoxelwiseRidge`.

    Returns
    -------
    model : VoxelwiseRidge
        Fitted.
    rows : (k,) int array
        The rows it was fitted on, in increasing order.
    """
    labels = np.arange(len(features)) if groups is None else np.asarray(groups)
    images = np.unique(labels)
    n_images = len(images) if n_images is None else n_images
    if not 2 <= n_images <= len(images):
        raise BrainvisError(
            "not a possible number of images",
            field="n_images",
            found=n_images,
            remedy=f"ask for 2 to {len(images)}",
        )
    drawn = np.random.default_rng(seed).permutation(images)[:n_images]
    rows = np.flatnonzero(np.isin(labels, drawn))
    model = VoxelwiseRidge(**settings)
    subset = None if groups is None else labels[rows]
    return model.fit(np.asarray(features)[rows], Rows(betas, rows), subset), rows


def best_alpha(scores: np.ndarray, alphas: np.ndarray) -> np.ndarray:
    """Index of the penalty of best score, (v,), the larger one of equals; scores are (a, v)."""
    return np.argmax(scores + _TIE * np.log(alphas)[:, None], axis=0)


def batches(v: int, size: int, desc: str, progress: bool) -> Iterator[slice]:
    """Slices of at most `size` voxels, with a progress bar."""
    if size < 1:
        raise BrainvisError("must be positive", field="voxels_batch", found=size)
    starts = range(0, v, size)
    for start in tqdm(starts, desc=desc, unit="batch", disable=None if progress else True):
        yield slice(start, min(start + size, v))


def centred_responses(Y: ColumnSource, batch: slice, arrays: Arrays) -> tuple[Array, np.ndarray]:
    """One batch of responses without its mean (n, batch) float64, and the mean (batch,)."""
    values = np.array(Y[:, batch], dtype=np.float64)
    mean = values.mean(axis=0)
    if not np.isfinite(mean).all():
        voxel = batch.start + int(np.flatnonzero(~np.isfinite(mean))[0])
        raise BrainvisError(
            "responses are not finite",
            field=f"voxel {voxel}",
            remedy="drop the voxels that have no signal, or repair the betas",
        )
    values -= mean
    return arrays.put(values), mean


def checked_features(X: np.ndarray, Y: ColumnSource) -> np.ndarray:
    """X as a finite 2-D array with as many rows as Y."""
    X = np.asarray(X)
    if X.ndim != 2 or len(Y.shape) != 2 or X.shape[0] != Y.shape[0] or 0 in X.shape:
        raise BrainvisError(
            "features and responses must be (trials, features) and (trials, voxels)",
            found=f"{X.shape} and {tuple(Y.shape)}",
        )
    if not np.isfinite(X).all():
        column = int(np.flatnonzero(~np.isfinite(X).all(axis=0))[0])
        raise BrainvisError("features are not finite", field=f"feature {column}")
    return X


def checked_alphas(alphas: Sequence[float]) -> np.ndarray:
    """Penalties as a float64 vector; all must be positive."""
    values = np.atleast_1d(np.asarray(alphas, dtype=np.float64))
    if values.ndim != 1 or not values.size or not (np.isfinite(values) & (values > 0)).all():
        raise BrainvisError("penalties must be positive", field="alphas", found=list(values))
    return values


def check_choice(field: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise BrainvisError("unknown", field=field, found=value, remedy=f"one of {choices}")
