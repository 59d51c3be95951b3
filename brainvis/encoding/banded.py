"""Banded ridge: one penalty per feature space and voxel, and what each space explains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from sklearn.base import BaseEstimator
from tqdm import tqdm

from brainvis.encoding.arrays import Arrays
from brainvis.encoding.folds import Fold, make_folds
from brainvis.encoding.gram import Gram, Products, fold_scores
from brainvis.encoding.ridge import (
    ALPHAS,
    SCORINGS,
    ColumnSource,
    batches,
    best_alpha,
    centred_responses,
    check_choice,
    checked_alphas,
    checked_features,
)
from brainvis.encoding.scores import split_r, split_r2
from brainvis.errors import BrainvisError

_GAIN = np.finfo(np.float32).eps  # a later draw must beat the best so far by more than rounding


class BandedRidge(BaseEstimator):
    """Ridge regression on several feature spaces, each with its own penalty per voxel.

    Random search (Dupré la Tour et al. 2022, doi 10.1016/j.neuroimage.2022.119728): shares gamma
    of the spaces are drawn on the simplex, every penalty alpha is tried with each draw, and a
    voxel keeps the pair of best mean score over folds. The penalty on space b is alpha / gamma_b.

    Parameters
    ----------
    alphas, folds, scoring, device, dtype, progress
        As in `VoxelwiseRidge`.
    draws : int or (d, bands) array
        Number of draws, or the draws themselves, every row summing to 1. Drawn ones begin with
        equal shares and with each space alone.
    concentration : sequence of float
        Of the Dirichlet distributions, in turn; small ones favour single spaces.
    seed : int
        Of the draws.
    voxels_batch : int
        Voxels held in working memory at once; the decompositions are repeated for each batch.

    Attributes
    ----------
    bands_ : list of str
        Names of the spaces, in the order of the mapping given to `fit`.
    slices_ : dict of str to slice
        Rows of `coef_` of each space.
    coef_ : (p, v) float32, intercept_ : (v,) float32
    gamma_ : (bands, v) float64, alpha_ : (v,) float64
        The chosen pair.
    band_alphas_ : (bands, v) float64
        Penalty of each space, infinite where the space is left out.
    cv_scores_ : (d, v) float32
        Mean score over folds of each draw, at its best penalty.
    """

    def __init__(
        self,
        alphas: Sequence[float] = ALPHAS,
        folds: int | Sequence[Fold] = 5,
        *,
        draws: int | np.ndarray = 60,
        concentration: Sequence[float] = (0.1, 1.0),
        seed: int = 0,
        scoring: str = "mse",
        voxels_batch: int = 10_000,
        device: str | None = None,
        dtype: str = "float32",
        progress: bool = True,
    ) -> None:
        self.alphas = alphas
        self.folds = folds
        self.draws = draws
        self.concentration = concentration
        self.seed = seed
        self.scoring = scoring
        self.voxels_batch = voxels_batch
        self.device = device
        self.dtype = dtype
        self.progress = progress

    def fit(
        self, spaces: Mapping[str, np.ndarray], Y: ColumnSource, groups: np.ndarray | None = None
    ) -> BandedRidge:
        """Choose the penalties and fit the weights.

        Parameters
        ----------
        spaces : mapping of name to (n, p_b) array
            Features of the training trials in each space.
        Y : (n, v) array or h5py dataset
            Responses; read in batches of columns.
        groups : (n,) array, optional
            Stimulus or run of each row; no group is split between training and test rows.

        Raises
        ------
        BrainvisError
            As `VoxelwiseRidge.fit`, and where draws are not on the simplex.
        """
        if not spaces:
            raise BrainvisError("banded ridge needs a feature space", field="spaces", found=0)
        self.bands_ = list(spaces)
        ends = np.cumsum([0, *(np.shape(X)[1] for X in spaces.values())])
        self.slices_ = {b: slice(*ends[i : i + 2].tolist()) for i, b in enumerate(self.bands_)}
        X = checked_features(_stacked(spaces), Y)
        alphas = checked_alphas(self.alphas)
        check_choice("scoring", self.scoring, SCORINGS)
        folds = make_folds(len(X), self.folds, groups)
        gammas = draw_shares(self.draws, len(spaces), self.concentration, self.seed)
        arrays = Arrays(self.device)
        gram = Gram(X, list(self.slices_.values()), arrays=arrays)
        v = Y.shape[1]
        self.coef_ = np.empty((X.shape[1], v), dtype=np.float32)
        self.intercept_ = np.empty(v, dtype=np.float32)
        self.cv_scores_ = np.empty((len(gammas), v), dtype=np.float32)
        self.alpha_, self.gamma_ = np.empty(v), np.empty((len(spaces), v))
        for batch in batches(v, self.voxels_batch, "banded ridge", self.progress):
            centred, mean = centred_responses(Y, batch, arrays)
            total, products = gram.products(centred, folds)
            draw, penalty = self._search(gram, folds, products, alphas, gammas, batch)
            for chosen in np.unique(draw):
                voxels = np.flatnonzero(draw == chosen)
                left, shrink = gram.factor_all(alphas, gammas[chosen])
                coordinates = arrays.put(shrink[penalty[voxels]].T) * (left.T @ total[:, voxels])
                coef = arrays.get(gram.weights(left, coordinates, gammas[chosen]))
                self.coef_[:, batch.start + voxels] = coef
                self.intercept_[batch.start + voxels] = mean[voxels] - gram.mean @ coef
            self.alpha_[batch], self.gamma_[:, batch] = alphas[penalty], gammas[draw].T
        with np.errstate(divide="ignore"):
            self.band_alphas_ = self.alpha_ / self.gamma_
        return self

    def _search(
        self,
        gram: Gram,
        folds: list[Fold],
        products: list[Products],
        alphas: np.ndarray,
        gammas: np.ndarray,
        batch: slice,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Index of the best draw and of its best penalty for each voxel of a batch."""
        size = batch.stop - batch.start
        top = np.full(size, -np.inf)
        draw, penalty = np.zeros(size, dtype=int), np.zeros(size, dtype=int)
        hidden = None if self.progress else True
        for number, gamma in enumerate(tqdm(gammas, desc="draws", disable=hidden, leave=False)):
            scores = np.zeros((len(alphas), size))
            for fold, product in zip(folds, products, strict=True):
                factor = gram.factor(fold, alphas, gamma, self.dtype)
                scores += fold_scores(factor, product, self.scoring, gram.arrays, self.dtype)
            scores /= len(folds)
            best = best_alpha(scores, alphas)
            score = scores[best, np.arange(size)]
            self.cv_scores_[number, batch] = score
            better = score > top + _GAIN
            top[better], draw[better], penalty[better] = score[better], number, best[better]
        return draw, penalty

    def predict(
        self, spaces: Mapping[str, np.ndarray], voxels: slice = slice(None), *, split: bool = False
    ) -> np.ndarray:
        """Predicted responses (n, v), or with `split` the part of each space (bands, n, v).

        The parts leave the intercept out; their sum plus `intercept_` is the prediction.
        """
        if list(spaces) != self.bands_:
            raise BrainvisError(
                "feature spaces differ from those fitted",
                found=list(spaces),
                remedy=f"give {self.bands_} in this order",
            )
        X = _stacked(spaces)
        if X.shape[1] != len(self.coef_):
            raise BrainvisError("features do not fit the model", found=X.shape)
        X = X.astype(np.float32, copy=False)
        if not split:
            return X @ self.coef_[:, voxels] + self.intercept_[voxels]
        return np.stack([X[:, s] @ self.coef_[s, voxels] for s in self.slices_.values()])

    def split_scores(
        self, spaces: Mapping[str, np.ndarray], Y: ColumnSource, metric: str = "r2"
    ) -> np.ndarray:
        """Share of each space in the held-out score (bands, v), by the product measure.

        Parameters
        ----------
        spaces : mapping of name to (n, p_b) array
            Features of held-out trials.
        Y : (n, v) array or h5py dataset
            Their responses.
        metric : {"r2", "correlation"}
            The sum over spaces is the R2, or the Pearson r, of the whole prediction.
        """
        check_choice("metric", metric, ("r2", "correlation"))
        out = np.empty((len(self.bands_), Y.shape[1]), dtype=np.float32)
        step = max(self.voxels_batch // (4 * len(self.bands_)), 1)
        for batch in batches(Y.shape[1], step, "split scores", self.progress):
            parts, truth = self.predict(spaces, batch, split=True), np.asarray(Y[:, batch])
            if metric == "correlation":
                out[:, batch] = split_r(truth, parts)
            else:
                out[:, batch] = split_r2(truth, parts, self.intercept_[batch])
        return out


def draw_shares(
    draws: int | np.ndarray, bands: int, concentration: Sequence[float], seed: int
) -> np.ndarray:
    """Shares of the feature spaces on the simplex, (draws, bands) float64.

    Raises
    ------
    BrainvisError
        When given shares are negative or do not sum to 1, or the number is not positive.
    """
    if not isinstance(draws, int | np.integer):
        shares = np.asarray(draws, dtype=np.float64)
        on_simplex = shares.ndim == 2 and shares.shape[1] == bands and (shares >= 0).all()
        if not on_simplex or not np.allclose(shares.sum(axis=1), 1):
            raise BrainvisError(
                f"must be rows of {bands} shares that sum to 1", field="draws", found=shares.shape
            )
        return shares
    if draws < 1 or not len(concentration) or min(concentration) <= 0:
        raise BrainvisError(
            "must be positive", field="draws, concentration", found=(draws, tuple(concentration))
        )
    rng = np.random.default_rng(seed)
    fixed = np.vstack([np.full(bands, 1 / bands), np.eye(bands)]) if bands > 1 else np.ones((1, 1))
    kinds = [np.full(bands, c) for c in concentration]
    drawn = [rng.dirichlet(kinds[i % len(kinds)]) for i in range(draws - len(fixed))]
    return np.vstack([fixed, *drawn])[:draws]


def _stacked(spaces: Mapping[str, np.ndarray]) -> np.ndarray:
    """Features of all spaces side by side, (n, p)."""
    found = {name: np.shape(X) for name, X in spaces.items()}
    if len({shape[0] for shape in found.values()}) != 1 or {len(s) for s in found.values()} != {2}:
        raise BrainvisError("feature spaces must be (trials, features)", found=found)
    return np.concatenate([np.asarray(X) for X in spaces.values()], axis=1)
