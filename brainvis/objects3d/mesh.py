"""Coloured triangle meshes: reading them safely, checking them, bringing them to one frame.

The frame of all shapes: the viewer's axes (x right, y away, z up), centred on the bounding box,
longest side of the box 1, so inside [-0.5, 0.5]^3. A world object is turned about the vertical by
minus the azimuth of its camera, because no image shows from which side of the world it was taken;
the object's turn towards the viewer, which images do show, stays.
"""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import trimesh

from brainvis.errors import BrainvisError

OK, EMPTY = "ok", "empty"
MAX_FACES = 500_000  # larger meshes are simplified
_CELLS = 256  # of the grid on which they are
_GREY = 150  # of surfaces without colour
_SUFFIXES = (".ply", ".obj", ".glb", ".stl", ".off")

logger = logging.getLogger("brainvis")


@dataclass(frozen=True)
class ColoredMesh:
    """A surface with a colour at each vertex; without faces it is an empty object.

    Attributes
    ----------
    vertices : ndarray, (n, 3) float32
    faces : ndarray, (m, 3) int32
    colors : ndarray, (n, 3) uint8
        sRGB.
    """

    vertices: np.ndarray
    faces: np.ndarray
    colors: np.ndarray

    @property
    def status(self) -> str:
        """ "ok", or "empty" for an object without a surface."""
        return OK if len(self.faces) else EMPTY

    def to_trimesh(self) -> trimesh.Trimesh:
        """The same as trimesh takes it, without merging."""
        return trimesh.Trimesh(self.vertices, self.faces, vertex_colors=self.colors, process=False)


def empty_mesh() -> ColoredMesh:
    """An object without a surface."""
    none = np.zeros((0, 3))
    return ColoredMesh(none.astype(np.float32), none.astype(np.int32), none.astype(np.uint8))


def read_mesh(path: Path) -> ColoredMesh:
    """Read one mesh file; other files that it names (materials, textures) are never opened.

    Meshes of more than `MAX_FACES` faces are simplified, which is logged.

    Parameters
    ----------
    path : Path
        PLY, OBJ, GLB, STL or OFF. Surfaces without vertex or face colours become grey.

    Raises
    ------
    BrainvisError
        Missing or unreadable file, no faces, values that are not finite, faces without vertices.
    """
    if path.suffix.lower() not in _SUFFIXES:
        raise BrainvisError(
            "is no mesh file", file=path, found=path.suffix, remedy=f"use {', '.join(_SUFFIXES)}"
        )
    try:
        content = io.BytesIO(path.read_bytes())  # a stream has no folder to find other files in
        loaded = trimesh.load(
            content, file_type=path.suffix[1:].lower(), force="mesh", process=False,
            maintain_order=True, skip_materials=True,
        )  # fmt: skip
        mesh = _from_trimesh(cast(trimesh.Trimesh, loaded))
    except OSError as error:
        raise BrainvisError("cannot be read", file=path, found=error.strerror) from error
    except Exception as error:  # trimesh's readers raise whatever their parsers meet
        raise BrainvisError(
            "is no readable mesh, truncated or of another format",
            file=path,
            found=f"{type(error).__name__}: {str(error)[:100]}",
        ) from error
    check(mesh, path)
    if len(mesh.faces) > MAX_FACES:
        few = simplified(mesh)
        logger.info("%s: %d faces, simplified to %d", path, len(mesh.faces), len(few.faces))
        return few
    return mesh


def _from_trimesh(mesh: trimesh.Trimesh) -> ColoredMesh:
    """Colours of vertices as they are, of faces averaged at their vertices."""
    kind = getattr(mesh.visual, "kind", None)
    if kind in ("vertex", "face"):
        colors = np.asarray(mesh.visual.vertex_colors)[:, :3]  # pyright: ignore
    else:
        colors = np.full((len(mesh.vertices), 3), _GREY)
    return ColoredMesh(
        np.asarray(mesh.vertices, np.float32),
        np.asarray(mesh.faces, np.int32).reshape(-1, 3),
        np.asarray(colors, np.uint8),
    )


def check(mesh: ColoredMesh, file: Path | None = None) -> None:
    """Refuse what is no surface.

    Raises
    ------
    BrainvisError
        No faces, values that are not finite, faces of vertices that do not exist, no extent.
    """
    problem = None
    if mesh.status == EMPTY:
        problem = "vertices and faces", "has no faces", f"{len(mesh.vertices)} vertices"
    elif not np.isfinite(mesh.vertices).all():
        bad = int((~np.isfinite(mesh.vertices)).any(axis=1).sum())
        problem = "vertices", "are not all finite", f"{bad} of {len(mesh.vertices)}"
    elif mesh.faces.min() < 0 or mesh.faces.max() >= len(mesh.vertices):
        problem = "faces", "name vertices that do not exist", int(mesh.faces.max())
    elif not np.ptp(mesh.vertices[mesh.faces.ravel()], axis=0).max() > 0:
        problem = "vertices", "all lie in one point", mesh.vertices[0].tolist()
    if problem is not None:
        field, words, found = problem
        raise BrainvisError(
            words, file=file, field=field, found=found, remedy="export the mesh again"
        )


def simplified(mesh: ColoredMesh, cells: int = _CELLS) -> ColoredMesh:
    """Vertices of one cell of a grid become their mean (Rossignac & Borrel 1993).

    Parameters
    ----------
    mesh : ColoredMesh
    cells : int
        Along the longest side of the box.
    """
    low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    cell = np.floor((mesh.vertices - low) / (high - low).max() * (cells - 1e-3)).astype(np.int64)
    number = (cell[:, 0] * cells + cell[:, 1]) * cells + cell[:, 2]
    _, group = np.unique(number, return_inverse=True)
    count = np.bincount(group)[:, None]
    mean = [
        np.stack([np.bincount(group, column) for column in values.T.astype(float)], 1) / count
        for values in (mesh.vertices, mesh.colors)
    ]
    faces = group[mesh.faces]
    kept = (faces != np.roll(faces, 1, axis=1)).all(axis=1)
    faces = np.unique(np.sort(faces[kept], axis=1), axis=0, return_index=True)[1]
    return ColoredMesh(
        mean[0].astype(np.float32),
        group[mesh.faces][kept][np.sort(faces)].astype(np.int32),
        np.round(mean[1]).astype(np.uint8),
    )


def normalised(mesh: ColoredMesh, azimuth: float = 0.0) -> ColoredMesh:
    """Bring a mesh to the frame of all shapes (see the module).

    Parameters
    ----------
    mesh : ColoredMesh
    azimuth : float
        Of the camera, degrees; 0 where the axes are the viewer's already.

    Raises
    ------
    BrainvisError
        See `check`.
    """
    check(mesh)
    c, s = np.cos(np.deg2rad(azimuth)), np.sin(np.deg2rad(azimuth))
    turned = mesh.vertices.astype(float) @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])
    used = turned[mesh.faces.ravel()]
    low, high = used.min(axis=0), used.max(axis=0)
    placed = (turned - (low + high) / 2) / (high - low).max()
    return ColoredMesh(placed.astype(np.float32), mesh.faces, mesh.colors)
