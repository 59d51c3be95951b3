"""What cluster membership says of function: variance of response profiles that it explains.

A voxel's profile is its response to every stimulus of a probe set. These numbers judge clusters;
where profiles are the simulator's truth, nothing but such an evaluation may read them.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from brainvis.errors import BrainvisError


def explained_share(profiles: np.ndarray, labels: np.ndarray) -> float:
    """Share of the variance of voxels' profiles that lies between clusters.

    Parameters
    ----------
    profiles : (stimuli, v)
        Noise-free responses; give z-scores where amplitude is not meant to count.
    labels : (v,) int
        Cluster of each voxel.

    Returns
    -------
    float
        1 - (sum of squares within clusters) / (sum of squares about the mean profile). Random
        labels of k clusters give about (k - 1) / (v - 1).
    """
    _check(profiles, labels)
    total = np.square(profiles - profiles.mean(axis=1, keepdims=True)).sum()
    means, number = cluster_means(profiles, labels)
    within = np.square(profiles - means[:, number]).sum()
    return float(1 - within / total)


def cluster_means(profiles: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean profile of each occupied cluster, (stimuli, occupied), and each voxel's column."""
    _, number, size = np.unique(labels, return_inverse=True, return_counts=True)
    order = np.argsort(number, kind="stable")
    starts = np.cumsum(size) - size
    return np.add.reduceat(profiles[:, order], starts, axis=1) / size, number


def across_subjects(profiles: np.ndarray, labels: np.ndarray, subjects: np.ndarray) -> pd.DataFrame:
    """How well clusters predict one subject's profiles from the other subjects'.

    Parameters
    ----------
    profiles : (stimuli, v)
    labels : (v,) int
    subjects : (v,) str
        At least two.

    Returns
    -------
    DataFrame
        One row per subject: clusters (that it shares with the others), voxels (in these
        clusters), r (median over clusters of the correlation between the mean profile of the
        subject's part and of the others' part) and share (of its voxels' variance about their
        mean profile that the others' mean profiles explain; negative where they mislead).

    Raises
    ------
    BrainvisError
        Fewer than two subjects, or arrays that do not match.
    """
    _check(profiles, labels)
    if len(np.unique(subjects)) < 2:
        raise BrainvisError(
            "needs two subjects", field="subjects", found=np.unique(subjects).tolist()
        )
    rows = [_one_against_others(profiles, labels, subjects == name) for name in np.unique(subjects)]
    return pd.DataFrame(rows).assign(subject=np.unique(subjects).astype(str)).set_index("subject")


def _one_against_others(profiles: np.ndarray, labels: np.ndarray, own: np.ndarray) -> dict:
    shared = np.intersect1d(labels[own], labels[~own])
    if not shared.size:
        return {"clusters": 0, "voxels": 0, "r": np.nan, "share": np.nan}
    mine, theirs = own & np.isin(labels, shared), ~own & np.isin(labels, shared)
    here, number = cluster_means(profiles[:, mine], labels[mine])  # columns in order of `shared`
    there, _ = cluster_means(profiles[:, theirs], labels[theirs])
    values = profiles[:, mine]
    total = np.square(values - values.mean(axis=1, keepdims=True)).sum()
    missed = np.square(values - there[:, number]).sum()
    return {
        "clusters": len(shared),
        "voxels": int(mine.sum()),
        "r": float(np.median(_correlation(here, there))),
        "share": float(1 - missed / total),
    }


def _correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    first, second = first - first.mean(axis=0), second - second.mean(axis=0)
    scale = np.linalg.norm(first, axis=0) * np.linalg.norm(second, axis=0)
    return (first * second).sum(axis=0) / np.where(scale > 0, scale, np.inf)


def _check(profiles: np.ndarray, labels: np.ndarray) -> None:
    if profiles.ndim != 2 or labels.shape != profiles.shape[1:]:
        raise BrainvisError(
            f"needs one label per voxel of profiles {profiles.shape}",
            field="labels",
            found=labels.shape,
        )
