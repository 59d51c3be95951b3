"""How much of a voxel's response repeats: ncsnr, noise ceiling, split-half reliability."""

from __future__ import annotations

import numpy as np
from scipy import sparse

_SPLITS = 20


def _group_sums(values: np.ndarray, index: np.ndarray, groups: int) -> np.ndarray:
    """Sums of rows per group, (groups, voxels) float64."""
    ones, rows = np.ones(len(index)), np.arange(len(index))
    return sparse.csr_matrix((ones, (index, rows)), (groups, len(index))) @ values


def noise_ceiling_snr(betas: np.ndarray, stimulus_index: np.ndarray) -> np.ndarray:
    """Ratio of signal to noise standard deviation, ncsnr (Allen et al. 2022, Nat Neurosci 25).

    The noise variance is that of repeats around their stimulus' mean, pooled over stimuli with
    n - 1 weights for unequal repeats; the signal variance is what remains of the variance over
    all trials, not below 0.

    Parameters
    ----------
    betas : (trials, voxels)
    stimulus_index : (trials,) int

    Returns
    -------
    (voxels,) float32; NaN where no stimulus is repeated
    """
    _, index, count = np.unique(stimulus_index, return_inverse=True, return_counts=True)
    freedom = (count - 1).sum()
    if freedom == 0 or len(betas) < 2:
        return np.full(betas.shape[1], np.nan, dtype=np.float32)
    values = betas - betas.mean(axis=0, dtype=float)
    means = _group_sums(values, index, len(count)) / count[:, None]
    noise = np.square(values - means[index]).sum(axis=0) / freedom
    total = np.square(values).sum(axis=0) / (len(betas) - 1)
    signal = np.clip(total - noise, 0, None)
    return np.sqrt(np.divide(signal, noise, out=np.zeros_like(noise), where=noise > 0)).astype(
        np.float32
    )


def noise_ceiling(ncsnr: np.ndarray, repeats: np.ndarray | int) -> np.ndarray:
    """Share of variance of the mean over repeats that a perfect model explains, 0 to 1.

    ncsnr^2 / (ncsnr^2 + mean over stimuli of 1 / n); the ceiling on Pearson's r is its root.

    Parameters
    ----------
    ncsnr : (voxels,)
    repeats : (stimuli,) int or int
        Number of trials averaged per stimulus.
    """
    squared = np.square(ncsnr)
    return (squared / (squared + np.mean(1.0 / np.asarray(repeats)))).astype(np.float32)


def spearman_brown(correlation: np.ndarray, factor: float) -> np.ndarray:
    """Reliability of `factor` times as many trials, k r / (1 + (k - 1) r)."""
    return factor * correlation / (1 + (factor - 1) * correlation)


def split_half(betas: np.ndarray, stimulus_index: np.ndarray, seed: int = 0) -> np.ndarray:
    """Reliability of the mean over repeats, from correlations of disjoint halves.

    Each stimulus' repeats are split at random into two equal halves (an odd one is left out),
    20 times; correlations over stimuli are averaged as Fisher's z, then extrapolated to all
    repeats by Spearman and Brown's formula. Not above 0 gives 0.

    Returns
    -------
    (voxels,) float32; NaN with fewer than three repeated stimuli
    """
    _, index, count = np.unique(stimulus_index, return_inverse=True, return_counts=True)
    half = count // 2
    repeated = half > 0
    if repeated.sum() < 3:
        return np.full(betas.shape[1], np.nan, dtype=np.float32)
    rng = np.random.default_rng([seed, 1701])
    total = np.zeros(betas.shape[1])
    start = np.concatenate([[0], np.cumsum(count)[:-1]])
    for _ in range(_SPLITS):
        order = np.lexsort((rng.random(len(index)), index))
        place = np.arange(len(index)) - start[index[order]]
        halves = []
        for side in (0, 1):
            within = (place >= side * half[index[order]]) & (
                place < (side + 1) * half[index[order]]
            )
            rows = order[within]
            sums = _group_sums(betas[rows], index[rows], len(count))
            halves.append(sums[repeated] / half[repeated, None])
        total += np.arctanh(np.clip(_correlation(*halves), -0.999999, 0.999999))
    factor = float(np.mean(count[repeated] / half[repeated]))
    mean = np.clip(np.tanh(total / _SPLITS), 0, None)
    return spearman_brown(mean, factor).astype(np.float32)


def _correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    first, second = first - first.mean(axis=0), second - second.mean(axis=0)
    scale = np.sqrt(np.square(first).sum(axis=0) * np.square(second).sum(axis=0))
    return np.divide((first * second).sum(axis=0), scale, out=np.zeros_like(scale), where=scale > 0)


def voxel_reliability(
    betas: np.ndarray, stimulus_index: np.ndarray, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Reliability of every voxel from repeated stimuli; give it training trials only.

    Parameters
    ----------
    betas : (trials, voxels)
    stimulus_index : (trials,) int
        Equal numbers are repeats of one stimulus.

    Returns
    -------
    ncsnr, noise_ceiling, reliability : (voxels,) float32
        `noise_ceiling` is for the mean over the repeats that each stimulus has; NaN without
        repeats.
    """
    count = np.unique(stimulus_index, return_counts=True)[1]
    ncsnr = noise_ceiling_snr(betas, stimulus_index)
    return ncsnr, noise_ceiling(ncsnr, count), split_half(betas, stimulus_index, seed)


def beta_recovery(
    true: np.ndarray, estimated_ours: np.ndarray, estimated_lsa: np.ndarray
) -> dict[str, float]:
    """How well two estimates recover known betas.

    Parameters
    ----------
    true, estimated_ours, estimated_lsa : (trials, voxels)
        Give responsive voxels only.

    Returns
    -------
    dict with `ours` and `lsa`, medians over voxels of the correlation over trials with the truth,
    and `ratio`, ours / lsa
    """
    ours = float(np.median(_correlation(true, estimated_ours)))
    lsa = float(np.median(_correlation(true, estimated_lsa)))
    return {"ours": ours, "lsa": lsa, "ratio": ours / lsa}
