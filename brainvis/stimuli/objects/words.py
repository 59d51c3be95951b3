"""Letter strings: word, number, script of made-up letters, signboard."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import trimesh
from scipy.interpolate import CubicSpline

from brainvis.stimuli.objects.paint import COLORS, Assembly, Paint, Skin, plain
from brainvis.stimuli.objects.primitives import box, limb, placed, tube

# Strokes of each glyph as polylines of points "xy" on a grid 2 wide and 4 high.
_STROKES = {
    "A": "00-14-20 02-22", "C": "24-04-00-20", "E": "24-04-00-20 02-22", "F": "24-04-00 02-22",
    "H": "00-04 20-24 02-22", "I": "10-14", "K": "00-04 24-02-20", "L": "04-00-20",
    "M": "00-04-12-24-20", "N": "00-04-20-24", "O": "00-04-24-20-00", "P": "00-04-24-22-02",
    "R": "00-04-24-22-02 12-20", "S": "24-04-02-22-20-00", "T": "10-14 04-24",
    "U": "04-00-20-24", "V": "04-10-24", "X": "00-24 04-20", "Y": "04-12-24 12-10",
    "Z": "04-24-00-20", "0": "00-04-24-20-00", "1": "03-14-10 00-20", "2": "04-24-22-02-00-20",
    "3": "04-24-20-00 02-22", "4": "04-02-22 24-20", "5": "24-04-02-22-20-00",
    "6": "24-04-00-20-22-02", "7": "04-24-10", "8": "00-04-24-20-00 02-22",
    "9": "22-02-04-24-20-00",
}  # fmt: skip
WORDS = ["CAT", "SUN", "TEA", "FISH", "HAT", "MOON", "TREE", "LION", "STOP", "ICE", "RAIN", "MILK"]
SIGNS = ["EXIT", "SALE", "TAXI", "HOT", "OPEN", "CAFE"]


def text_of(category: str, u: np.ndarray) -> str:
    """The string that a shape of this category spells, empty for made-up letters."""
    if category == "word":
        return WORDS[int(u[0] * len(WORDS) * 0.9999)]
    if category == "signboard":
        return SIGNS[int(u[0] * len(SIGNS) * 0.9999)]
    if category == "number":
        return f"{int(u[0] * 900 * 0.9999) + 100}"
    return ""


def _polylines(glyph: str) -> list[np.ndarray]:
    lines = []
    for stroke in _STROKES[glyph].split():
        points = np.array([(int(xy[0]), int(xy[1])) for xy in stroke.split("-")], float)
        lines.append(points * [0.5, 0.4])
    return lines


def _bar(a: np.ndarray, b: np.ndarray, weight: float, depth: float) -> trimesh.Trimesh:
    """Box along a stroke in the x-z plane."""
    along = b - a
    length = float(np.hypot(*along)) + weight
    angle = -np.rad2deg(np.arctan2(along[1], along[0]))
    middle = (a + b) / 2
    return placed(box((length, depth, weight)), (middle[0], 0, middle[1]), (0, angle, 0))


def _spell(parts: Assembly, text: str, weight: float, depth: float, paint: Paint) -> None:
    """Add the letters side by side, centred at x = 0, 1.6 high, 1 wide with a gap of 0.5."""
    pitch = 1.0 + 0.28 + weight
    for k, glyph in enumerate(text):
        shift = np.array([(k - (len(text) - 1) / 2) * pitch - 0.5, -0.8])
        bars = [pair + shift for line in _polylines(glyph) for pair in pairwise(line)]
        for n, (a, b) in enumerate(bars):
            # crossing bars differ in depth a little, so that no two faces coincide
            parts.add(_bar(a, b, weight, depth * (1 - 0.015 * n)), paint)


def word(u: np.ndarray, skin: Skin) -> trimesh.Trimesh:
    """English word in thick capitals."""
    parts = Assembly()
    _spell(parts, text_of("word", u), 0.26 + 0.12 * u[1], 0.3 + 0.3 * u[2], skin.main)
    return _stretched(parts, 1.15 + 0.5 * u[3])


def number(u: np.ndarray, skin: Skin) -> trimesh.Trimesh:
    """Three digits."""
    parts = Assembly()
    _spell(parts, text_of("number", u), 0.24 + 0.1 * u[1], 0.3 + 0.3 * u[2], skin.main)
    return _stretched(parts, 1.1 + 0.3 * u[3])


def _stretched(parts: Assembly, factor: float) -> trimesh.Trimesh:
    """Letters made taller, then scaled back into the unit sphere."""
    mesh = parts.mesh()
    mesh.vertices *= [1, 1, factor]
    mesh.vertices /= np.linalg.norm(mesh.vertices, axis=1).max()
    return mesh


def script(u: np.ndarray, skin: Skin) -> trimesh.Trimesh:
    """Three to four made-up cursive letters: smooth strokes through random grid points."""
    parts = Assembly()
    rng = np.random.default_rng(np.round(np.asarray(u) * 1e6).astype(int))
    count = 3 + int(u[0] > 0.5)
    for k in range(count):
        x0 = (k - (count - 1) / 2) * 1.25
        knots = np.c_[rng.uniform(-0.45, 0.45, 5), np.zeros(5), rng.permutation(5) * 0.4 - 0.8]
        parts.add(tube(_smooth(knots) + np.array([x0, 0, 0]), 0.11 + 0.05 * u[1], 8), skin.main)
        if rng.random() < 0.5:
            parts.add(limb((x0 - 0.3, 0, 1.15), (x0 + 0.3, 0, 1.15), 0.11), skin.detail)
    return parts.mesh()


def _smooth(knots: np.ndarray, points: int = 15) -> np.ndarray:
    """Cubic curve through the knots."""
    t = np.arange(len(knots))
    return CubicSpline(t, knots)(np.linspace(0, t[-1], points))


def signboard(u: np.ndarray, skin: Skin) -> trimesh.Trimesh:
    """Board on posts with a word on it."""
    parts = Assembly()
    text = text_of("signboard", u)
    width = len(text) * 1.55 + 0.6
    parts.add(placed(box((width, 0.2, 2.5 + 0.5 * u[1]), 0.4), (0, 0.25, 0)), skin.base)
    board = np.asarray(COLORS[skin.color]) @ [0.2126, 0.7152, 0.0722]
    ink = plain("black" if board > 0.45 else "white")  # readable on any board
    _spell(parts, text, 0.3, 0.25, ink)
    for x in (-0.3, 0.3):
        leg = box((0.25, 0.2, 2.0))
        parts.add(placed(leg, (x * width, 0.3, -2.0)), (0.40, 0.28, 0.18))
    return parts.mesh()
