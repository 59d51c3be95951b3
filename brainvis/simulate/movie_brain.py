"""What a brain adds when stimuli move continuously: direction selectivity before MT.

The image experiment gives early areas responses to the first frame alone. In a movie, voxels of V1
to V3 that prefer an orientation or contrast also answer to motion energy by direction inside their
receptive field, as direction can be decoded from all of these areas (Kamitani & Tong 2006). Colour
and luminance voxels do not.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from brainvis.simulate.brain import Brain
from brainvis.simulate.channels import Channels
from brainvis.simulate.retinotopic import motion_responses

# Share of a voxel's variance over stimuli that depends on direction and speed.
MOTION_SHARE = {"V1": 0.3, "V2": 0.3, "V3": 0.5}
_MOVED = ("orientation", "contrast")


def watching(brain: Brain, channels: Channels, rng: np.random.Generator) -> Brain:
    """The same brain, with the motion part of V1 to V3 in its betas.

    Mean and standard deviation over stimuli of every voxel stay as they are.
    """
    betas = brain.betas.copy()
    for area, share in MOTION_SHARE.items():
        tuned = np.char.startswith(brain.function.astype(str), _MOVED[0])
        tuned |= np.char.startswith(brain.function.astype(str), _MOVED[1])
        member = np.flatnonzero((brain.cortex.roi == area) & tuned)
        if not len(member):
            continue
        still = betas[:, member]
        mean, spread = still.mean(axis=0), still.std(axis=0)
        moved = spread * motion_responses(channels, brain.cortex.prf[member], rng)[0]
        both = np.sqrt(1 - share) * (still - mean) + np.sqrt(share) * moved
        scale = spread / np.maximum(both.std(axis=0), 1e-9)
        betas[:, member] = mean + scale * (both - both.mean(axis=0))
    return replace(brain, betas=betas)
