"""Backdrops and grounds: small periodic bitmaps, one pair per named background."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

BACKDROP_SHAPE = (96, 192)  # rows (top is the zenith), columns around a third of the horizon
GROUND_SHAPE = (128, 128)
_HORIZON = 0.24  # share of the backdrop, from below, that lies near the horizon


def _noise(rng: np.random.Generator, shape: tuple[int, int], blur: float | tuple) -> np.ndarray:
    """Smooth periodic noise, mean 0, about -1 to 1, (rows, columns)."""
    field = gaussian_filter(rng.standard_normal(shape), blur, mode="wrap")
    return field / (2 * field.std())


def _mix(low: tuple, high: tuple, share: np.ndarray) -> np.ndarray:
    share = np.clip(share, 0, 1)[..., None]
    return (1 - share) * np.asarray(low) + share * np.asarray(high)


def _heights(shape: tuple[int, int]) -> np.ndarray:
    """Height of every backdrop pixel, 0 at the bottom row, 1 at the top, (rows, columns)."""
    return np.broadcast_to(np.linspace(1, 0, shape[0])[:, None], shape)


def _sky(low: tuple, high: tuple, cloud: tuple | None = None, cover: float = 0.2):
    def paint(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
        sky = _mix(low, high, _heights(shape) * 1.6)
        if cloud is None:
            return sky
        veil = np.clip(_noise(rng, shape, (3, 7)) * 1.5 - 0.5 + cover, 0, 1)[..., None]
        return (1 - veil) * sky + veil * np.asarray(cloud)

    return paint


def _skyline(sky: Callable, color: tuple, roughness: float, height: float):
    """A sky with a dark silhouette (trees, dunes, roofs) standing at the horizon."""

    def paint(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
        image = sky(rng, shape)
        edge = height * (1 + 0.45 * _noise(rng, (1, shape[1]), (0, roughness)))
        leaves = np.asarray(color) * (1 + 0.25 * _noise(rng, shape, 1.2))[..., None]
        return np.where((_heights(shape) < edge)[..., None], leaves, image)

    return paint


def _stars(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    image = _sky((0.16, 0.14, 0.36), (0.02, 0.03, 0.12))(rng, shape)
    shining = (rng.random(shape) > 0.99) & (_heights(shape) > _HORIZON)
    return np.where(shining[..., None], 1.0, image)


def _bricks(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    row, column = np.indices(shape)
    course = row // 6
    joint = (row % 6 == 0) | ((column + 6 * (course % 2)) % 12 == 0)
    tone = rng.uniform(0.8, 1.15, (shape[0] // 6 + 1, shape[1] // 12 + 1))
    bricks = np.array([0.66, 0.30, 0.22]) * tone[course, column // 12][..., None]
    return np.where(joint[..., None], (0.78, 0.74, 0.68), bricks)


def _wallpaper(first: tuple, second: tuple, period: int):
    def paint(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
        column = np.indices(shape)[1]
        return _mix(first, second, (column % period < period // 2).astype(float))

    return paint


def _studio(color: tuple):
    def paint(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
        return np.asarray(color) * (1.05 - 0.35 * _heights(shape))[..., None]

    return paint


def _mottled(color: tuple, blur: float | tuple, depth: float):
    """Ground with soft variations of brightness (grass, sand, snow, lawn)."""

    def paint(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
        return np.asarray(color) * (1 + depth * _noise(rng, shape, blur))[..., None]

    return paint


def _planks(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    column = np.indices(shape)[1]
    tone = rng.uniform(0.8, 1.1, shape[1] // 16)
    grain = 1 + 0.08 * _noise(rng, shape, (8, 0.7))
    wood = np.array([0.66, 0.45, 0.27]) * (tone[column // 16] * grain)[..., None]
    return np.where((column % 16 == 0)[..., None], (0.30, 0.19, 0.11), wood)


def _tiles(first: tuple, second: tuple):
    def paint(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
        row, column = np.indices(shape)
        return _mix(first, second, ((row // 32 + column // 32) % 2).astype(float))

    return paint


@dataclass(frozen=True)
class Background:
    """A named pair of backdrop and ground.

    Attributes
    ----------
    phrase : str
        How a caption places an object in it.
    backdrop, ground : callable
        From a generator and a shape (rows, columns) to sRGB (rows, columns, 3).
    indoor : bool
        Whether it is a room.
    """

    phrase: str
    backdrop: Callable[[np.random.Generator, tuple[int, int]], np.ndarray]
    ground: Callable[[np.random.Generator, tuple[int, int]], np.ndarray]
    indoor: bool = False


_DAY = _sky((0.78, 0.90, 1.0), (0.25, 0.52, 0.95), (1, 1, 1), 0.35)
_DUSK = _sky((1.0, 0.62, 0.25), (0.42, 0.20, 0.52), (1.0, 0.75, 0.5), 0.25)

BACKGROUNDS: dict[str, Background] = {
    "field": Background("in a green field", _DAY, _mottled((0.34, 0.62, 0.22), 2.0, 0.25)),
    "beach": Background(
        "on a beach",
        _skyline(_DAY, (0.10, 0.45, 0.70), 40, 0.13),
        _mottled((0.93, 0.82, 0.58), 1.5, 0.12),
    ),
    "forest": Background(
        "in front of a forest",
        _skyline(_DAY, (0.10, 0.30, 0.12), 3, 0.36),
        _mottled((0.30, 0.42, 0.18), 2.5, 0.35),
    ),
    "desert": Background(
        "in a desert",
        _skyline(_sky((1.0, 0.93, 0.75), (0.45, 0.72, 0.95)), (0.78, 0.48, 0.28), 12, 0.17),
        _mottled((0.88, 0.62, 0.36), (6, 2), 0.15),
    ),
    "snow": Background(
        "in the snow",
        _skyline(_sky((0.93, 0.96, 1.0), (0.55, 0.70, 0.90)), (0.62, 0.70, 0.82), 9, 0.22),
        _mottled((0.86, 0.89, 0.95), 4, 0.05),
    ),
    "sunset": Background(
        "at sunset",
        _skyline(_DUSK, (0.25, 0.13, 0.22), 8, 0.15),
        _mottled((0.50, 0.34, 0.30), 2.5, 0.2),
    ),
    "night": Background("at night", _stars, _mottled((0.16, 0.20, 0.34), 2.5, 0.25)),
    "brick wall": Background("in front of a brick wall", _bricks, _planks, indoor=True),
    "wallpaper": Background(
        "in front of striped wallpaper",
        _wallpaper((0.93, 0.86, 0.68), (0.62, 0.76, 0.72), 16),
        _planks,
        indoor=True,
    ),
    "tiled room": Background(
        "on a checkered floor",
        _studio((0.72, 0.80, 0.92)),
        _tiles((0.92, 0.92, 0.90), (0.20, 0.22, 0.26)),
        indoor=True,
    ),
    "grey studio": Background(
        "in a grey studio", _studio((0.62, 0.62, 0.64)), _mottled((0.58, 0.58, 0.60), 3, 0.02), True
    ),
    "blue studio": Background(
        "in a blue studio", _studio((0.30, 0.48, 0.85)), _mottled((0.28, 0.42, 0.75), 3, 0.03), True
    ),
}


def bitmaps(name: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Backdrop and ground of a named background.

    Returns
    -------
    (backdrop, ground)
        sRGB in [0, 1], float64, of `BACKDROP_SHAPE` and `GROUND_SHAPE` with 3 channels.
    """
    background = BACKGROUNDS[name]
    images = background.backdrop(rng, BACKDROP_SHAPE), background.ground(rng, GROUND_SHAPE)
    return tuple(np.clip(image, 0, 1) for image in images)  # pyright: ignore[reportReturnType]
