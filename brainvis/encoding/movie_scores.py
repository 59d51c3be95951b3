"""Scores of predicted series on held-out segments: intervals, chance and regions, by blocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control
from tqdm import tqdm

from brainvis.encoding.scores import metrics, moments, voxel_batches
from brainvis.errors import BrainvisError

_TIE = 1e-6
_TAILS = (2.5, 97.5)
_BATCH = 1000  # voxels


def time_blocks(volumes: pd.DataFrame, length: int) -> np.ndarray:
    """Number of the block of each volume, (t,): stretches of a segment, none across two.

    Raises
    ------
    BrainvisError
        Fewer than three blocks.
    """
    segment = volumes["segment"].to_numpy(dtype=str)
    place = pd.Series(segment).groupby(segment, sort=False).cumcount().to_numpy()
    keys = pd.MultiIndex.from_arrays([segment, place // length])
    codes, found = pd.factorize(keys)
    if len(found) < 3:
        raise BrainvisError(
            "too few blocks of volumes to draw from", field="block", found=len(found),
            remedy="hold out more or longer segments, or make blocks shorter",
        )  # fmt: skip
    return codes


@dataclass(frozen=True)
class Null:
    """What predictions in the wrong place give.

    Attributes
    ----------
    p, q : (v,) float64
        Of each voxel, one-sided, and after Benjamini-Hochberg.
    medians : dict of str to (permutations,)
        Median normalised r of each region.
    """

    p: np.ndarray
    q: np.ndarray
    medians: dict[str, np.ndarray]


def correlations(
    truth: np.ndarray, predicted: np.ndarray, scale: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """Pearson r over `scale`, (v,) or (samples, v); a constant prediction scores 0."""
    parts = [
        np.nan_to_num(metrics(moments(truth[:, b], predicted[:, b], weights))["r"])
        for b in voxel_batches(truth.shape[1], _BATCH)
    ]
    return np.concatenate(parts, axis=-1) / scale


def block_weights(blocks: np.ndarray, samples: int, seed: int) -> np.ndarray:
    """How often each volume is in each bootstrap sample of whole blocks, (samples, t)."""
    count = int(blocks.max()) + 1
    rng = np.random.default_rng([seed, 31])
    return rng.multinomial(count, np.full(count, 1 / count), size=samples)[:, blocks].astype(float)


def permuted(
    truth: np.ndarray, predicted: np.ndarray, scale: np.ndarray, blocks: np.ndarray,
    regions: Mapping[str, np.ndarray], *, permutations: int, seed: int,
) -> Null:  # fmt: skip
    """Scores with whole blocks of predictions in another order, the same one for all voxels.

    Parameters
    ----------
    truth, predicted : (t, v) array
    scale : (v,) array
        Square root of the noise ceiling, NaN where a voxel is not scored.
    blocks : (t,) int array
    regions : mapping of name to (v,) bool array
    permutations, seed : int
    """
    y, p = _standardised(truth), _standardised(predicted)
    found = np.einsum("tv,tv->v", y, p)
    members = [np.flatnonzero(blocks == one) for one in range(int(blocks.max()) + 1)]
    start = np.concatenate(members)
    reached = np.zeros(len(found))
    medians = {name: np.empty(permutations) for name in regions}
    for number in tqdm(range(permutations), desc="permuted blocks", disable=None, leave=False):
        order = np.random.default_rng([seed, 32, number]).permutation(len(members))
        null = np.einsum("tv,tv->v", y[start], p[np.concatenate([members[b] for b in order])])
        reached += null >= found - _TIE
        for name, chosen in regions.items():
            medians[name][number] = np.median(null[chosen] / scale[chosen])
    p_value = np.where(np.isfinite(scale), (1 + reached) / (1 + permutations), np.nan)
    q, known = np.full(len(found), np.nan), np.isfinite(p_value)
    q[known] = false_discovery_control(p_value[known], method="bh")
    return Null(p_value, q, medians)


def _standardised(values: np.ndarray) -> np.ndarray:
    centred = values - values.mean(axis=0, dtype=np.float64)
    norm = np.linalg.norm(centred, axis=0)
    return (centred / np.where(norm > 1e-12, norm, np.inf)).astype(np.float32)


def regions_of(roi: np.ndarray, scored: np.ndarray, fewest: int = 10) -> dict[str, np.ndarray]:
    """Scored voxels of all and of each region that has at least `fewest`, as masks (v,)."""
    found = {"all": scored}
    for name in np.unique(roi):
        chosen = scored & (roi == name)
        if name and chosen.sum() >= fewest:
            found[str(name)] = chosen
    return found


def interval(samples: np.ndarray, chosen: np.ndarray) -> tuple[float, float]:
    """95 % interval of the median over chosen voxels, from samples (samples, v)."""
    low, high = np.percentile(np.median(samples[:, chosen], axis=1), _TAILS)
    return float(low), float(high)
