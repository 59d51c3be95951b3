"""Faces: human, animal, mask, robot. Shape coordinates `u` are six numbers in [0, 1]."""

from __future__ import annotations

import numpy as np
import trimesh

from brainvis.stimuli.objects.paint import Assembly, Skin
from brainvis.stimuli.objects.primitives import ball, box, cylinder, limb, placed, tube

WHITE, DARK, LIPS = (0.96, 0.96, 0.94), (0.08, 0.06, 0.08), (0.72, 0.18, 0.20)
HAIR = [(0.10, 0.07, 0.05), (0.32, 0.18, 0.08), (0.85, 0.66, 0.25), (0.62, 0.24, 0.10)]


def _eyes(parts: Assembly, spread: float, depth: float, z: float, radius: float, iris) -> None:
    for side in (-1, 1):
        parts.add(
            placed(ball((radius, radius * 0.7, radius * 0.8)), (side * spread, depth, z)), WHITE
        )
        pupil = ball((radius * 0.52, radius * 0.4, radius * 0.55), 10, 6)
        parts.add(placed(pupil, (side * spread, depth - radius * 0.55, z)), iris)


def _arc(half_width: float, z: float, bend: float, depth: float, curve: float) -> np.ndarray:
    """Path across a face from left to right; positive bend lifts its ends."""
    x = np.linspace(-half_width, half_width, 7)
    along = (x / half_width) ** 2
    return np.c_[x, depth + curve * along, z + bend * along]


def human_face(u: np.ndarray, skin: Skin) -> trimesh.Trimesh:
    """Head with hair, brows, eyes, nose, mouth and ears."""
    parts = Assembly()
    width, hair = 0.70 + 0.14 * u[0], HAIR[int(3.99 * u[5])]
    head = ball((width, 0.78, 1.0), 24, 18)
    z = head.vertices[:, 2]
    head.vertices[:, 0] *= 1 - (0.10 + 0.18 * u[1]) * np.clip(-z, 0, 1)  # the jaw narrows
    parts.add(head, skin.main)
    parts.add(placed(ball((width * 1.10, 0.80, 0.72), 20, 12), (0, 0.16, 0.44)), hair)
    if u[4] > 0.5:
        for side in (-1, 1):
            strand = [(side * width, 0.2, 0.5), (side * width * 1.1, 0.25, -0.2),
                      (side * width * 1.0, 0.2, -0.85)]  # fmt: skip
            parts.add(tube(np.array(strand), 0.22), hair)
    _eyes(parts, 0.29, -0.66, 0.10, 0.15, [(0.15, 0.28, 0.5), (0.2, 0.12, 0.06)][int(u[2] > 0.5)])
    for side in (-1, 1):
        brow = [(side * 0.14, -0.76, 0.30), (side * 0.30, -0.74, 0.36), (side * 0.44, -0.64, 0.31)]
        parts.add(tube(np.array(brow), 0.045, 6), tuple(0.7 * np.asarray(hair)))
        parts.add(placed(ball((0.10, 0.14, 0.2), 10, 8), (side * width, 0.05, 0.0)), skin.base)
    parts.add(limb((0, -0.74, 0.12), (0, -0.86, -0.14 - 0.08 * u[3]), 0.06, 0.115), skin.base)
    parts.add(tube(_arc(0.26, -0.50, 0.16 * (u[2] - 0.35), -0.70, 0.10), 0.065, 8), LIPS)
    parts.add(placed(cylinder(0.36, 0.5), (0, 0.12, -1.05)), skin.base)
    return parts.mesh()


def animal_face(u: np.ndarray, skin: Skin) -> trimesh.Trimesh:
    """Head of a cat, bear or dog-like animal: ears, muzzle, nose, eyes."""
    parts = Assembly()
    parts.add(ball((0.92, 0.75, 0.80 + 0.1 * u[0]), 24, 16), skin.main)
    for side in (-1, 1):
        if u[1] > 0.5:  # pointed ears
            ear, inner = cylinder(0.32, 0.75, 0.0, 12), cylinder(0.18, 0.5, 0.0, 10)
            parts.add(placed(ear, (side * 0.58, 0, 0.85), (0, side * 18, 0)), skin.base)
            parts.add(
                placed(inner, (side * 0.58, -0.17, 0.80), (0, side * 18, 0)), (0.95, 0.6, 0.6)
            )
        else:
            parts.add(placed(ball((0.32, 0.18, 0.32)), (side * 0.66, 0.05, 0.68)), skin.base)
            parts.add(placed(ball((0.19, 0.1, 0.19)), (side * 0.66, -0.08, 0.68)), (0.95, 0.6, 0.6))
    _eyes(parts, 0.36, -0.62, 0.17, 0.17, DARK)
    muzzle = (0.40, 0.26 + 0.25 * u[2], 0.30)
    parts.add(placed(ball(muzzle), (0, -0.64, -0.27)), (0.95, 0.90, 0.82))
    front = -0.64 - muzzle[1]
    parts.add(placed(ball((0.15, 0.1, 0.11)), (0, front, -0.15)), DARK)
    parts.add(tube(_arc(0.2, -0.42, 0.08, front + 0.06, 0.12), 0.04, 6), DARK)
    return parts.mesh()


def mask(u: np.ndarray, skin: Skin) -> trimesh.Trimesh:
    """Carved mask: long shield, hollow eyes, big mouth, crest."""
    parts = Assembly()
    shield = ball((0.68 + 0.12 * u[0], 0.35, 1.05), 24, 18)
    z = shield.vertices[:, 2]
    shield.vertices[:, 0] *= 1 + (0.3 * u[1] - 0.1) * z
    parts.add(shield, skin.main)
    for side in (-1, 1):
        socket = placed(ball((0.22, 0.12, 0.13)), (side * 0.30, -0.30, 0.28), (0, side * 20, 0))
        parts.add(socket, DARK)
        parts.add(limb((side * 0.1, -0.36, 0.50), (side * 0.5, -0.26, 0.62), 0.07), skin.detail)
        horn = np.array(
            [(side * 0.45, 0, 0.75), (side * 0.8, 0, 1.0), (side * (0.7 + 0.3 * u[2]), 0, 1.45)]
        )
        parts.add(tube(horn, np.array([0.16, 0.12, 0.03])), skin.detail)
    parts.add(limb((0, -0.34, 0.3), (0, -0.48, -0.15), 0.07, 0.12), skin.detail)
    parts.add(placed(ball((0.32, 0.12, 0.10 + 0.14 * u[3])), (0, -0.27, -0.5)), DARK)
    for x in (-0.16, 0.0, 0.16):
        parts.add(placed(box((0.1, 0.1, 0.1)), (x, -0.36, -0.44)), WHITE)
    return parts.mesh()


def robot_face(u: np.ndarray, skin: Skin) -> trimesh.Trimesh:
    """Box head with lamp eyes, grille mouth, bolts and antenna."""
    parts = Assembly()
    width, height = 1.5 + 0.3 * u[0], 1.4 + 0.3 * u[1]
    parts.add(box((width, 1.1, height)), skin.main)
    glow = [(1.0, 0.9, 0.2), (0.3, 1.0, 0.9), (1.0, 0.25, 0.2)][int(2.99 * u[2])]
    for side in (-1, 1):
        rim = cylinder(0.28, 0.16)
        parts.add(placed(rim, (side * 0.38, -0.6, 0.2), (90, 0, 0)), DARK)
        parts.add(placed(ball((0.2, 0.12, 0.2)), (side * 0.38, -0.68, 0.2)), glow)
        bolt = cylinder(0.2, 0.25)
        parts.add(placed(bolt, (side * (width / 2 + 0.1), 0, 0), (0, 90, 0)), skin.detail)
    parts.add(placed(box((0.95, 0.1, 0.34)), (0, -0.57, -0.40)), DARK)
    for x in np.linspace(-0.36, 0.36, 4):
        parts.add(placed(box((0.1, 0.1, 0.28)), (x, -0.61, -0.40)), WHITE)
    parts.add(limb((0, 0, height / 2), (0, 0, height / 2 + 0.4), 0.05), skin.detail)
    parts.add(placed(ball(0.13, 12, 8), (0, 0, height / 2 + 0.45)), glow)
    return parts.mesh()
