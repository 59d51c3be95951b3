"""Objects as files that other programs open: PLY, OBJ and GLB, with the colours of vertices."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from brainvis.artifacts import files
from brainvis.errors import BrainvisError
from brainvis.objects3d.files import Objects
from brainvis.objects3d.mesh import EMPTY, ColoredMesh

FORMATS = (".ply", ".obj", ".glb")

logger = logging.getLogger("brainvis")


def mesh_bytes(mesh: ColoredMesh, suffix: str) -> bytes:
    """Content of a mesh file of that format; nothing beside it (no material, no texture).

    Raises
    ------
    BrainvisError
        Unknown format, or an object without a surface.
    """
    if suffix not in FORMATS:
        raise BrainvisError("unknown format of meshes", found=suffix, remedy=f"one of {FORMATS}")
    if mesh.status == EMPTY:
        raise BrainvisError("an empty object has no surface to export", field="status", found=EMPTY)
    content: Any = mesh.to_trimesh().export(file_type=suffix[1:])
    return content.encode() if isinstance(content, str) else bytes(content)


def write_mesh(path: Path, mesh: ColoredMesh) -> None:
    """Write one mesh as PLY, OBJ or GLB by the suffix of `path`; whole or not at all.

    Raises
    ------
    BrainvisError
        See `mesh_bytes`.
    """
    files.write_bytes(path, mesh_bytes(mesh, path.suffix))


def export_objects(objects: Objects, folder: Path, suffix: str = ".glb") -> list[str]:
    """Write a file per object, ``<stimulus_id><suffix>``.

    Returns
    -------
    list of str
        Identifiers of the empty objects, for which there is no file; they are logged too.
    """
    folder.mkdir(parents=True, exist_ok=True)
    empty = []
    for name in objects.ids:
        mesh = objects.mesh(name)
        if mesh.status == EMPTY:
            empty.append(str(name))
        else:
            write_mesh(folder / f"{name}{suffix}", mesh)
    if empty:
        logger.info("%s: %d empty objects have no file: %s", objects.path, len(empty), empty)
    return empty
