"""Score motion modules on held-out clips: does refinement help, or does it invent motion?

Clips are splatted with their true flow, refined, and compared with the true clips. How they move
is estimated from their pixels (DIS, Kroeger et al. 2016, 1603.03590) and held against the exact
flow, before and after refinement.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from brainvis.animation.base import ClipAnimator
from brainvis.animation.registry import open_animator
from brainvis.animation.warping import Splat, Static
from brainvis.containers import Stimuli
from brainvis.evaluate.metrics import mean_squared_error, ssim
from brainvis.motion.grid import coarse_flow

_SIDE = 256  # side that frames are brought to before flow is estimated; DIS wants large frames
_MOMENTS, _GRID = 3, 32  # of decoded flow


def held_out_scores(
    folder: Path, source: Stimuli, rows: np.ndarray, settings: dict[str, Any]
) -> dict[str, Any]:
    """Choose the strength of refinement in one half of held-out clips, report the other half.

    The strength is the largest whose clips neither move worse (end-point error) nor look worse
    (SSIM) than the splatted ones; if none is so good, it is the smallest.

    Parameters
    ----------
    folder : Path
        Animator folder; the stored (rounded) weights are what is scored.
    source : Stimuli
        With clips, exact flow and masks.
    rows : ndarray, (n,) int
        Held-out rows.
    settings : dict
        Of the training.

    Returns
    -------
    dict
        strength; helps (bool); choosing: scores of each strength in the first half; reported:
        scores of the second half.
    """
    half = max(1, len(rows) // 2)
    choosing, reported = _Clips(source, rows[:half]), _Clips(source, rows[half:])
    before = choosing.scores(Splat(), "splatted")
    tried = {
        strength: choosing.scores(open_animator(folder, strength=strength, device="cpu"), "refined")
        for strength in settings["strengths"]
    }
    good = [
        strength
        for strength, one in tried.items()
        if one["epe"] <= before["epe"] and one["ssim"] >= before["ssim"]
    ]
    chosen = max(good) if good else min(tried)
    refined = open_animator(folder, strength=chosen, device="cpu")
    return {
        "strength": chosen,
        "helps": bool(good),
        "choosing": {"splatted": before}
        | {f"refined, strength {strength:g}": one for strength, one in tried.items()},
        "reported": {
            "static first frame": reported.scores(Static(), "static"),
            "splatted with the true flow": reported.scores(Splat(), "splatted"),
            "splatted, then refined": reported.scores(refined, "refined"),
            "true clip": reported.scored(reported.clips),
        },
    }


class _Clips:
    """Held-out clips with their flow on the decoder's grid."""

    def __init__(self, source: Stimuli, rows: np.ndarray) -> None:
        self.clips = source.read("clips", rows).astype(np.float32) / 255
        self.flow = source.read("flow", rows).astype(np.float32)
        self.mask = source.read("mask", rows)[:, : self.flow.shape[1]]

    def scores(self, animator: ClipAnimator, words: str) -> dict[str, float]:
        """Scores of what an animator makes of first frames and true flow."""
        made, frames = np.empty_like(self.clips), self.clips.shape[1]
        flow = coarse_flow(self.flow, min(_GRID, self.flow.shape[2]), _MOMENTS)
        for row in tqdm(range(len(made)), desc=words, unit="clip", disable=None):
            one, seed = slice(row, row + 1), np.array([row])
            made[one] = animator.animate(
                self.clips[one, 0], flow[one], None, frames=frames, seeds=seed
            )
        return self.scored(made)

    def scored(self, made: np.ndarray) -> dict[str, float]:
        """Mean scores of clips against the true ones; the first frame is given and not scored."""
        real, drawn = (clip[:, 1:].reshape(-1, *clip.shape[2:]) for clip in (self.clips, made))
        error = np.linalg.norm(estimated_flow(made) - self.flow, axis=-1)
        noise = mean_squared_error(real, drawn).clip(1e-10)
        return {
            "epe": float(error[self.mask].mean()) if self.mask.any() else float(error.mean()),
            "ssim": float(ssim(real, drawn).mean()),
            "psnr": float((-10 * np.log10(noise)).mean()),
            "clips": len(made),
        }


def estimated_flow(clips: np.ndarray) -> np.ndarray:
    """Flow between neighbouring frames of clips (n, f, h, w, 3), (n, f - 1, h, w, 2) in pixels."""
    height, width = clips.shape[2:4]
    create: Any = getattr(cv2, "DISOpticalFlow_create")  # noqa: B009, cv2's annotations lack it
    estimator = create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    found = np.zeros((len(clips), clips.shape[1] - 1, height, width, 2), np.float32)
    for clip, into in zip(clips, found, strict=True):
        grey = [_large_grey(frame) for frame in clip]
        for step, (one, other) in enumerate(pairwise(grey)):
            large = estimator.calc(one, other, None)
            small = cv2.resize(large, (width, height), interpolation=cv2.INTER_AREA)
            into[step] = small * [width / _SIDE, height / _SIDE]
    return found


def _large_grey(frame: np.ndarray) -> np.ndarray:
    coded = np.round(np.clip(frame, 0, 1) * 255).astype(np.uint8)
    large = cv2.resize(coded, (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC)
    return cv2.cvtColor(large, cv2.COLOR_RGB2GRAY)
