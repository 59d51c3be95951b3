"""Places: house, room, street, landscape. Shape coordinates `u` are in [0, 1]."""

from __future__ import annotations

import numpy as np
import trimesh

from brainvis.stimuli.objects.paint import Assembly, Skin
from brainvis.stimuli.objects.primitives import ball, box, cylinder, placed, prism, sheet, solid

GLASS, WOOD, ROOF = (0.60, 0.82, 0.95), (0.50, 0.31, 0.16), (0.70, 0.22, 0.14)
ASPHALT, PAVING = (0.27, 0.27, 0.30), (0.66, 0.64, 0.60)


def house(u: np.ndarray, skin: Skin) -> trimesh.Trimesh:
    """Gabled house with door, windows and chimney."""
    parts = Assembly()
    wide, tall, deep = 1.5 + 0.6 * u[0], 0.9 + 0.5 * u[1], 1.2
    parts.add(box((wide, deep, tall), 0.25), skin.main)
    eave = tall / 2 - 0.02
    gable = [(-wide / 2 - 0.12, eave), (wide / 2 + 0.12, eave), (0, eave + 0.5 + 0.4 * u[2])]
    parts.add(prism(np.array(gable), deep + 0.2), skin.detail)
    front = -deep / 2 - 0.02
    parts.add(placed(box((0.32, 0.06, 0.62)), (0, front, -tall / 2 + 0.31)), WOOD)
    parts.add(placed(ball(0.035, 6, 4), (0.1, front - 0.04, -tall / 2 + 0.3)), (0.95, 0.85, 0.3))
    for x in (-0.31, 0.31):
        for dz in (0.0,) if tall < 1.15 else (-0.1, 0.33):
            parts.add(placed(box((0.36, 0.05, 0.34)), (x * wide, front, dz)), (0.97, 0.97, 0.95))
            parts.add(placed(box((0.28, 0.07, 0.26)), (x * wide, front, dz)), GLASS)
    chimney = (0.3 * wide, 0.1, eave + 0.45)
    parts.add(placed(box((0.2, 0.2, 0.7)), chimney), ROOF)
    return parts.mesh()


def room(u: np.ndarray, skin: Skin) -> trimesh.Trimesh:
    """Interior, open towards the viewer: walls, floor, window, door, bed or table."""
    parts = Assembly()
    w, d, h = 3.0 + 0.6 * u[0], 2.4 + 0.8 * u[1], 2.0

    def planks(points: np.ndarray) -> np.ndarray:
        dark = np.floor(points[:, 0] * 3) % 2 == 0
        return np.where(dark[:, None], (0.62, 0.42, 0.24), (0.72, 0.51, 0.31))

    parts.add(placed(box((w, d, 0.08), 0.3), (0, 0, -0.04)), planks)
    parts.add(placed(box((w, 0.08, h), 0.3), (0, d / 2, h / 2)), skin.main)
    for side in (-1, 1):
        parts.add(placed(box((0.08, d, h), 0.3), (side * w / 2, 0, h / 2)), skin.base)
    x = (u[2] - 0.5) * 0.8
    parts.add(placed(box((0.95, 0.06, 0.8)), (x - 0.5, d / 2 - 0.05, 1.25)), (0.97, 0.97, 0.95))
    parts.add(placed(box((0.82, 0.08, 0.66)), (x - 0.5, d / 2 - 0.06, 1.25)), GLASS)
    parts.add(placed(box((0.55, 0.08, 1.45)), (x + 0.85, d / 2 - 0.05, 0.72)), WOOD)
    if u[3] > 0.5:
        parts.add(placed(box((1.3, 1.3, 0.35)), (-0.5, 0.1, 0.2)), skin.detail)
        parts.add(placed(box((0.9, 0.35, 0.16)), (-0.5, 0.6, 0.45)), (0.97, 0.97, 0.95))
    else:
        parts.add(placed(cylinder(0.6, 0.08, sections=20), (-0.3, 0.1, 0.62)), skin.detail)
        parts.add(placed(cylinder(0.08, 0.6), (-0.3, 0.1, 0.3)), WOOD)
        parts.add(placed(ball(0.14, 10, 8), (-0.2, 0.0, 0.78)), (0.85, 0.12, 0.1))
    parts.add(placed(box((0.5, 0.4, 0.9 + 0.5 * u[4])), (w / 2 - 0.35, 0.2, 0.5)), WOOD)
    return parts.mesh()


def street(u: np.ndarray, skin: Skin) -> trimesh.Trimesh:
    """Road between two rows of buildings with lit windows."""
    parts = Assembly()
    gap = 0.95 + 0.4 * u[0]
    parts.add(placed(box((2 * gap, 6.0, 0.06), 0.8), (0, 0, 0.0)), ASPHALT)
    for y in np.linspace(-2.6, 2.6, 6):
        parts.add(placed(box((0.12, 0.5, 0.02)), (0, y, 0.04)), (0.96, 0.93, 0.7))
    heights = 0.9 + 1.5 * np.modf(np.outer([1.0, 1.7], u[1] * 7.3 + np.arange(3) * 0.37))[0]
    walls = [skin.main, skin.detail, (0.80, 0.72, 0.60)]
    for row, side in enumerate((-1, 1)):
        parts.add(placed(box((0.3, 6.0, 0.1), 0.8), (side * (gap + 0.1), 0, 0.03)), PAVING)
        for k, y in enumerate((-1.9, 0.0, 1.9)):
            height, x = heights[row, k], side * (gap + 0.75)
            parts.add(
                placed(box((1.0, 1.75, height), 0.5), (x, y, height / 2)), walls[(k + row) % 3]
            )
            for z in np.arange(0.45, height - 0.15, 0.5):
                for dy in (-0.45, 0.45):
                    pane = box((0.05, 0.4, 0.28), 0.5)
                    parts.add(placed(pane, (side * (gap + 0.25), y + dy, z)), GLASS)
    return parts.mesh()


def landscape(u: np.ndarray, skin: Skin) -> trimesh.Trimesh:
    """Hills or mountains with a lake and trees."""
    parts = Assembly()
    peak = 1.3 + 1.2 * u[0]

    def height(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        ridge = np.exp(-(((y - 1.2) / 0.8) ** 2))
        bumps = 0.55 + 0.45 * np.sin(1.9 * x + 6 * u[1]) * np.cos(1.1 * x - 4 * u[2])
        bumps += 0.18 * np.sin(5.3 * x + 9 * u[3] + 2 * y)
        return peak * ridge * np.clip(bumps, 0.05, None) + 0.05 * np.sin(3 * x + 2 * y)

    def ground(points: np.ndarray) -> np.ndarray:
        share = np.clip(points[:, 2:] / peak, 0, 1)
        low, rock, snow = (0.30, 0.62, 0.22), (0.46, 0.40, 0.35), (0.97, 0.97, 1.0)
        color = np.where(share < 0.3, low, rock)
        return np.where(share > 0.62, snow, color)

    def surface(a: np.ndarray, b: np.ndarray) -> tuple:
        x, y = 6 * (a - 0.5), 4 * b - 1.6
        return x, y, height(x, y)

    parts.add(sheet(surface, 26, 40), ground)
    lake = solid(
        placed(cylinder(1.0, 0.03, sections=24)).vertices * [1.1, 0.45, 1],
        cylinder(1.0, 0.03, sections=24).faces,
    )
    parts.add(placed(lake, ((u[4] - 0.5) * 1.5, -0.7, 0.07)), (0.20, 0.50, 0.85))
    for k in range(4 + int(3 * u[5])):
        x = -2.2 + 4.4 * np.modf(0.618 * (k + 1) + u[1])[0]
        y = -0.2 + 0.5 * np.modf(0.37 * k + u[2])[0]
        z = float(height(np.array(x), np.array(y)))
        parts.add(placed(cylinder(0.07, 0.3, sections=8), (x, y, z + 0.1)), WOOD)
        parts.add(placed(cylinder(0.3, 0.75, 0.0, 10), (x, y, z + 0.55)), skin.main)
    return parts.mesh()
