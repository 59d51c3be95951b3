"""BOLD runs copied, volume by volume, into one scratch file that is read voxel by voxel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from tqdm import tqdm

from brainvis.artifacts import hdf5
from brainvis.datasets.nifti import Image

_BLOCK = 512  # voxels in a chunk of the scratch file
_DARK = 0.1  # of the 98th percentile of mean signal: below it, no brain


@dataclass
class Moments:
    """Sums over volumes per voxel, and what disqualifies it."""

    mean: np.ndarray
    constant: np.ndarray
    broken: np.ndarray  # NaN or infinite at some volume


def _scaled(image: Image, stored: np.ndarray) -> np.ndarray:
    values = stored.astype(np.float32)
    values *= np.float32(image.slope)
    values += np.float32(image.inter)
    return values


class _Sums:
    """Accumulates `Moments`."""

    def __init__(self, voxels: int) -> None:
        self.total, self.count = np.zeros(voxels), 0
        self.low, self.high = np.full(voxels, np.inf), np.full(voxels, -np.inf)
        self.broken = np.zeros(voxels, dtype=bool)

    def add(self, values: np.ndarray) -> None:
        """Take in volumes, (k, voxels)."""
        self.count += len(values)
        self.total += values.sum(axis=0, dtype=float)
        np.minimum(self.low, values.min(axis=0), out=self.low)
        np.maximum(self.high, values.max(axis=0), out=self.high)
        self.broken |= ~np.isfinite(values).all(axis=0)

    def moments(self) -> Moments:
        return Moments(self.total / max(self.count, 1), self.low == self.high, self.broken)


def brain_from_signal(image: Image) -> np.ndarray:
    """Voxels that are bright and vary, (x * y * z,) bool: a mask where none was given."""
    sums = _Sums(int(np.prod(image.grid)))
    for _, stored in image.volumes():
        sums.add(_scaled(image, stored))
    moments = sums.moments()
    mean = np.where(moments.broken, 0.0, moments.mean)
    bright = mean > _DARK * np.percentile(mean[mean > 0], 98) if (mean > 0).any() else mean > 0
    return bright & ~moments.constant


class Series:
    """Scratch file of all runs inside a mask, read by blocks of voxels.

    Parameters
    ----------
    path : Path
        To be written; the caller removes it.
    images : one per run
    mask : (x * y * z,) bool
    """

    def __init__(self, path: Path, images: Sequence[Image], mask: np.ndarray) -> None:
        self._path, self._images = path, images
        self.moments: list[Moments] = []
        voxels = np.flatnonzero(mask)
        with hdf5.create(path, {}) as file:
            for number, image in enumerate(tqdm(images, disable=None, desc="reading BOLD")):
                self.moments.append(_copy(file, f"run{number}", image, voxels))

    def usable(self) -> tuple[np.ndarray, dict[str, int]]:
        """Voxels (numbers within the mask) that every run can use, and counts of the others."""
        broken = np.any([part.broken for part in self.moments], axis=0)
        constant = np.any([part.constant for part in self.moments], axis=0) & ~broken
        dark = np.any([part.mean <= 0 for part in self.moments], axis=0) & ~broken & ~constant
        counts = {
            "n_dropped_nan": int(broken.sum()),
            "n_dropped_constant": int(constant.sum()),
            "n_dropped_not_positive": int(dark.sum()),
        }
        return np.flatnonzero(~(broken | constant | dark)), counts

    def read(self, voxels: np.ndarray) -> list[np.ndarray]:
        """Percent signal change around the run's mean, (volumes, voxels) float32 per run.

        `voxels` are increasing numbers within the mask.
        """
        span = slice(int(voxels[0]), int(voxels[-1]) + 1)
        runs = []
        with h5py.File(self._path, "r") as file:
            for number, (image, moments) in enumerate(zip(self._images, self.moments, strict=True)):
                stored = hdf5.at(file, f"run{number}")[span][voxels - span.start]
                values = _scaled(image, stored)  # (voxels, volumes)
                mean = moments.mean[voxels].astype(np.float32)[:, None]
                values -= mean
                values *= 100 / mean
                runs.append(values.T)
        return runs


def _copy(file: h5py.File, name: str, image: Image, voxels: np.ndarray) -> Moments:
    """Copy one run's masked voxels as they are stored, (voxels, volumes)."""
    count, sums = image.shape[3], _Sums(len(voxels))
    target = None
    for first, stored in image.volumes():
        masked = stored[:, voxels]
        sums.add(_scaled(image, masked))
        if target is None:  # chunks as long as what is written at a time
            chunks = (min(_BLOCK, len(voxels)), len(masked))
            native = image.dtype.newbyteorder("=")
            target = hdf5.dataset(file, name, (len(voxels), count), native, chunks=chunks)
        target[:, first : first + len(masked)] = masked.T
    return sums.moments()
