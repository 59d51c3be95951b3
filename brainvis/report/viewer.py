"""Objects to turn and zoom: a page of its own that needs no network and no file beside it.

three.js comes with trimesh, whose template is filled here with the objects (GLB, base64). A content
policy forbids the page every connection but to the data within it.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np
import trimesh
from trimesh.viewer.notebook import scene_to_html

from brainvis.objects3d.mesh import EMPTY, ColoredMesh, simplified
from brainvis.report.style import BANNERS, KIND_COLOURS

_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "connect-src data:; img-src data: blob:"
)
_SPACING = 1.25  # longest sides of a normalised object
_FACES, _CELLS = 8000, 48  # meshes with more faces are simplified on a grid of so many cells
_TILT = 72.0  # degrees between the camera's axis and straight down
# Without a material three.js takes every surface for dark metal, lit from one side.
_LOADED = "scene.add(gltf.scene);"
_MATT = (
    "gltf.scene.traverse(function(part){if(part.material){part.material.metalness=0;"
    "part.material.roughness=1;part.material.side=THREE.DoubleSide;}});"
    "scene.add(new THREE.AmbientLight(0xffffff,0.55));tracklight.intensity=0.75;"
)


def viewer_page(rows: Sequence[tuple[str, Sequence[ColoredMesh]]], kind: str) -> str:
    """HTML of a viewer with objects in rows, the first row on top.

    Parameters
    ----------
    rows : sequence of (label, meshes)
        Normalised meshes from left to right; empty ones leave a gap.
    kind : {"simulated", "measured"}
        Shown in a corner.
    """
    scene = trimesh.Scene()
    for row, (_, meshes) in enumerate(rows):
        for column, mesh in enumerate(meshes):
            if mesh.status != EMPTY:
                place = _SPACING * np.array([column, 0, -row], float)
                solid = _light(mesh).to_trimesh().apply_translation(place)
                _ = solid.vertex_normals  # once computed they are exported, else facets show
                scene.add_geometry(solid)
    if not scene.geometry:
        return f"<!DOCTYPE html><title>no objects</title><p>{html.escape(_words(rows))}: all empty"
    scene.set_camera(angles=(np.deg2rad(_TILT), 0, 0))
    page = _replaced(scene_to_html(scene), _LOADED, _LOADED + _MATT)
    policy = f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    page = _replaced(page, "<head>", f"<head>{policy}")
    return _replaced(page, "</body>", f"{_legend(rows, kind)}</body>")


def _replaced(page: str, old: str, new: str) -> str:
    """The template with its last such place changed; another template is an error, not a guess."""
    before, found, after = page.rpartition(old)
    if not found:
        raise ValueError(f"trimesh's viewer template has no {old!r}")
    return before + new + after


def _light(mesh: ColoredMesh) -> ColoredMesh:
    return simplified(mesh, _CELLS) if len(mesh.faces) > _FACES else mesh


def _words(rows: Sequence[tuple[str, Sequence[ColoredMesh]]]) -> str:
    return "from the top: " + ", ".join(label for label, _ in rows)


def _legend(rows: Sequence[tuple[str, Sequence[ColoredMesh]]], kind: str) -> str:
    place = "position:absolute;left:8px;font:12px sans-serif;padding:3px 8px;border-radius:4px;"
    words = html.escape(f"{_words(rows)} — drag to turn, scroll to zoom")
    return (
        f'<div style="{place}top:8px;color:#fff;background:{KIND_COLOURS[kind]}">'
        f"{BANNERS[kind]}</div>"
        f'<div style="{place}bottom:8px;color:#444;background:#fffc">{words}</div>'
    )
