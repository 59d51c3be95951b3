"""The array library of the ridge core: numpy on the CPU, or torch on a device."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

Array = Any  # numpy.ndarray, or torch.Tensor where a device is given


class Arrays:
    """Numpy on the CPU, or torch on a device, behind the few calls that differ.

    Parameters
    ----------
    device : str, optional
        Torch device such as "cuda" or "cpu"; numpy where None.
    """

    def __init__(self, device: str | None = None) -> None:
        self.device = device
        self.torch: ModuleType | None = None
        if device is not None:
            import torch

            self.torch = torch

    def put(self, values: Array, dtype: str = "float64") -> Array:
        """The values on the device, in the given precision."""
        if self.torch is None:
            return np.asarray(values, dtype=dtype)
        return self.torch.as_tensor(values).to(self.device, getattr(self.torch, dtype))

    def get(self, values: Array) -> np.ndarray:
        """The values as a numpy array."""
        return values if self.torch is None else values.cpu().numpy()

    def eigh(self, matrix: Array) -> tuple[np.ndarray, Array]:
        """Eigenvalues (on the CPU) and eigenvectors of a symmetric matrix."""
        linalg = np.linalg if self.torch is None else self.torch.linalg
        values, vectors = linalg.eigh(matrix)
        return self.get(values), vectors

    def triangle(self, matrix: Array) -> Array:
        """The upper trapezoid R of matrix = OR, (min(rows, columns), columns)."""
        if self.torch is None:
            return np.linalg.qr(matrix, mode="r")
        return self.torch.linalg.qr(matrix, mode="r")[1]

    def einsum(self, subscripts: str, *operands: Array) -> Array:
        return (self.torch or np).einsum(subscripts, *operands)
