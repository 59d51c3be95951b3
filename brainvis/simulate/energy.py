"""Local image energy that early and motion-sensitive visual areas respond to.

Gabor energy and motion energy are sums of squares of quadrature pairs (Adelson & Bergen 1985;
Nishimoto et al. 2011), colour is rectified opponent contrast. Nothing here is learned.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from skimage.filters import gabor_kernel
from skimage.transform import resize

SIDE = 64  # pixels to which images are brought
GRID = 16  # cells per side of a channel map
ORIENTATIONS = np.arange(6) * np.pi / 6  # of the stripes' normal, radians
WAVELENGTHS = (4.0, 8.0, 16.0)  # pixels of SIDE: 16, 8 and 4 cycles per image
OPPONENTS = ("red", "green", "blue", "yellow", "light", "dark")
MOTION_SIDE = 32  # pixels to which clip frames are brought
MOTION_CYCLES = (2.0, 4.0, 6.0)  # spatial frequencies, cycles per image
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_MARGIN = 16  # mirrored border, one wavelength of the coarsest filter


def shrink(images: np.ndarray, side: int) -> np.ndarray:
    """Bring square-grid images to `side` pixels, (n, height, width, ...) -> (n, side, side, ...).

    Exact multiples are averaged in blocks, other sizes are interpolated with anti-aliasing.
    """
    height, width = images.shape[1:3]
    if height % side == 0 and width % side == 0:
        blocks = (len(images), side, height // side, side, width // side, *images.shape[3:])
        return images.reshape(blocks).mean(axis=(2, 4), dtype=np.float32)
    shape = (side, side, *images.shape[3:])
    small = [np.asarray(resize(image, shape, anti_aliasing=True)) for image in images]
    return np.stack(small).astype(np.float32)


def gabor_energy(images: np.ndarray) -> np.ndarray:
    """Energy of Gabor quadrature pairs on a coarse grid.

    Parameters
    ----------
    images : (n, height, width, 3) float in [0, 1]

    Returns
    -------
    (n, 18, 16, 16) float32
        Root-mean-square contrast energy; channels run over wavelengths, then orientations.
        Rows go down the image, columns to the right.
    """
    luminance = shrink(images, SIDE) @ _LUMA
    border = [(0, 0), (_MARGIN, _MARGIN), (_MARGIN, _MARGIN)]
    padded = np.pad(luminance - luminance.mean(axis=(1, 2), keepdims=True), border, mode="reflect")
    spectrum = np.fft.fft2(padded.astype(np.float32))  # (n, 96, 96) complex64
    maps = []
    for wavelength in WAVELENGTHS:
        for orientation in ORIENTATIONS:
            kernel = _centred(gabor_kernel(1 / wavelength, orientation, bandwidth=1), padded.shape)
            pair = np.fft.ifft2(spectrum * np.fft.fft2(kernel))
            inside = pair[:, _MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
            maps.append(np.sqrt(shrink(np.square(np.abs(inside)), GRID)))
    return np.stack(maps, axis=1).astype(np.float32)


def _centred(kernel: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Kernel without its mean, on the padded field, its centre at the origin for the FFT."""
    kernel = kernel - np.real(kernel).sum() * np.abs(kernel) / np.abs(kernel).sum()
    rows, columns = kernel.shape
    top, left = max(0, (rows - shape[1]) // 2), max(0, (columns - shape[2]) // 2)
    kernel = kernel[top : rows - top, left : columns - left]
    field = np.zeros(shape[1:], dtype=np.complex64)
    field[: kernel.shape[0], : kernel.shape[1]] = kernel
    return np.roll(field, (-(kernel.shape[0] // 2), -(kernel.shape[1] // 2)), axis=(0, 1))


def opponent_maps(images: np.ndarray) -> np.ndarray:
    """Half-rectified colour- and luminance-opponent signals, (n, 6, 16, 16) float32.

    Channels are those of `OPPONENTS`; `images` is (n, height, width, 3) float in [0, 1].
    """
    small = shrink(images, SIDE)
    red, green, blue = small[..., 0], small[..., 1], small[..., 2]
    red_green, blue_yellow = red - green, blue - (red + green) / 2
    light = small @ _LUMA - 0.5
    signals = [red_green, -red_green, blue_yellow, -blue_yellow, light, -light]
    return np.stack([shrink(np.maximum(signal, 0), GRID) for signal in signals], axis=1)


@dataclass(frozen=True)
class MotionFilters:
    """Motion-energy filters: direction in degrees (0 right, 90 up), speed, centre.

    Arrays of (filters,): `direction`, `cycles` per image, `hertz`; `x` and `y` of the centre in
    the visual field, image half-widths from fixation (x right, y up). `spatial` is
    (2, filters, pixels), `temporal` (2, filters, frames): sine and cosine.
    """

    direction: np.ndarray
    cycles: np.ndarray
    hertz: np.ndarray
    x: np.ndarray
    y: np.ndarray
    spatial: np.ndarray
    temporal: np.ndarray


def motion_filters(frames: int, fps: int) -> MotionFilters:
    """A small motion-energy pyramid made by pymoten, for clips of `frames` at `fps`."""
    from moten.pyramids import MotionEnergyPyramid

    width = max(3, min(fps, frames // 2))
    pyramid = MotionEnergyPyramid(
        stimulus_vhsize=(MOTION_SIDE, MOTION_SIDE),
        stimulus_fps=int(fps),
        temporal_frequencies=[fps / 12, fps / 6],  # one to five pixels of SIDE per frame
        spatial_frequencies=list(MOTION_CYCLES),
        filter_spacing=1.5,
        filter_temporal_width=width,  # pyright: ignore[reportArgumentType]
    )
    parts = [pyramid.get_filter_spatiotemporal_quadratures(f) for f in range(pyramid.nfilters)]
    spatial = np.array([[pair[phase].ravel() for pair in parts] for phase in (0, 1)])
    temporal = np.array([[pair[phase] for pair in parts] for phase in (2, 3)])
    given = pyramid.parameters
    return MotionFilters(
        direction=given["direction"],
        cycles=given["spatial_freq"],
        hertz=given["temporal_freq"],
        x=2 * given["centerh"] - 1,
        y=1 - 2 * given["centerv"],
        spatial=spatial.astype(np.float32),
        temporal=temporal.astype(np.float32),
    )


def motion_energy(clips: np.ndarray, filters: MotionFilters) -> np.ndarray:
    """Motion energy, averaged over the times at which a filter lies wholly inside the clip.

    Parameters
    ----------
    clips : (n, frames, height, width, 3) float in [0, 1]
    filters : MotionFilters

    Returns
    -------
    (n, filters) float32
    """
    n, frames = clips.shape[:2]
    luminance = shrink(clips.reshape(n * frames, *clips.shape[2:]), MOTION_SIDE) @ _LUMA
    luminance -= luminance.mean(axis=(1, 2), keepdims=True)
    flat = luminance.reshape(n * frames, -1)
    space = [(flat @ phase.T).reshape(n, frames, -1) for phase in filters.spatial]
    width = filters.temporal.shape[2]
    total = np.zeros((n, len(filters.direction)), dtype=np.float32)
    for start in range(frames - width + 1):
        window = [part[:, start : start + width] for part in space]  # sine, cosine: (n, width, f)
        time = [phase.T[None] for phase in filters.temporal]  # (1, width, f)
        sine = (window[0] * time[1] + window[1] * time[0]).sum(axis=1)
        cosine = (window[1] * time[1] - window[0] * time[0]).sum(axis=1)
        total += np.hypot(sine, cosine)
    return total / (frames - width + 1)
