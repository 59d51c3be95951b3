"""Gram matrices of a design, and cross-validation folds got from them by downdating.

With features X (n, p) and responses Y (n, v), the cross-products X'X and X'Y are formed once in
float64; the training set of a fold is what remains when the block of its left-out rows is
subtracted. One eigendecomposition X'X = Q diag(w) Q' per fold then serves every penalty a, since
the weights are Q (w + a)^-1 Q' X'Y. The squared error of the fold follows from sums, without an
array of residuals: with U the coordinates of the weights in the eigenbasis, B = X_test Q and R
the triangle of B = OR,

    |Y - BU|^2 = |Y|^2 - 2 <B'Y, U> + |RU|^2.

Where there are fewer rows than features the same algebra runs on K = XX', indexed per fold.
Everything is centred on the training mean of its fold, so that the intercept is not penalised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from brainvis.encoding.arrays import Array, Arrays
from brainvis.encoding.folds import Fold

_Parts = tuple[Array, np.ndarray, Array, Array]  # left, eigenvalues, right, test design
_TRIANGLE_STEP = 128  # rows of the triangle R handled at once; what lies left of them is zero


@dataclass(frozen=True)
class Factor:
    """One training set in its eigenbasis, for every penalty (r eigenvalues, a penalties).

    Attributes
    ----------
    left : (m, r)
        Takes the training `Products` of a fold to the eigenbasis.
    shrink : (a, r)
        1 / (w + alpha); 0 in the null space, where the data say nothing.
    right : (m', r)
        Takes the test `Products` of a fold to the eigenbasis.
    triangle : (min(n_test, r), r)
        R of the test design in the eigenbasis.
    mean : (r,)
        Mean row of the test design in the eigenbasis.
    """

    left: Array
    shrink: Array
    right: Array
    triangle: Array
    mean: Array


@dataclass(frozen=True)
class Products:
    """What one fold must know of a batch of v voxels.

    Attributes
    ----------
    train, test : (m, v), (m', v)
        Cross-products X'Y (primal form) or the responses themselves (kernel form).
    n : int
        Number of test rows.
    total, square : (v,)
        Sum, and sum of squares, of the test responses after removing the training mean.
    """

    train: Array
    test: Array
    n: int
    total: np.ndarray
    square: np.ndarray


class Gram:
    """Cross-products of one design matrix, from which the folds are taken.

    Parameters
    ----------
    X : (n, p) array
        Features.
    bands : sequence of slice, optional
        Columns of each feature space; one band by default.
    form : {"auto", "primal", "kernel"}
        p x p or n x n matrices; "auto" takes the smaller.
    arrays : Arrays
        Numpy or torch.
    """

    def __init__(
        self,
        X: np.ndarray,
        bands: Sequence[slice] | None = None,
        form: str = "auto",
        arrays: Arrays | None = None,
    ) -> None:
        n, p = X.shape
        self.arrays = arrays or Arrays()
        self.bands = list(bands) if bands is not None else [slice(0, p)]
        self.primal = form == "primal" or (form == "auto" and p <= n)
        self.mean = X.mean(axis=0, dtype=np.float64)  # (p,)
        self.design = self.arrays.put(X) - self.arrays.put(self.mean)  # (n, p)
        if self.primal:
            self.square = self.design.T @ self.design  # (p, p)
        else:
            parts = [self.design[:, band] for band in self.bands]
            self.kernels = [part @ part.T for part in parts]  # bands x (n, n)

    def factor(
        self, fold: Fold, alphas: np.ndarray, gamma: np.ndarray | None = None, dtype="float32"
    ) -> Factor:
        """Eigenbasis of one training set and its test design in it.

        Parameters
        ----------
        fold : (training rows, test rows)
            Row numbers.
        alphas : (a,) array
            Penalties, all positive.
        gamma : (bands,) array, optional
            Factor on the Gram matrix of each band; 1 by default.
        dtype : str
            Precision of the result; the decomposition itself is float64.
        """
        gamma = np.ones(len(self.bands)) if gamma is None else gamma
        parts = self._primal_parts if self.primal else self._kernel_parts
        left, eigenvalues, right, test_design = parts(fold, gamma)
        put = self.arrays.put
        return Factor(
            left=put(left, dtype),
            shrink=put(shrinkage(eigenvalues, alphas), dtype),
            right=put(right, dtype),
            triangle=put(self.arrays.triangle(test_design), dtype),
            mean=put(test_design.mean(0), dtype),
        )

    def factor_all(
        self, alphas: np.ndarray, gamma: np.ndarray | None = None
    ) -> tuple[Array, np.ndarray]:
        """`left` (m, r) and `shrink` (a, r) in float64 where every row is a training row."""
        gamma = np.ones(len(self.bands)) if gamma is None else gamma
        if self.primal:
            scale = self._scale(gamma)
            eigenvalues, vectors = self.arrays.eigh(scale[:, None] * self.square * scale)
            left = scale[:, None] * vectors
        else:
            eigenvalues, left = self.arrays.eigh(self._kernel(gamma))
        return left, shrinkage(eigenvalues, alphas)

    def weights(self, left: Array, coordinates: Array, gamma: np.ndarray | None = None) -> Array:
        """Weights on the features (p, v) from their coordinates in the eigenbasis (r, v)."""
        if self.primal:
            return left @ coordinates
        found = self.design.T @ (left @ coordinates)  # (p, v)
        return found if gamma is None else self.arrays.put(self._spread(gamma))[:, None] * found

    def products(self, Y: Array, folds: Sequence[Fold]) -> tuple[Array, list[Products]]:
        """Products of all rows, and of each fold, with centred float64 responses Y (n, v)."""
        if not self.primal:
            return Y, [self._kernel_products(Y, fold) for fold in folds]
        outs = [np.setdiff1d(np.arange(len(Y)), train) for train, _ in folds]
        blocks = [self.design[out].T @ Y[out] for out in outs]
        left_out = np.bincount(np.concatenate(outs), minlength=len(Y))
        total = sum(blocks) if (left_out == 1).all() else self.design.T @ Y  # (p, v)
        return total, [
            self._primal_products(Y, fold, out, total, block)
            for fold, out, block in zip(folds, outs, blocks, strict=True)
        ]

    def _spread(self, gamma: np.ndarray) -> np.ndarray:
        """One factor a feature, (p,)."""
        widths = [band.stop - band.start for band in self.bands]
        return np.repeat(gamma, widths)

    def _scale(self, gamma: np.ndarray) -> Array:
        return self.arrays.put(np.sqrt(self._spread(gamma)))

    def _kernel(self, gamma: np.ndarray) -> Array:
        return sum(float(g) * kernel for g, kernel in zip(gamma, self.kernels, strict=True))

    def _primal_parts(
        self, fold: Fold, gamma: np.ndarray
    ) -> tuple[Array, np.ndarray, Array, Array]:
        train, test = fold
        out = self.design[np.setdiff1d(np.arange(len(self.design)), train)]
        mean = -out.sum(0) / len(train)  # the rows sum to zero
        square = self.square - out.T @ out - len(train) * mean[:, None] * mean
        scale = self._scale(gamma)
        eigenvalues, vectors = self.arrays.eigh(scale[:, None] * square * scale)
        left = scale[:, None] * vectors
        return left, eigenvalues, left, (self.design[test] - mean) @ left

    def _kernel_parts(
        self, fold: Fold, gamma: np.ndarray
    ) -> tuple[Array, np.ndarray, Array, Array]:
        train, test = fold
        rows = self._kernel(gamma)[:, train]  # (n, n_train)
        inner, cross = rows[train], rows[test]
        mean = inner.mean(0)
        cross = cross - cross.mean(1)[:, None] - mean + mean.mean()
        eigenvalues, vectors = self.arrays.eigh(inner - mean[:, None] - mean + mean.mean())
        test_design = cross @ vectors
        return vectors, eigenvalues, test_design, test_design

    def _primal_products(
        self, Y: Array, fold: Fold, out: np.ndarray, total: Array, block: Array
    ) -> Products:
        train, test = fold
        mean_x = -self.design[out].sum(0) / len(train)
        mean_y = -Y[out].sum(0) / len(train)
        shifted = Y[test] - mean_y
        sum_y = shifted.sum(0)
        same = np.array_equal(np.sort(test), out)
        cross = block if same else self.design[test].T @ Y[test]
        cross = cross - self.design[test].sum(0)[:, None] * mean_y - mean_x[:, None] * sum_y
        inner = total - block - len(train) * mean_x[:, None] * mean_y
        return self._summed(inner, cross, shifted, sum_y)

    def _kernel_products(self, Y: Array, fold: Fold) -> Products:
        train, test = fold
        mean = Y[train].mean(0)
        shifted = Y[test] - mean
        return self._summed(Y[train] - mean, shifted, shifted, shifted.sum(0))

    def _summed(self, train: Array, test: Array, shifted: Array, total: Array) -> Products:
        square = self.arrays.einsum("nv,nv->v", shifted, shifted)
        get = self.arrays.get
        return Products(train, test, len(shifted), get(total), get(square))


def shrinkage(eigenvalues: np.ndarray, alphas: np.ndarray) -> np.ndarray:
    """1 / (w + alpha) (a, r), and 0 where w is zero to rounding.

    The exact solution has no weight in the null space, so that alpha -> 0 tends to the least
    squares solution of minimum norm.
    """
    floor = np.finfo(np.float64).eps * len(eigenvalues) * max(eigenvalues.max(), 0.0)
    inverse = 1.0 / (np.maximum(eigenvalues, 0.0) + alphas[:, None])
    return np.where(eigenvalues > floor, inverse, 0.0)


def fold_scores(
    factor: Factor, products: Products, scoring: str, arrays: Arrays, dtype: str = "float32"
) -> np.ndarray:
    """Score of every penalty on one fold, (a, v) float64.

    Parameters
    ----------
    factor, products
        The same fold of the same `Gram`.
    scoring : {"mse", "r2", "correlation"}
        Negative mean squared error, coefficient of determination, or Pearson correlation; the
        last two are 0 where the test responses (or predictions) are constant.
    """
    train = factor.left.T @ arrays.put(products.train, dtype)  # (r, v)
    test = factor.right.T @ arrays.put(products.test, dtype)  # (r, v)
    inner = arrays.get(factor.shrink @ (train * test)).astype(np.float64)  # <prediction, response>
    total = arrays.get((factor.shrink * factor.mean) @ train).astype(np.float64) * products.n
    square = _squared_norm(factor, train, arrays)  # (a, v)
    if scoring != "correlation":
        error = products.square - 2 * inner + square
        if scoring == "mse":
            return -error / products.n
        return _ratio(products.square - products.total**2 / products.n - error, products)
    covariance = inner - total * products.total / products.n
    spread = np.maximum(square - total**2 / products.n, 0)
    return _ratio(covariance, products, spread)


def _ratio(
    numerator: np.ndarray, products: Products, spread: np.ndarray | None = None
) -> np.ndarray:
    variance = products.square - products.total**2 / products.n
    variance = np.where(variance > 1e-12 * products.square, variance, 0.0)
    below = np.broadcast_to(
        variance if spread is None else np.sqrt(variance * spread), numerator.shape
    )
    return np.divide(numerator, below, out=np.zeros_like(numerator), where=below > 0)


def _squared_norm(factor: Factor, train: Array, arrays: Arrays) -> np.ndarray:
    """Sum over test rows of the squared prediction, (a, v), by blocks of rows of the triangle."""
    n_alphas = len(factor.shrink)
    total = np.zeros((n_alphas, train.shape[1]))
    for start in range(0, len(factor.triangle), _TRIANGLE_STEP):
        rows = factor.triangle[start : start + _TRIANGLE_STEP, start:]  # (b, r - start)
        scaled = rows[None] * factor.shrink[:, None, start:]  # (a, b, r - start)
        part = scaled.reshape(-1, rows.shape[1]) @ train[start:]  # (a b, v)
        part = part.reshape(n_alphas, len(rows), -1)
        total += arrays.get(arrays.einsum("abv,abv->av", part, part))
    return total
