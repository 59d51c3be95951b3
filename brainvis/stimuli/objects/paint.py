"""Colours and solid textures, evaluated at the vertices of a mesh."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np
import trimesh
from trimesh.visual import ColorVisuals

from brainvis.stimuli.objects.primitives import joined

COLORS: dict[str, tuple[float, float, float]] = {  # sRGB, 0 to 1
    "red": (0.86, 0.12, 0.12),
    "orange": (0.96, 0.50, 0.08),
    "yellow": (0.97, 0.83, 0.13),
    "green": (0.20, 0.65, 0.20),
    "cyan": (0.15, 0.75, 0.80),
    "blue": (0.13, 0.30, 0.85),
    "purple": (0.52, 0.20, 0.75),
    "pink": (0.96, 0.48, 0.68),
    "white": (0.94, 0.94, 0.92),
    "black": (0.10, 0.10, 0.12),
    "grey": (0.55, 0.56, 0.58),
    "brown": (0.45, 0.27, 0.13),
    "tan": (0.82, 0.66, 0.45),
    "pale": (0.95, 0.78, 0.66),
    "peach": (0.88, 0.64, 0.48),
    "dark brown": (0.36, 0.21, 0.13),
}

Paint = Callable[[np.ndarray], np.ndarray]  # points (n, 3) -> sRGB (n, 3)


def plain(color: str | tuple[float, float, float]) -> Paint:
    """One colour everywhere."""
    rgb = np.asarray(COLORS[color] if isinstance(color, str) else color, float)
    return lambda points: np.broadcast_to(rgb, (len(points), 3))


def _stripes(p: np.ndarray) -> np.ndarray:
    return np.sin(2 * np.pi * (p @ [0.35, 0.35, 0.87])) > 0


def _bands(p: np.ndarray) -> np.ndarray:
    return np.sin(2 * np.pi * (p @ [0.9, 0.43, 0.1])) > 0


def _checker(p: np.ndarray) -> np.ndarray:
    return (np.floor(p + 0.25).sum(axis=1).astype(int) % 2) == 0


def _dots(p: np.ndarray) -> np.ndarray:
    return np.linalg.norm(p - np.round(p), axis=1) < 0.38


def _marble(p: np.ndarray) -> np.ndarray:
    swirl = np.sin(3.1 * p[:, 0] + 2 * np.sin(2.3 * p[:, 2])) + np.sin(4.7 * p[:, 2] + 3 * p[:, 1])
    return np.clip(0.5 + 0.4 * swirl, 0, 1)


# name -> (share of the second colour at points, how a caption calls it)
TEXTURES: dict[str, tuple[Paint, str]] = {
    "plain": (lambda p: np.zeros(len(p)), ""),
    "stripes": (_stripes, "striped"),
    "bands": (_bands, "banded"),
    "checker": (_checker, "checkered"),
    "dots": (_dots, "dotted"),
    "marble": (_marble, "marbled"),
}


@dataclass(frozen=True)
class Skin:
    """How an object's main surface and its details are painted.

    Attributes
    ----------
    color, second : str
        Names in `COLORS`; the second one shows in textures and details.
    texture : str
        Name in `TEXTURES`.
    period : float
        Length of one texture period, in object units.
    """

    color: str
    second: str
    texture: str
    period: float = 0.5

    def main(self, points: np.ndarray) -> np.ndarray:
        """The textured surface."""
        share = np.asarray(TEXTURES[self.texture][0](points / self.period), float)[:, None]
        return (1 - share) * np.asarray(COLORS[self.color]) + share * np.asarray(
            COLORS[self.second]
        )

    def detail(self, points: np.ndarray) -> np.ndarray:
        """Plain second colour."""
        return plain(self.second)(points)

    def base(self, points: np.ndarray) -> np.ndarray:
        """Plain first colour."""
        return plain(self.color)(points)


class Assembly:
    """Painted parts that become one mesh."""

    def __init__(self) -> None:
        self._parts: list[trimesh.Trimesh] = []
        self._colors: list[np.ndarray] = []

    def add(self, part: trimesh.Trimesh, paint: Paint | str | tuple) -> None:
        """Add a part, painted by a function of its points or with one colour."""
        paint = plain(paint) if isinstance(paint, (str, tuple)) else paint
        self._parts.append(part)
        self._colors.append(np.round(np.clip(paint(part.vertices), 0, 1) * 255).astype(np.uint8))

    def mesh(self) -> trimesh.Trimesh:
        """All parts as one mesh, centred, scaled to a bounding sphere of radius 1."""
        whole = joined(self._parts)
        whole.vertices -= whole.bounds.mean(axis=0)
        whole.vertices /= np.linalg.norm(whole.vertices, axis=1).max()
        whole.visual = ColorVisuals(whole, vertex_colors=np.concatenate(self._colors))
        whole.metadata["parts"] = len(self._parts)
        return whole


def vertex_colors(mesh: trimesh.Trimesh) -> np.ndarray:
    """Colours of a painted mesh, (vertices, 3), sRGB in [0, 1]."""
    return np.asarray(cast(ColorVisuals, mesh.visual).vertex_colors)[:, :3] / 255.0
