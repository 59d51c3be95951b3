"""Scores of made clips frame by frame: structure, noise and hue.

Clips are (frames, height, width, 3) uint8 of one length and size (`matched`); a score of a clip is
the mean over its frames.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from skimage.metrics import structural_similarity

from brainvis.errors import BrainvisError
from brainvis.evaluate.resize import resize

PSNR_CAP = 100.0  # decibels, of equal frames
_SSIM_WINDOW = 7  # pixels, scikit-image's default
_TURN = 2 * np.pi / 180  # radians in a unit of OpenCV's hue


def ssim(real: np.ndarray, made: np.ndarray) -> float:
    """Structural similarity of colour frames, as cc2017 tables take it (MinD-Video).

    scikit-image with its default window of 7 pixels, data range 255, channels averaged.
    """
    return float(
        np.mean(
            [
                structural_similarity(a, b, data_range=255, channel_axis=-1)
                for a, b in zip(real, made, strict=True)
            ]
        )
    )


def psnr(real: np.ndarray, made: np.ndarray) -> float:
    """Peak signal-to-noise ratio in decibels, at most `PSNR_CAP`, the mean over frames."""
    error = np.square(real.astype(np.float64) - made).mean(axis=(1, 2, 3))
    with np.errstate(divide="ignore"):
        values = 20 * np.log10(255 / np.sqrt(error))
    return float(np.minimum(values, PSNR_CAP).mean())


def hue_correlation(real: np.ndarray, made: np.ndarray) -> float:
    """Circular correlation of hue angles (Jammalamadaka & Sarma 1988), the mean over frames.

    1 where hues are equal or all turned by one angle, 0 where either frame has one hue only.
    """
    return float(np.mean([_circular(_hue(a), _hue(b)) for a, b in zip(real, made, strict=True)]))


def hue_cosine_legacy(real: np.ndarray, made: np.ndarray) -> float:
    """Cosine of hue planes as published for cc2017 under the name Hue-pcc; no correlation.

    Hue is not negative, so that unrelated frames score far above 0.
    """
    cosines = []
    for a, b in zip(real, made, strict=True):
        first, second = (_hue(one).ravel() for one in (a, b))
        norm = np.linalg.norm(first) * np.linalg.norm(second)
        cosines.append(float(first @ second / norm) if norm > 0 else 0.0)
    return float(np.mean(cosines))


FRAME_METRICS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "frame_ssim": ssim,
    "frame_psnr": psnr,
    "hue_correlation": hue_correlation,
    "hue_cosine_legacy": hue_cosine_legacy,
}


def frame_scores(real: np.ndarray, made: np.ndarray) -> dict[str, np.ndarray]:
    """Every frame metric of clips (n, frames, height, width, 3) in one order, each (n,).

    Raises
    ------
    BrainvisError
        Clips of different shapes or smaller than the window of SSIM.
    """
    _check(real, made)
    return {
        name: np.array([measure(a, b) for a, b in zip(real, made, strict=True)])
        for name, measure in FRAME_METRICS.items()
    }


def frame_pairs(real: np.ndarray, made: np.ndarray) -> dict[str, np.ndarray]:
    """Every frame metric of all pairs of clips, each (n, n): real in rows, made in columns."""
    _check(real, made)
    return {
        name: np.array([[measure(a, b) for b in made] for a in real])
        for name, measure in FRAME_METRICS.items()
    }


def matched(clips: np.ndarray, frames: int, height: int, width: int) -> np.ndarray:
    """Clips (n, t, h, w, 3) uint8 brought to a number of frames, the nearest in time, and a size.

    Parameters
    ----------
    clips : ndarray, uint8
        Of any length of one frame or more; first and last frames stay first and last.
    frames, height, width : int
    """
    chosen = np.linspace(0, clips.shape[1] - 1, frames).round().astype(int)
    clips = clips[:, chosen]
    if clips.shape[2:4] == (height, width):
        return clips
    flat = clips.reshape(-1, *clips.shape[2:]).astype(np.float32) / 255
    sized = np.rint(resize(flat, height, width) * 255).clip(0, 255).astype(np.uint8)
    return sized.reshape(len(clips), frames, height, width, 3)


def _hue(frame: np.ndarray) -> np.ndarray:
    """Hue in radians, (height, width)."""
    return cv2.cvtColor(frame, cv2.COLOR_RGB2HSV)[..., 0] * _TURN


def _circular(first: np.ndarray, second: np.ndarray) -> float:
    a, b = (np.sin(one - np.angle(np.exp(1j * one).mean())) for one in (first, second))
    norm = np.sqrt(np.square(a).sum() * np.square(b).sum())
    return float((a * b).sum() / norm) if norm > 1e-9 else 0.0


def _check(real: np.ndarray, made: np.ndarray) -> None:
    if real.shape != made.shape or real.ndim != 5 or real.shape[-1] != 3:
        raise BrainvisError(
            "true and made clips must both be (n, frames, height, width, 3)",
            field="clips",
            found=f"{real.shape} and {made.shape}",
        )
    if real.dtype != np.uint8 or made.dtype != np.uint8:
        raise BrainvisError("must be bytes", field="clips", found=f"{real.dtype}, {made.dtype}")
    if min(real.shape[2:4]) < _SSIM_WINDOW:
        raise BrainvisError(
            f"frames are smaller than the SSIM window of {_SSIM_WINDOW} pixels",
            field="clips",
            found=real.shape[2:4],
        )
