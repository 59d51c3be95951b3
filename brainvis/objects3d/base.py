"""What every object generator offers, and the checks that all share."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np

from brainvis.errors import BrainvisError
from brainvis.objects3d.mesh import ColoredMesh


class ObjectGenerator(Protocol):
    """Decoded vectors in, coloured meshes out.

    Attributes
    ----------
    name : str
        Folder with a hash of its weights.
    space : str
        Feature space of the condition.
    tokens, width : int
        Shape of the condition of one object; one token is a pooled vector.
    size : int
        Voxels along a side of the grid that surfaces are drawn from.
    steps, guidance
        Sampling; see `brainvis.generation.card.Card`.
    """

    name: str
    space: str
    tokens: int
    width: int
    size: int
    steps: int
    guidance: float

    def generate(
        self, vectors: np.ndarray, seeds: np.ndarray, appearance: np.ndarray | None = None
    ) -> list[ColoredMesh]:
        """Objects; each depends on its own row alone, not on the batch.

        Parameters
        ----------
        vectors : ndarray, (b, width) or (b, tokens, width)
            float32 condition.
        seeds : ndarray, (b,)
            Seed of the noise of each object.
        appearance : ndarray, (b, k), optional
            Low-level condition, for generators that take one.

        Returns
        -------
        list of ColoredMesh
            Normalised (see `brainvis.objects3d.mesh`); empty where no surface came out.

        Raises
        ------
        BrainvisError
            Wrong shapes, values that are not finite.
        """
        ...


def checked_condition(
    vectors: np.ndarray, seeds: np.ndarray, tokens: int, width: int, folder: Path, space: str
) -> np.ndarray:
    """The condition as (b, tokens, width) float32.

    Raises
    ------
    BrainvisError
        Another shape, values that are not finite, another number of seeds.
    """
    given = np.asarray(vectors, np.float32)
    shaped = given[:, None] if given.ndim == 2 and tokens == 1 else given
    if shaped.ndim != 3 or shaped.shape[1:] != (tokens, width):
        raise BrainvisError(
            f"takes {tokens} tokens of width {width} per object",
            file=folder,
            field="vectors",
            found=given.shape,
            remedy=f"decode the space {space!r} that this generator was trained on",
        )
    refuse_infinite(shaped, "vectors")
    if len(seeds) != len(shaped):
        raise BrainvisError("needs one seed per object", field="seeds", found=len(seeds))
    return shaped


def refuse_infinite(values: np.ndarray, field: str) -> None:
    """Raise a `BrainvisError` where values are not finite."""
    if not np.isfinite(values).all():
        raise BrainvisError("holds values that are not finite", field=field)
