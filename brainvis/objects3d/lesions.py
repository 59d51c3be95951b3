"""Disordering regions of a brain before anything is decoded: arrays in, arrays out.

As Brain3D does (2405.15239), a region is disordered in the test responses alone, and the decoders
are those of the intact brain. Responses are z-scored by training statistics: 0 is the mean response
to the training stimuli, while a region that does not respond at all lies below it.
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


def size_matched(
    places: dict[str, np.ndarray], reference: str, seed: int = 0
) -> dict[str, np.ndarray]:
    """For every region smaller than the reference, as many of the reference's voxels, at random.

    What a lesion does grows with its size: a small region is compared with these.

    Parameters
    ----------
    places : dict of str to ndarray, (v,) bool
        Voxels of regions; without the reference among them there is nothing to draw from.
    reference : str
    seed : int

    Returns
    -------
    dict of str to ndarray, (v,) bool
    """
    drawn, rng = {}, np.random.default_rng([seed, 317])
    pool = np.flatnonzero(places.get(reference, []))
    for region, inside in places.items():
        if inside.sum() < len(pool):
            drawn[region] = np.zeros_like(inside)
            drawn[region][rng.choice(pool, inside.sum(), replace=False)] = True
    return drawn


def rest_level(betas: np.ndarray) -> np.ndarray:
    """What no response at all (a beta of 0) is in z-scores of training trials, (v,).

    Parameters
    ----------
    betas : ndarray, (n, v)
        Of training trials, in units in which 0 is the baseline between stimuli.
    """
    spread = betas.std(axis=0, dtype=float)
    mean = betas.mean(axis=0, dtype=float)
    return np.divide(-mean, spread, out=np.zeros_like(mean), where=spread > 0)


def lesioned(
    responses: np.ndarray,
    voxels: np.ndarray,
    kind: str,
    *,
    level: np.ndarray | None = None,
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
        `level`, whatever was seen; the region's voxels exchanged, in the same way for every
        stimulus; `kept` of the distance to `level`.
    level : ndarray, (v,), optional
        What the voxels fall to; by default 0, the training mean.
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
    floor = np.zeros(responses.shape[1]) if level is None else level
    match kind:
        case "silence":
            changed[:, places] = floor[places]
        case "attenuate":
            changed[:, places] = kept * changed[:, places] + (1 - kept) * floor[places]
        case "scramble":
            drawn = np.random.default_rng([seed, 311]).permutation(places)
            changed[:, places] = responses[:, drawn]
    return changed
