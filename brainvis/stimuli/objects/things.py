"""Objects: car, chair, cup, hammer. Shape coordinates `u` are in [0, 1]."""

from __future__ import annotations

import numpy as np
import trimesh

from brainvis.stimuli.objects.paint import Assembly, Skin
from brainvis.stimuli.objects.primitives import (
    ball,
    box,
    cylinder,
    lathe,
    limb,
    placed,
    prism,
    tube,
)

GLASS, RUBBER, STEEL, WOOD = (
    (0.55, 0.80, 0.92),
    (0.09, 0.09, 0.10),
    (0.62, 0.64, 0.68),
    (0.66, 0.42, 0.2),
)


def car(u: np.ndarray, skin: Skin) -> trimesh.Trimesh:
    """Car seen from its side: body, cabin, windows, four wheels, lamps."""
    parts = Assembly()
    long, cabin = 1.9 + 0.5 * u[0], 0.42 + 0.25 * u[1]
    parts.add(placed(box((long, 0.95, 0.42)), (0, 0, 0)), skin.main)
    front, back = -0.55 + 0.25 * u[2], 0.45 + 0.35 * u[3]
    roof = [(front - 0.25, 0.2), (back + 0.22, 0.2), (back, 0.2 + cabin), (front, 0.2 + cabin)]
    parts.add(prism(np.array(roof), 0.85), skin.base)
    middle, glass = (front + back) / 2, cabin * 0.62
    for x, width in (
        (front + (middle - front) / 2, middle - front),
        (middle + (back - middle) / 2, back - middle),
    ):
        for y in (-0.43, 0.43):
            parts.add(placed(box((width * 0.82, 0.03, glass)), (x, y, 0.2 + cabin / 2)), GLASS)
    slope = np.rad2deg(np.arctan2(0.25, cabin))
    parts.add(
        placed(box((0.04, 0.7, glass)), (front - 0.13, 0, 0.2 + cabin / 2), (0, slope, 0)), GLASS
    )
    for x in (-long * 0.30, long * 0.30):
        for y in (-0.46, 0.46):
            parts.add(placed(cylinder(0.27, 0.2), (x, y, -0.24), (90, 0, 0)), RUBBER)
            parts.add(placed(cylinder(0.13, 0.23, sections=12), (x, y, -0.24), (90, 0, 0)), STEEL)
    for y in (-0.3, 0.3):
        parts.add(placed(ball(0.09, 10, 6), (-long / 2, y, 0.05)), (1.0, 0.97, 0.7))
        parts.add(placed(box((0.05, 0.16, 0.12)), (long / 2, y, 0.05)), (0.9, 0.08, 0.05))
    return parts.mesh()


def chair(u: np.ndarray, skin: Skin) -> trimesh.Trimesh:
    """Chair with four legs, seat and a back of slats or a panel."""
    parts = Assembly()
    width, back, leg = 0.9 + 0.3 * u[0], 0.8 + 0.5 * u[1], 0.7 + 0.25 * u[2]
    parts.add(placed(box((width, 0.9, 0.14))), skin.main)
    for x in (-1, 1):
        for y in (-0.38, 0.38):
            foot = (x * width * 0.44, y * 1.1, -leg)
            parts.add(limb((x * width * 0.42, y, -0.05), foot, 0.075, 0.06), skin.detail)
        post = [(x * width * 0.44, 0.40, 0), (x * width * 0.44, 0.40 + 0.15 * u[3], back)]
        parts.add(limb(post[0], post[1], 0.07), skin.detail)
    if u[4] > 0.5:
        panel = box((width * 0.86, 0.09, back * 0.6))
        parts.add(placed(panel, (0, 0.42 + 0.1 * u[3], back * 0.65), (-6, 0, 0)), skin.main)
    else:
        for height in (0.35, 0.65, 0.95):
            slat = box((width * 0.86, 0.08, back * 0.18))
            parts.add(placed(slat, (0, 0.40 + 0.15 * u[3] * height, back * height)), skin.main)
    return parts.mesh()


def cup(u: np.ndarray, skin: Skin) -> trimesh.Trimesh:
    """Cup with a handle and a drink in it."""
    parts = Assembly()
    low, high, tall = 0.45 + 0.2 * u[0], 0.68 + 0.12 * u[1], 1.0 + 0.5 * u[2]
    t = np.linspace(0, 1, 9)
    side = np.c_[low + (high - low) * t ** (0.6 + u[3]), tall * t]
    inner = side[::-1] - np.array([0.09, 0])
    inner[-1, 1] = 0.12
    profile = [(0, 0), *side, *inner, (0, 0.12)]
    parts.add(lathe(profile, 24), skin.main)
    parts.add(
        placed(cylinder(high - 0.12, 0.04, sections=20), (0, 0, tall * 0.86)), (0.30, 0.16, 0.07)
    )
    angle = np.linspace(-np.pi / 2, np.pi / 2, 9)
    grip = 0.28 + 0.14 * u[4]
    loop = np.c_[
        (low + high) / 2 - 0.02 + grip * 1.2 * np.cos(angle),
        0 * angle,
        tall * 0.52 + grip * np.sin(angle),
    ]
    parts.add(tube(loop, 0.085), skin.detail)
    return parts.mesh()


def hammer(u: np.ndarray, skin: Skin) -> trimesh.Trimesh:
    """Claw hammer, standing on its handle's end."""
    parts = Assembly()
    long, head = 1.9 + 0.5 * u[0], 0.30 + 0.12 * u[1]
    parts.add(placed(cylinder(0.13, long * 0.55, sections=12), (0, 0, long * 0.6)), WOOD)
    parts.add(placed(cylinder(0.17, long * 0.5, 0.15, 14), (0, 0, long * 0.25)), skin.main)
    parts.add(placed(box((0.5, head, head)), (0, 0, long * 0.9)), STEEL)
    parts.add(
        placed(cylinder(head * 0.62, 0.42 + 0.2 * u[2]), (-0.42, 0, long * 0.9), (0, 90, 0)), STEEL
    )
    for side in (-1, 1):
        claw = np.array(
            [
                (0.2, side * 0.07, 0),
                (0.55, side * 0.1, -0.02),
                (0.85, side * 0.14, -0.22 - 0.2 * u[3]),
            ]
        )
        parts.add(tube(claw + np.array([0, 0, long * 0.9]), np.array([0.13, 0.11, 0.04])), STEEL)
    return parts.mesh()
