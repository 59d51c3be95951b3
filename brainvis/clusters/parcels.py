"""Anatomical parcels: every ROI cut into equal shares by place, in all subjects alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.cluster import KMeans

from brainvis.errors import BrainvisError


@dataclass(frozen=True)
class Parcels:
    """ROI (k,) and centre (k, 3) of each parcel, the centre in units of the ROI's spread."""

    roi: np.ndarray
    centres: np.ndarray


def cut(place: np.ndarray, roi: np.ndarray, subject: np.ndarray, count: int, seed: int) -> Parcels:
    """Cut ROIs into `count` parcels in all.

    Parcels are shared out by the ROIs' numbers of voxels, at least one each; k-means on place
    makes them, after every subject's ROI is moved and scaled onto the same centre and spread.

    Parameters
    ----------
    place : (v, 3)
    roi, subject : (v,) str
        Voxels of no ROI ("") count as one region.
    count, seed : int

    Raises
    ------
    BrainvisError
        Fewer parcels than ROIs, or an ROI with too few distinct places.
    """
    names, sizes = np.unique(roi, return_counts=True)
    if count < len(names):
        raise BrainvisError(
            "fewer anatomical parcels than ROIs",
            field="clusters.count",
            found=f"{count} for {len(names)} ROIs",
        )
    aligned, labels, centres = align(place, roi, subject), [], []
    for name, parts in zip(names, shares(sizes, count), strict=True):
        points = aligned[roi == name]
        distinct = len(np.unique(points, axis=0))
        if distinct < parts:
            raise BrainvisError(
                f"ROI {str(name)!r} has too few voxel coordinates for {parts} parcels",
                field="voxels",
                found=distinct,
                remedy="ask for fewer clusters or give the voxels their coordinates",
            )
        labels += [name] * int(parts)
        centres.append(kmeans_centres(points, int(parts), seed))
    return Parcels(np.array(labels, dtype=str), np.concatenate(centres))


def kmeans_centres(points: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Centres of k-means, (count, d), from one k-means++ start."""
    return KMeans(count, n_init="auto", random_state=seed).fit(points).cluster_centers_


def assign(known: Parcels, place: np.ndarray, roi: np.ndarray, subject: np.ndarray) -> np.ndarray:
    """Parcel of each voxel, (v,) int: the nearest one of its ROI.

    Raises
    ------
    BrainvisError
        A voxel of an ROI that has no parcel.
    """
    if unknown := set(np.unique(roi)) - set(known.roi.tolist()):
        raise BrainvisError("has no parcels", field="voxels.roi", found=sorted(unknown)[0])
    aligned, labels = align(place, roi, subject), np.empty(len(roi), dtype=int)
    for name in np.unique(roi):
        rows, parts = np.flatnonzero(roi == name), np.flatnonzero(known.roi == name)
        offset = aligned[rows, None] - known.centres[None, parts]  # (rows, parts, 3)
        labels[rows] = parts[(offset**2).sum(axis=-1).argmin(axis=1)]
    return labels


def align(place: np.ndarray, roi: np.ndarray, subject: np.ndarray) -> np.ndarray:
    """Coordinates centred on each subject's ROI and divided by its spread, (v, 3)."""
    aligned = np.zeros(place.shape)
    for name in np.unique(subject):
        for region in np.unique(roi):
            rows = (subject == name) & (roi == region)
            if rows.any():
                points = place[rows] - place[rows].mean(axis=0)
                aligned[rows] = points / max(float(points.std()), 1e-9)
    return aligned


def shares(sizes: np.ndarray, count: int) -> np.ndarray:
    """Share `count` parcels out by size, at least one each (largest remainders)."""
    parts = np.ones(len(sizes), dtype=int)
    wanted = sizes / sizes.sum() * count
    for _ in range(count - len(sizes)):
        parts[(wanted - parts).argmax()] += 1
    return parts
