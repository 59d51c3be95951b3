"""Which voxels are predicted above chance, and how precisely a score is known."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.stats import false_discovery_control
from tqdm import tqdm

from brainvis.encoding.scores import METRICS, check_pair, metrics, moments, voxel_batches
from brainvis.errors import BrainvisError

_TIE = 1e-6  # correlations closer than this are equal (float32)


@dataclass(frozen=True)
class PermutationTest:
    """Result of `permutation_test`, one value a voxel.

    Attributes
    ----------
    r : (v,) float32
        Pearson correlation.
    p : (v,) float64
        One-sided p value, at least 1 / (1 + permutations).
    q : (v,) float64
        p after Benjamini-Hochberg: the false discovery rate at which the voxel is kept.
    p_max : (v,) float64
        Family-wise p value, against the largest r of all voxels in each permutation.
    """

    r: np.ndarray
    p: np.ndarray
    q: np.ndarray
    p_max: np.ndarray


def permutation_test(
    truth: np.ndarray,
    predicted: np.ndarray,
    *,
    groups: np.ndarray | None = None,
    n_permutations: int = 1000,
    seed: int = 0,
    voxels_batch: int = 2000,
) -> PermutationTest:
    """Whether voxels are predicted better than with the predictions of other stimuli.

    Whole blocks of predictions (repeats of one stimulus, stretches of one run) change places, the
    same way for all voxels, so that dependence inside a block and between voxels is kept.
    Voxels without variance have r NaN, every p 1, and no part in the correction.

    Parameters
    ----------
    truth, predicted : (n, v) array
        Held-out responses and predictions.
    groups : (n,) array, optional
        Block of each row; every row its own block by default.
    n_permutations : int
        Number of random orders.
    seed : int
        Of the orders.
    voxels_batch : int
        Voxels held in working memory at once.

    Raises
    ------
    BrainvisError
        On unequal shapes, fewer than 3 blocks or no permutation.
    """
    check_pair(truth, predicted)
    if n_permutations < 1:
        raise BrainvisError("must be positive", field="n_permutations", found=n_permutations)
    blocks = _blocks(groups, len(truth))
    start = np.concatenate(blocks)
    orders = [_exchanged(blocks, [seed, number]) for number in range(n_permutations)]
    v = truth.shape[1]
    r, reached = np.empty(v, dtype=np.float32), np.zeros(v, dtype=int)
    largest = np.full(n_permutations, -np.inf)
    for batch in tqdm(list(voxel_batches(v, voxels_batch)), desc="permutations", disable=None):
        y, p = _standardised(truth[start, batch]), _standardised(predicted[:, batch])
        r[batch] = found = np.einsum("nv,nv->v", y, p[start])
        for number, order in enumerate(orders):
            null = np.einsum("nv,nv->v", y, p[order])
            reached[batch] += null >= found - _TIE
            largest[number] = max(largest[number], np.fmax.reduce(null, initial=-np.inf))
    defined = ~np.isnan(r)
    p_value, q, p_max = np.ones(v), np.ones(v), np.ones(v)
    p_value[defined] = (1 + reached[defined]) / (1 + n_permutations)
    q[defined] = false_discovery_control(p_value[defined], method="bh") if defined.any() else 1
    below = np.searchsorted(np.sort(largest), r[defined] - _TIE)
    p_max[defined] = (1 + n_permutations - below) / (1 + n_permutations)
    return PermutationTest(r, p_value, q, p_max)


@dataclass(frozen=True)
class Interval:
    """Bootstrap interval of one score, each (v,) float32."""

    score: np.ndarray
    low: np.ndarray
    high: np.ndarray


def bootstrap_interval(
    truth: np.ndarray,
    predicted: np.ndarray,
    *,
    metric: str = "r",
    groups: np.ndarray | None = None,
    level: float = 0.95,
    n_samples: int = 1000,
    seed: int = 0,
    voxels_batch: int = 500,
) -> Interval:
    """Percentile interval of a score over stimuli drawn with replacement.

    A drawn stimulus brings all its rows. Scores come from weighted moments (one matrix product
    per batch of voxels), not from resampled arrays.

    Parameters
    ----------
    truth, predicted : (n, v) array
        Held-out responses and predictions.
    metric : {"r", "r2", "explained_variance"}
        The score.
    groups : (n,) array, optional
        Stimulus of each row; every row its own by default.
    level : float
        Coverage.
    n_samples : int
        Bootstrap samples.
    seed : int
        Of the samples.
    voxels_batch : int
        Voxels held in working memory at once.

    Raises
    ------
    BrainvisError
        On unequal shapes, fewer than 3 stimuli, an unknown metric or a level outside (0, 1).
    """
    check_pair(truth, predicted)
    if metric not in METRICS or not 0 < level < 1 or n_samples < 2:
        raise BrainvisError(
            "not a possible bootstrap",
            field="metric, level, n_samples",
            found=(metric, level, n_samples),
            remedy=f"metric one of {METRICS}, level inside (0, 1), at least 2 samples",
        )
    blocks = _blocks(groups, len(truth))
    counts = np.random.default_rng(seed).multinomial(
        len(blocks), np.full(len(blocks), 1 / len(blocks)), size=n_samples
    )
    weights = np.empty((n_samples, len(truth)))  # times that each row is in each sample
    for column, block in zip(counts.T, blocks, strict=True):
        weights[:, block] = column[:, None]
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    out = np.empty((3, truth.shape[1]), dtype=np.float32)
    for batch in tqdm(
        list(voxel_batches(truth.shape[1], voxels_batch)), desc="bootstrap", disable=None
    ):
        y, p = truth[:, batch], predicted[:, batch]
        out[0, batch] = metrics(moments(y, p))[metric]
        samples = metrics(moments(y, p, weights))[metric]  # (n_samples, batch)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "All-NaN slice")  # voxels without variance stay NaN
            out[1:, batch] = np.nanquantile(samples, tails, axis=0)
    return Interval(*out)


def _standardised(values: np.ndarray) -> np.ndarray:
    """Columns of mean 0 and norm 1, NaN where constant, float32."""
    centred = values - values.mean(axis=0, dtype=np.float64)
    norm = np.linalg.norm(centred, axis=0)
    size = np.linalg.norm(values, axis=0)
    return (centred / np.where(norm > 1e-6 * size, norm, np.nan)).astype(np.float32)


def _exchanged(blocks: list[np.ndarray], seed: list[int]) -> np.ndarray:
    """Row numbers with whole blocks in random order."""
    order = np.random.default_rng(seed).permutation(len(blocks))
    return np.concatenate([blocks[block] for block in order])


def _blocks(groups: np.ndarray | None, n: int) -> list[np.ndarray]:
    """Row numbers of each group, at least 3 groups."""
    labels = np.arange(n) if groups is None else np.asarray(groups)
    if labels.shape != (n,):
        raise BrainvisError("one group a row is needed", field="groups", found=labels.shape)
    unique, codes = np.unique(labels, return_inverse=True)
    if len(unique) < 3:
        raise BrainvisError(
            "too few blocks to draw from",
            field="groups",
            found=len(unique),
            remedy="give at least 3 stimuli",
        )
    return np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
