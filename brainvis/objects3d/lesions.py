"""Disordering regions of a brain before anything is decoded: arrays in, arrays out.

As Brain3D does (2405.15239), a region is disordered in the test responses alone, and the decoders
are those of the intact brain. Responses are z-scored by training statistics, so that 0 is the mean
response to the training stimuli.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from brainvis.errors import BrainvisError

KINDS = ("silence", "scramble", "attenuate")
SIDES = ("left", "right")


def region_voxels(voxels: pd.DataFrame, region: str) -> np.ndarray:
    """Which voxels a region has, (v,) bool.

    Parameters
    ----------
    voxels : DataFrame
        Columns roi, and x (mm, negative on the left) where a hemisphere is named.
    region : str
        Such as "V1", or "left V1".

    Raises
    ------
    BrainvisError
        A region without voxels, or a hemisphere where voxels have no place.
    """
    side, _, name = region.rpartition(" ")
    inside = voxels["roi"].to_numpy(str) == name
    if side:
        if side not in SIDES or "x" not in voxels or not np.isfinite(voxels["x"]).all():
            raise BrainvisError(
                "hemispheres need voxels with a place x in mm", field="regions", found=region,
                remedy="name whole regions",
            )  # fmt: skip
        inside &= (voxels["x"].to_numpy(float) < 0) == (side == "left")
    if not inside.any():
        known = sorted({name for name in voxels["roi"].astype(str) if name})
        raise BrainvisError(
            "has no voxels", field="regions", found=region, remedy=f"regions are {known}"
        )
    return inside


def lesioned(
    responses: np.ndarray,
    voxels: np.ndarray,
    kind: str,
    *,
    kept: float = 0.3,
    seed: int = 0,
) -> np.ndarray:
    """Responses with some voxels disordered; the given array stays as it is.

    Parameters
    ----------
    responses : ndarray, (n, v)
        z-scored by training statistics.
    voxels : ndarray, (v,) bool
        Those that are disordered.
    kind : {"silence", "scramble", "attenuate"}
        The training mean, 0; the region's voxels exchanged, in the same way for every stimulus;
        `kept` of each response.
    kept : float
    seed : int
        Of the exchange.

    Raises
    ------
    BrainvisError
        Unknown kind, or an array that is not one value per voxel.
    """
    if kind not in KINDS or np.shape(voxels) != np.shape(responses)[1:]:
        raise BrainvisError(
            "needs a kind of lesion and one value per voxel", field="kind",
            found=(kind, np.shape(voxels)), remedy=f"one of {', '.join(KINDS)}",
        )  # fmt: skip
    changed, places = np.array(responses, copy=True), np.flatnonzero(voxels)
    match kind:
        case "silence":
            changed[:, places] = 0
        case "attenuate":
            changed[:, places] *= kept
        case "scramble":
            drawn = np.random.default_rng([seed, 311]).permutation(places)
            changed[:, places] = responses[:, drawn]
    return changed
