"""What is said of one rule of the workflow, and how arrays become bytes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import ceil, prod

import h5py
import numpy as np

MIB = 1 << 20
F2, F4, F8 = 2, 4, 8  # bytes of a float16, float32, float64

# Resident memory of a job before its data, MiB: interpreter, command line and the libraries that
# its stage imports (CPU build of torch, Linux). Measured at nearly no data.
LIGHT, NUMERIC, TORCH, DIFFUSERS = 170, 225, 635, 950

_TABLE = 3400  # bytes of HDF5's own bookkeeping per dataset
_CHECKSUM = 4  # bytes of fletcher32 per chunk


@dataclass(frozen=True)
class Estimate:
    """One rule of the workflow.

    Attributes
    ----------
    rule : str
    jobs : int
    memory : float
        Peak resident memory of its largest job, bytes.
    disk : float
        Of the outputs of all its jobs that stay, bytes.
    parameters : int
        Numbers that are learned, or read from a checkpoint, in one job.
    steps : int
        Of gradient descent or denoising, of all jobs, at most.
    flops : float
        Of all jobs, floating-point operations of matrix products and the like.
    """

    rule: str
    jobs: int
    memory: float
    disk: float
    parameters: int = 0
    steps: int = 0
    flops: float = 0.0


def resident(base: float, *arrays: float) -> float:
    """Peak memory in bytes: a base in MiB and the bytes of arrays held at once."""
    return base * MIB + sum(arrays)


def stored(*shape: int, bytes_each: int = F4, ratio: float = 1.0) -> float:
    """Bytes of one dataset in HDF5, whole chunks with their checksums, or what gzip leaves."""
    if 0 in shape:
        return _TABLE
    if ratio < 1:  # what pads the last chunks is packed away
        return _TABLE + prod(shape) * bytes_each * ratio
    chunks = _chunks(shape, bytes_each)
    count = prod(ceil(n / c) for n, c in zip(shape, chunks, strict=True))
    return _TABLE + count * (prod(chunks) * bytes_each + _CHECKSUM)


def table(rows: int, *widths: int) -> float:
    """Bytes of a table in HDF5 with columns of the given widths, and of its file's head."""
    return _TABLE + sum(_TABLE + rows * width for width in widths)


@cache
def _chunks(shape: tuple[int, ...], bytes_each: int) -> tuple[int, ...]:
    """The chunks that h5py would choose; nothing of that size is made."""
    with h5py.File("plan", "w", driver="core", backing_store=False) as file:
        kind = np.dtype(f"V{bytes_each}")
        return tuple(file.create_dataset("x", shape=shape, dtype=kind, chunks=True).chunks or shape)
