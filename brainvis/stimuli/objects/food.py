"""Food: apple, banana, burger, ice cream. Shape coordinates `u` are in [0, 1]."""

from __future__ import annotations

import numpy as np
import trimesh

from brainvis.stimuli.objects.paint import COLORS, Assembly, Skin
from brainvis.stimuli.objects.primitives import ball, box, cylinder, lathe, limb, placed, tube

LEAF, STEM = (0.25, 0.62, 0.18), (0.35, 0.22, 0.10)


def apple(u: np.ndarray, skin: Skin) -> trimesh.Trimesh:
    """Apple with dimples, stem and leaf."""
    parts = Assembly()
    angle = np.linspace(-np.pi / 2, np.pi / 2, 17)
    height = 0.80 + 0.25 * u[0]
    dimple = 0.22 * np.exp(-(((np.pi / 2 - np.abs(angle)) / 0.45) ** 2))
    radius = np.cos(angle) * (1 + (0.05 + 0.15 * u[1]) * np.sin(angle))
    profile = np.c_[radius, height * np.sin(angle) - np.sign(angle) * dimple * (0.6 + 0.8 * u[2])]
    profile[[0, -1], 0] = 0

    def blush(points: np.ndarray) -> np.ndarray:
        share = 0.45 * u[4] * np.clip(points[:, :1] * 0.8 + 0.2, 0, 1)
        return (1 - share) * skin.main(points) + share * np.asarray(COLORS["yellow"])

    parts.add(lathe(profile, 24), blush)
    top = height - 0.25
    parts.add(
        tube(np.array([(0, 0, top), (0.03, 0, top + 0.25), (0.12, 0, top + 0.5)]), 0.06, 8), STEM
    )
    leaf = placed(ball((0.32, 0.15, 0.04), 12, 8), (0.38, -0.05, top + 0.40), (20, -20, 30 * u[3]))
    parts.add(leaf, LEAF)
    return parts.mesh()


def banana(u: np.ndarray, skin: Skin) -> trimesh.Trimesh:
    """One to three bananas joined at the stalk."""
    parts = Assembly()
    bend = np.deg2rad(95 + 60 * u[0])
    t = np.linspace(-0.5, 0.5, 13)
    girth = (0.16 + 0.07 * u[1]) * np.sqrt(np.clip(1 - (1.8 * t) ** 4, 0.15, 1))
    for k in range(1 + int(2.99 * u[2])):
        arc = np.c_[np.sin(bend * t), np.full(13, 0.0), 1 - np.cos(bend * t)] / (bend / 2)
        arc[:, 1] += 0.34 * k * (1 - 1.2 * (t + 0.5))
        arc[:, 2] -= 0.07 * k
        parts.add(tube(arc, girth, 12), skin.main)
        for end, inner in ((0, 1), (12, 11)):
            out = arc[end] + 0.9 * (arc[end] - arc[inner])
            parts.add(limb(arc[end], out, 0.085, 0.07), STEM)
    return parts.mesh()


def burger(u: np.ndarray, skin: Skin) -> trimesh.Trimesh:
    """Bun, salad, cheese, tomato, patty, bun."""
    parts = Assembly()
    half = np.linspace(0, np.pi / 2, 8)
    dome = [(0, 0), (0.97, 0), *zip(np.cos(half), (0.45 + 0.3 * u[0]) * np.sin(half), strict=True)]
    dome[-1] = (0, dome[-1][1])
    thick = 0.18 + 0.14 * u[1]
    parts.add(
        placed(lathe([(0, -0.1), (0.9, -0.1), (1, 0.0), (0.98, 0.18), (0, 0.2)], 24)), skin.main
    )
    level = 0.2
    parts.add(
        placed(cylinder(1.02, thick, sections=24), (0, 0, level + thick / 2)), (0.33, 0.17, 0.08)
    )
    level += thick
    parts.add(
        placed(box((1.55, 1.55, 0.07)), (0, 0, level + 0.02), (0, 0, 45 + 20 * u[2])),
        (1.0, 0.78, 0.1),
    )
    parts.add(placed(cylinder(1.0, 0.13, sections=24), (0, 0, level + 0.1)), (0.85, 0.15, 0.1))
    angle = np.linspace(0, 2 * np.pi, 25)
    wave = 0.06 * np.sin((5 + int(4 * u[3])) * angle)
    salad = np.c_[1.0 * np.cos(angle), 1.0 * np.sin(angle), level + 0.22 + wave]
    parts.add(tube(salad, 0.11, 8), LEAF)
    parts.add(placed(lathe(dome, 24), (0, 0, level + 0.26)), skin.main)
    for k in range(9):
        a, r = 2.4 * k, 0.2 + 0.06 * k
        z = level + 0.26 + (0.45 + 0.3 * u[0]) * np.sqrt(1 - r**2)
        parts.add(
            placed(ball((0.07, 0.05, 0.04), 6, 4), (r * np.cos(a), r * np.sin(a), z)),
            (0.98, 0.93, 0.75),
        )
    return parts.mesh()


def icecream(u: np.ndarray, skin: Skin) -> trimesh.Trimesh:
    """Waffle cone with one to three scoops and a cherry."""
    parts = Assembly()

    def waffle(points: np.ndarray) -> np.ndarray:
        lines = np.sin(14 * points[:, 2] + 5 * np.arctan2(points[:, 1], points[:, 0])) > 0.5
        return np.where(lines[:, None], (0.62, 0.38, 0.14), (0.88, 0.62, 0.28))

    length = 1.2 + 0.5 * u[0]
    parts.add(placed(cylinder(0.0001, length, 0.52, 20), (0, 0, -length / 2)), waffle)
    flavours = (skin.main, skin.detail, plain_cream)
    z = 0.22
    for k in range(1 + int(2.99 * u[1])):
        size = 0.60 - 0.07 * k
        parts.add(placed(ball((size, size, size * 0.92), 20, 12), (0, 0, z)), flavours[k])
        z += size * 1.05
    parts.add(placed(ball(0.15, 10, 8), (0, 0, z - 0.08)), (0.80, 0.05, 0.12))
    if u[2] > 0.4:
        parts.add(limb((0.25, 0, z - 0.6), (0.55, 0, z + 0.25), 0.07), (0.55, 0.32, 0.14))
    return parts.mesh()


def plain_cream(points: np.ndarray) -> np.ndarray:
    """Vanilla."""
    return np.broadcast_to((0.98, 0.93, 0.78), (len(points), 3))
