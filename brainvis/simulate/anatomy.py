"""A toy visual cortex: a sheet of voxels, areas on it, and a retinotopic map per area.

The sheet is an ellipsoidal shell with the occipital pole at the back (negative y). A place on it
is told by `depth`, the angle from the pole, and `height`, the angle from the lateral horizon
(dorsal positive). V1, V2 and V3 are bands around the pole, mirror images of each other at their
borders as in Wandell & Winawer (2011); the other areas are caps farther forward.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

ROIS = ("V1", "V2", "V3", "hV4", "MT", "LOC", "FFA", "EBA", "PPA", "food", "words", "MTL")
RETINOTOPIC = ("V1", "V2", "V3", "hV4", "MT")
VOXEL_MM = 2.0
_CENTRE_MM = np.array([0.0, -60.0, 5.0])  # occipital and temporal cortex; x = 0 midline
_EARLY_DEPTH = 1.2  # radians from the pole
_BANDS = (0.58, 1.06)  # height of the V1/V2 and V2/V3 borders, radians
_CAPS = {  # depth, height, radius: radians
    "hV4": (1.50, -1.20, 0.28),
    "MT": (1.50, 0.52, 0.29),
    "LOC": (1.50, -0.15, 0.35),
    "FFA": (2.00, -0.65, 0.28),
    "EBA": (1.90, 0.20, 0.31),
    "PPA": (2.05, -1.38, 0.31),
    "food": (2.00, -1.00, 0.25),
    "words": (1.62, -0.70, 0.25),
    "MTL": (2.60, -0.90, 0.38),
}
# pRF size at the fovea and its growth with eccentricity, in image half-widths.
_SIZE = {"V1": (0.06, 0.12), "V2": (0.08, 0.18), "V3": (0.10, 0.25), "hV4": (0.14, 0.35)}
_SIZE |= {"MT": (0.20, 0.45)}
_FAR = 0.95  # largest eccentricity, image half-widths
_MAGNIFICATION = 2.0  # exponent of eccentricity along a map


@dataclass(frozen=True)
class Cortex:
    """Voxels of one subject, v in all, ordered by grid index.

    `grid` (3,) shape; `affine` (4, 4), RAS mm; `ijk` (v, 3) int; `roi` (v,) str, "" outside any;
    `left` (v,) bool; `edge` (v,) in [0, 1], how close to the sheet's border; `prf` (v, 3): x
    right, y up and size in image half-widths, NaN outside `RETINOTOPIC`.
    """

    grid: tuple[int, int, int]
    affine: np.ndarray
    ijk: np.ndarray
    roi: np.ndarray
    left: np.ndarray
    edge: np.ndarray
    prf: np.ndarray

    def volume(self, values: np.ndarray) -> np.ndarray:
        """Values of voxels placed on the grid, zero elsewhere."""
        field = np.zeros(self.grid, dtype=np.asarray(values).dtype)
        field[tuple(self.ijk.T)] = values
        return field


def make_cortex(voxels: int, rng: np.random.Generator) -> Cortex:
    """Lay out one subject's cortex.

    Parameters
    ----------
    voxels : int
        Number of brain voxels; the grid (28 x 28 x 20 for 4,000) grows with it.
    rng : numpy Generator
        Draws the subject's deviations in place and size of areas and receptive fields.
    """
    scale = (voxels / 4000) ** (1 / 3)
    grid = tuple(2 * round(side * scale / 2) for side in (28, 28, 20))
    index = np.stack(np.meshgrid(*map(np.arange, grid), indexing="ij"), axis=-1).reshape(-1, 3)
    half = np.array(grid) / 2
    unit = (index - half + 0.5) / half
    off_sheet = np.abs(np.linalg.norm(unit, axis=1) - 0.8)
    inside = np.sort(np.argsort(off_sheet, kind="stable")[:voxels])
    direction = unit[inside] / np.linalg.norm(unit[inside], axis=1, keepdims=True)
    left = direction[:, 0] < 0
    direction[:, 0] = np.abs(direction[:, 0])  # both hemispheres in one frame
    roi = np.full(voxels, "", dtype="U8")
    prf = np.full((voxels, 3), np.nan)
    for side in (left, ~left):
        roi[side], prf[side] = _hemisphere(direction[side], rng)
    prf[~left, 0] *= -1  # the left hemisphere sees the right half of the field
    affine = np.diag([VOXEL_MM, VOXEL_MM, VOXEL_MM, 1.0])
    affine[:3, 3] = _CENTRE_MM - VOXEL_MM * (half - 0.5)
    edge = off_sheet[inside] / off_sheet[inside].max()
    return Cortex(grid, affine, index[inside], roi, left, edge, prf)


def _hemisphere(direction: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Areas (n,) and receptive fields (n, 3) of one hemisphere, which sees the right half-field.

    `direction` (n, 3) are unit vectors: lateral, anterior, dorsal.
    """
    depth = np.arccos(-direction[:, 1])
    height = np.arctan2(direction[:, 2], direction[:, 0])
    reach = _EARLY_DEPTH * rng.normal(1, 0.04)
    borders = np.array(_BANDS) * rng.normal(1, 0.06, 2)
    band = np.searchsorted(borders, np.abs(height))
    caps = _jittered_caps(rng)
    away = np.stack([_distance(direction, cap) for cap in caps], axis=1)  # (n, caps), 1 = border
    nearest = away.argmin(axis=1)
    roi = np.where(away.min(axis=1) < 1, np.array(list(_CAPS))[nearest], "")
    roi = np.where(depth < reach, np.array(["V1", "V2", "V3"])[band], roi).astype("U8")

    along, polar = depth / reach, _mirrored_angle(height, band, borders)
    for name, cap in zip(_CAPS, caps, strict=True):
        if name in RETINOTOPIC:  # a whole half-field in one cap, lower field dorsal
            member = roi == name
            along[member] = (depth[member] - cap[0]) / (2 * cap[2]) + 0.5
            tilt = (height[member] - cap[1]) * np.sin(cap[0]) / cap[2]
            polar[member] = -tilt * np.pi / 2
    prf = _receptive_fields(roi, along, polar, rng)
    return roi, prf


def _jittered_caps(rng: np.random.Generator) -> np.ndarray:
    """This hemisphere's caps, (caps, 3): depth, height, radius."""
    caps = np.array(list(_CAPS.values()))
    caps[:, :2] += rng.normal(0, 0.05, (len(caps), 2))
    caps[:, 2] *= np.exp(rng.normal(0, 0.08, len(caps)))
    return caps


def _distance(direction: np.ndarray, cap: np.ndarray) -> np.ndarray:
    """Angle from a cap's centre in units of its radius, (n,)."""
    depth, height, radius = cap
    lateral = np.sin(depth) * np.cos(height)
    centre = np.array([lateral, -np.cos(depth), np.sin(depth) * np.sin(height)])
    return np.arccos(np.clip(direction @ centre, -1, 1)) / radius


def _mirrored_angle(height: np.ndarray, band: np.ndarray, borders: np.ndarray) -> np.ndarray:
    """Polar angle from the horizontal meridian, upper field positive, (n,) radians.

    It runs over the whole half-field in V1, back to the horizontal meridian in V2, and out
    again in V3; dorsal cortex holds the lower field.
    """
    outer = np.array([borders[0], borders[1], np.pi / 2])[band]
    inner = np.array([0, borders[0], borders[1]])[band]
    share = (np.abs(height) - inner) / (outer - inner)
    share = np.where(band == 1, 1 - share, share)
    return -np.sign(height) * share * np.pi / 2


def _receptive_fields(
    roi: np.ndarray, along: np.ndarray, polar: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Receptive fields (n, 3) from the place in the map: `along` is 0 at the fovea, 1 far out."""
    growth = np.expm1(_MAGNIFICATION * np.clip(along, 0, 1)) / np.expm1(_MAGNIFICATION)
    far = _FAR * growth
    scatter = rng.normal(0, 1, (len(roi), 3))
    prf = np.full((len(roi), 3), np.nan)
    for name in RETINOTOPIC:
        member = roi == name
        foveal, slope = _SIZE[name]
        size = (foveal + slope * far[member]) * np.exp(0.15 * scatter[member, 2])
        spread = 0.2 * size
        angle = np.clip(polar[member], -np.pi / 2, np.pi / 2)
        prf[member, 0] = far[member] * np.cos(angle) + spread * scatter[member, 0]
        prf[member, 1] = far[member] * np.sin(angle) + spread * scatter[member, 1]
        prf[member, 2] = size
    return prf
