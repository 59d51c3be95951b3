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
    return float((_unit_sines(real) * _unit_sines(made)).sum() / len(real))


def hue_cosine_legacy(real: np.ndarray, made: np.ndarray) -> float:
    """Cosine of hue planes as published for cc2017 under the name Hue-pcc; no correlation.

    Hue is not negative, so that unrelated frames score far above 0.
    """
    return float((_unit_hues(real) * _unit_hues(made)).sum() / len(real))


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
    found = {
        name: np.array([[FRAME_METRICS[name](a, b) for b in made] for a in real])
        for name in ("frame_ssim", "frame_psnr")
    }
    for name, unit in (("hue_correlation", _unit_sines), ("hue_cosine_legacy", _unit_hues)):
        rows, columns = (np.stack([unit(one).ravel() for one in clips]) for clips in (real, made))
        found[name] = rows @ columns.T / real.shape[1]  # each clip's hues are taken once
    return found


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


def _hues(clip: np.ndarray) -> np.ndarray:
    """Hue in radians, (frames, height * width)."""
    return np.stack([cv2.cvtColor(one, cv2.COLOR_RGB2HSV)[..., 0].ravel() for one in clip]) * _TURN


def _unit_hues(clip: np.ndarray) -> np.ndarray:
    """Hue planes of length one, (frames, height * width); zeros stay zeros."""
    return _unit(_hues(clip))


def _unit_sines(clip: np.ndarray) -> np.ndarray:
    """Sines of hue around the frame's mean hue, of length one; zeros where there is one hue."""
    hues = _hues(clip)
    mean = np.angle(np.exp(1j * hues).mean(axis=1, keepdims=True))
    return _unit(np.sin(hues - mean))


def _unit(rows: np.ndarray) -> np.ndarray:
    norm = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.where(norm > 1e-6, rows / np.maximum(norm, 1e-6), 0.0)


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
