"""NIfTI read as a stream of volumes: compressed or not, no series is ever held whole."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import nibabel as nib
import numpy as np

from brainvis.errors import BrainvisError

_CHUNK_BYTES = 1 << 25
_AFFINE_TOLERANCE = 1e-3  # mm


@dataclass(frozen=True)
class Image:
    """Header facts of a NIfTI file; values are ``stored * slope + inter``."""

    path: Path
    shape: tuple[int, ...]
    affine: np.ndarray
    dtype: np.dtype
    slope: float
    inter: float
    offset: int

    @property
    def grid(self) -> tuple[int, int, int]:
        return self.shape[:3]  # type: ignore[return-value]

    def volumes(self) -> Iterator[tuple[int, np.ndarray]]:
        """Yield (first volume, values (k, x * y * z) as stored), voxels in NIfTI's own order.

        Raises
        ------
        BrainvisError
            The file ends early or its compressed data are damaged.
        """
        size = int(np.prod(self.grid)) * self.dtype.itemsize
        count = self.shape[3] if len(self.shape) > 3 else 1
        step = max(1, _CHUNK_BYTES // size)
        with _opened(self.path) as stream:
            _read(stream, self.offset, self.path)
            for first in range(0, count, step):
                taken = min(step, count - first)
                data = np.frombuffer(_read(stream, taken * size, self.path), self.dtype)
                yield first, data.reshape(taken, -1)
            _read(stream, 1, self.path, at_end=True)  # gzip checks its sum only at the end


def _opened(path: Path) -> IO[bytes]:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore


def _read(stream: IO[bytes], size: int, path: Path, at_end: bool = False) -> bytes:
    try:
        data = stream.read(size)
    except (OSError, EOFError, zlib.error) as error:
        raise BrainvisError(
            "truncated or damaged", file=path, found=error, remedy="get the file again"
        ) from error
    if len(data) < size and not at_end:
        raise BrainvisError(
            "truncated",
            file=path,
            found="fewer bytes than its header says",
            remedy="get the file again",
        )
    return data


def open_image(path: Path, dimensions: int) -> Image:
    """Read and check the header.

    Raises
    ------
    BrainvisError
        Not NIfTI; another number of dimensions; no position in space (sform and qform code 0) or
        a singular affine; a data type that is no real number.
    """
    try:
        image = nib.Nifti1Image.from_filename(path)
    except Exception as error:  # nibabel raises many kinds
        raise BrainvisError("cannot be read as NIfTI", file=path, found=error) from error
    header = image.header
    shape = image.shape[:dimensions] if set(image.shape[dimensions:]) <= {1} else image.shape
    if len(shape) != dimensions or 0 in shape:
        raise BrainvisError(
            f"needs {dimensions} dimensions", file=path, field="dim", found=image.shape
        )
    if not (header["sform_code"] or header["qform_code"]):
        raise BrainvisError(
            "has no position in space",
            file=path,
            field="sform_code, qform_code",
            found="0, 0",
            remedy="set the affine of the scanner",
        )
    affine = np.asarray(image.affine, dtype=float)
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise BrainvisError("affine is singular", file=path, field="affine", found=affine.tolist())
    if header.get_data_dtype().kind not in "iuf":
        raise BrainvisError("unsupported data type", file=path, found=header.get_data_dtype())
    slope, inter = image.dataobj.slope, image.dataobj.inter  # type: ignore[union-attr]
    return Image(
        Path(path),
        shape,
        affine,
        header.get_data_dtype(),
        float(slope),
        float(inter),
        int(image.dataobj.offset),  # type: ignore[union-attr]
    )


def check_same_grid(image: Image, like: Image) -> None:
    """Refuse images on different grids; nothing is resampled silently.

    Raises
    ------
    BrainvisError
        Another shape or affine than `like`.
    """
    remedy = "resample it to the BOLD's grid first"
    if image.grid != like.grid:
        raise BrainvisError(
            f"shape differs from {like.grid} of {like.path}",
            file=image.path,
            field="dim",
            found=image.grid,
            remedy=remedy,
        )
    if not np.allclose(image.affine, like.affine, atol=_AFFINE_TOLERANCE):
        difference = np.abs(image.affine - like.affine).max()
        raise BrainvisError(
            f"affine differs from that of {like.path}",
            file=image.path,
            field="affine",
            found=f"difference {difference:.4g}",
            remedy=remedy,
        )


def read_mask(path: Path, like: Image) -> np.ndarray:
    """Mask on the grid of `like`, (x * y * z,) bool in NIfTI's own order (x fastest).

    Raises
    ------
    BrainvisError
        As `open_image` and `check_same_grid`; or the mask is empty.
    """
    image = open_image(path, dimensions=3)
    check_same_grid(image, like)
    ((_, values),) = image.volumes()
    mask = np.nan_to_num(values[0] * image.slope + image.inter) > 0.5
    if not mask.any():
        raise BrainvisError("mask is empty", file=path)
    return mask
