"""Bodies: standing figure, quadruped, hand, bird. Shape coordinates `u` are in [0, 1]."""

from __future__ import annotations

import numpy as np
import trimesh

from brainvis.stimuli.objects.paint import Assembly, Skin
from brainvis.stimuli.objects.primitives import ball, cylinder, limb, placed, tube

FLESH = (0.88, 0.64, 0.48)
DARK = (0.12, 0.10, 0.12)


def _past(point: np.ndarray, x: float, y: float, z: float) -> np.ndarray:
    """A point beside another one."""
    return point + np.array([x, y, z])


def standing_figure(u: np.ndarray, skin: Skin) -> trimesh.Trimesh:
    """Person in shirt and trousers; the coordinates set the build and the pose of the arms."""
    parts = Assembly()
    build = 0.85 + 0.35 * u[0]
    torso = placed(ball((0.34 * build, 0.22 * build, 0.52), 16, 12), (0, 0, 0.32))
    parts.add(torso, skin.main)
    parts.add(placed(ball((0.21, 0.22, 0.26)), (0, 0, 1.14)), FLESH)
    parts.add(placed(ball((0.225, 0.22, 0.18)), (0, 0.05, 1.24)), DARK)
    parts.add(limb((0, 0, 0.8), (0, 0, 0.98), 0.1), FLESH)
    for side, raise_ in ((-1, u[1]), (1, u[2])):
        shoulder = np.array([side * 0.33 * build, 0, 0.66])
        angle = np.deg2rad(-70 + 130 * raise_)
        elbow = shoulder + 0.42 * np.array([side * np.cos(angle), -0.1, np.sin(angle)])
        bent = angle + np.deg2rad(30)
        wrist = elbow + 0.38 * np.array([side * np.cos(bent), -0.25, np.sin(bent)])
        parts.add(limb(shoulder, elbow, 0.12 * build, 0.10), skin.main)
        parts.add(limb(elbow, wrist, 0.085, 0.07), FLESH)
        parts.add(placed(ball(0.1, 10, 8), wrist), FLESH)
        hip = np.array([side * 0.17, 0, -0.1])
        stride = 0.35 * (u[3] - 0.5) * side
        knee = hip + np.array([side * 0.06, -0.1 + stride * 0.5, -0.55])
        foot = knee + np.array([0, 0.08 + stride * 0.5, -0.55])
        parts.add(limb(hip, knee, 0.17 * build, 0.13), skin.detail)
        parts.add(limb(knee, foot, 0.13, 0.09), skin.detail)
        parts.add(limb(foot, _past(foot, 0, -0.18, -0.03), 0.09), DARK)
    return parts.mesh()


def quadruped(u: np.ndarray, skin: Skin) -> trimesh.Trimesh:
    """Four-legged animal seen from its side (dog to giraffe-like proportions)."""
    parts = Assembly()
    leg, neck = 0.5 + 0.4 * u[0], 0.25 + 0.55 * u[1]
    parts.add(ball((0.80, 0.34, 0.36 + 0.08 * u[2]), 20, 12), skin.main)
    for x, phase in ((-0.55, 1), (-0.42, -1), (0.42, 1), (0.55, -1)):
        swing = 0.22 * (u[3] - 0.5) * phase
        y = 0.17 * phase
        parts.add(limb((x, y, -0.15), (x + swing, y, -0.3 - leg), 0.13, 0.08), skin.main)
        parts.add(placed(ball((0.11, 0.1, 0.07), 10, 6), (x + swing - 0.03, y, -0.33 - leg)), DARK)
    head = np.array([-0.75 - 0.3 * neck, 0, 0.2 + neck])
    parts.add(limb((-0.62, 0, 0.1), head, 0.22, 0.16), skin.main)
    parts.add(placed(ball((0.30, 0.19, 0.20)), _past(head, -0.12, 0, 0.04), (0, -15, 0)), skin.main)
    parts.add(placed(ball(0.08, 8, 6), _past(head, -0.40, 0, -0.03)), DARK)
    for side in (-1, 1):
        parts.add(
            limb(
                _past(head, 0.05, side * 0.12, 0.12),
                _past(head, 0.1, side * 0.18, 0.36),
                0.08,
                0.03,
            ),
            skin.detail,
        )
        parts.add(placed(ball(0.05, 8, 6), _past(head, -0.2, side * 0.16, 0.1)), DARK)
    tail = np.array([(0.76, 0, 0.12), (1.0, 0, 0.2 + 0.3 * u[4]), (1.15, 0, 0.6 * u[4])])
    parts.add(tube(tail, np.array([0.08, 0.06, 0.04])), skin.detail)
    return parts.mesh()


def hand(u: np.ndarray, skin: Skin) -> trimesh.Trimesh:
    """Open hand with five fingers, more or less spread and curled, and a sleeve."""
    parts = Assembly()
    spread, curl = 5 + 9 * u[0], 0.35 * u[1]
    parts.add(ball((0.46, 0.20, 0.52), 18, 12), skin.main)
    for k, length in enumerate((0.62, 0.78, 0.84, 0.74)):
        angle = np.deg2rad((1.5 - k) * spread)
        root = np.array([(k - 1.5) * 0.23, 0, 0.38 - 0.04 * (k - 1.7) ** 2])
        along = np.array([-np.sin(angle), -curl, np.cos(angle)])
        tip = root + length * along + np.array([0, -0.25 * u[2], 0])
        parts.add(tube(np.array([root, root + 0.5 * length * along, tip]), 0.115), skin.main)
    thumb = np.array([(0.33, 0, -0.15), (0.66, -0.1, 0.1), (0.74, -0.15, 0.42 - 0.2 * u[3])])
    parts.add(tube(thumb, np.array([0.16, 0.14, 0.12])), skin.main)
    parts.add(limb((0, 0, -0.35), (0, 0, -0.8), 0.27), skin.main)
    parts.add(placed(cylinder(0.38, 0.45), (0, 0, -0.92)), skin.detail)
    return parts.mesh()


def bird(u: np.ndarray, skin: Skin) -> trimesh.Trimesh:
    """Bird with raised or folded wings, tail, beak and legs."""
    parts = Assembly()
    parts.add(placed(ball((0.62, 0.38, 0.40 + 0.1 * u[0]), 18, 12), turned=(0, 20, 0)), skin.main)
    parts.add(placed(ball(0.29), (-0.55, 0, 0.42)), skin.main)
    beak = cylinder(0.12, 0.35 + 0.25 * u[1], 0.0, 10)
    parts.add(placed(beak, (-0.90, 0, 0.40), (0, -95, 0)), (0.98, 0.62, 0.05))
    lift = 10 + 60 * u[2]
    for side in (-1, 1):
        parts.add(placed(ball(0.065, 8, 6), (-0.68, side * 0.22, 0.52)), DARK)
        wing = placed(ball((0.30, 0.62, 0.06), 14, 8), (0.12, 0.5, 0), (0, 0, -20))
        wing = placed(wing, turned=(lift, 0, 0))
        if side < 0:
            wing.vertices *= [1, -1, 1]
            wing.invert()
        parts.add(placed(wing, (0.1, side * 0.2, 0.15)), skin.detail)
        parts.add(
            limb((0.02, side * 0.15, -0.3), (0.02, side * 0.16, -0.75), 0.04), (0.98, 0.62, 0.05)
        )
        parts.add(
            limb((0.02, side * 0.16, -0.75), (-0.2, side * 0.18, -0.77), 0.045), (0.98, 0.62, 0.05)
        )
    parts.add(
        placed(ball((0.42, 0.2, 0.06), 12, 8), (0.8, 0, -0.1), (0, 25 - 40 * u[3], 0)), skin.detail
    )
    return parts.mesh()
