"""Motion energy of clips with pymoten (Nishimoto et al. 2011, Curr. Biol. 21:1641)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from brainvis.errors import BrainvisError
from brainvis.features.base import Extracted
from brainvis.features.inputs import channels_first


class MotionEnergy:
    """Spatiotemporal Gabor amplitudes, averaged over the frames of a clip and log-compressed.

    Parameters
    ----------
    fps : int
        Frames per second of the clips.
    size : int
        Side in pixels to which frames are reduced (square).
    spatial_frequencies : sequence of float
        Cycles per image.
    temporal_frequencies : sequence of float
        Hz, all below the Nyquist frequency `fps` / 2.

    Attributes
    ----------
    directions : ndarray, (filters,)
        Motion that each filter prefers, degrees (0 right, 90 up). pymoten 0.1.3 labels its filters
        with the opposite direction, because it convolves them with the film (time reversed).

    Raises
    ------
    BrainvisError
        For a temporal frequency that the frame rate cannot carry, or a frame rate that is no
        whole number.
    """

    source: Literal["images", "clips"] = "clips"

    def __init__(
        self,
        fps: int,
        size: int = 32,
        spatial_frequencies: Sequence[float] = (0.0, 2.0, 4.0, 8.0),
        temporal_frequencies: Sequence[float] = (0.0, 1.0, 2.0),
    ) -> None:
        import moten

        if fps != int(fps) or fps <= 2 * max(temporal_frequencies):
            raise BrainvisError(
                "frame rate must be a whole number above twice the highest temporal frequency "
                f"({max(temporal_frequencies):g} Hz)",
                field="fps",
                found=fps,
                remedy="set temporal_frequencies that the clips can show",
            )
        self.size, self._gap = size, int(fps)  # no filter lasts longer than a second
        self._pyramid = moten.get_default_pyramid(
            vhsize=(size, size),
            fps=int(fps),
            spatial_frequencies=list(spatial_frequencies),
            temporal_frequencies=list(temporal_frequencies),
        )
        self.directions = (np.asarray(self._pyramid.parameters["direction"]) + 180.0) % 360.0
        self.name = f"pymoten {self._pyramid.nfilters} filters, {size} px, {int(fps)} fps"

    def extract(self, images: np.ndarray) -> Extracted:
        """Pooled (b, filters) of clips (b, frames, height, width, 3); no tokens."""
        count, frames = images.shape[:2]
        # one long film with blank gaps, so that filters are built once for all clips of a batch
        film = np.zeros((count, frames + self._gap, self.size, self.size), dtype=np.float32)
        film[:, :frames] = self._luminance(images)
        amplitudes = self._pyramid.project_stimulus_batched(
            film.reshape(-1, self.size, self.size), output_nonlinearity=_unchanged
        )
        by_clip = np.asarray(amplitudes).reshape(count, frames + self._gap, -1)[:, :frames]
        return np.log1p(by_clip.mean(axis=1)).astype(np.float32), None

    def _luminance(self, clips: np.ndarray) -> np.ndarray:
        """CIE L* (0 to 100) of reduced frames around mid grey: (b, frames, size, size)."""
        from skimage.color import rgb2lab
        from torch.nn.functional import interpolate

        frames = channels_first(clips.reshape(-1, *clips.shape[2:]))
        reduced = interpolate(frames, (self.size, self.size), mode="bilinear", antialias=True)
        lightness = rgb2lab(reduced.permute(0, 2, 3, 1).numpy())[..., 0] - 50.0
        return lightness.reshape(*clips.shape[:2], self.size, self.size)


def _unchanged(amplitude: np.ndarray) -> np.ndarray:
    return amplitude
