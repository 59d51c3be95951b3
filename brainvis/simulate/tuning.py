"""Noise-free tuning of every voxel of a subject, area by area."""

from __future__ import annotations

import numpy as np

from brainvis.simulate.anatomy import ROIS, Cortex
from brainvis.simulate.channels import Channels
from brainvis.simulate.retinotopic import early_responses, motion_responses
from brainvis.simulate.selective import SELECTIVE, selective_responses, shape_responses


def tune(
    cortex: Cortex, channels: Channels, domains: dict[str, str], seed: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Noise-free responses of all voxels to all stimuli.

    Parameters
    ----------
    cortex : Cortex
    channels : Channels
    domains : dict
        Domain of every category, from `brainvis.simulate.selective.category_domains`.
    seed : int
        Of the functional types, shared by subjects.
    rng : numpy Generator
        Of this subject's voxels.

    Returns
    -------
    profile : (n, v) float32
        z-scored over stimuli; zero where a voxel has no tuning. Voxels outside any area
        borrow a weak mix of selective tuning, whose strength `amplitudes` decides.
    function : (v,) str
        Main functional type of each voxel.
    """
    profile = np.zeros((len(channels.ids), len(cortex.roi)), dtype=np.float32)
    function = np.full(len(cortex.roi), "none", dtype="U32")
    for roi in (*ROIS, ""):
        member = np.flatnonzero(cortex.roi == roi)
        prf = cortex.prf[member]
        if roi == "MT":
            found = motion_responses(channels, prf, rng)
        elif roi == "LOC":
            found = shape_responses(channels, len(member), seed, rng)
        elif roi in SELECTIVE or not roi:
            found = selective_responses(channels, roi or "MTL", domains, len(member), seed, rng)
        else:
            found = early_responses(channels, roi, prf, rng)
        profile[:, member], function[member] = found
    return profile, function
