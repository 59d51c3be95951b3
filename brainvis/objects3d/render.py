"""Pictures of meshes by a z-buffer: views around an object, and turntables, without OpenGL.

The camera is parallel and its frame fixed, so that size and place of an object show: the picture
is `FRAME` wide in the units of normalised shapes (longest side of the box 1, z up). At azimuth 0 it
looks along +y; the light comes from the upper left of the camera.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from PIL import Image, ImageDraw

from brainvis.objects3d.mesh import ColoredMesh
from brainvis.objects3d.raster import fragments, nearest

FRAME = 1.5
ELEVATION = 20.0  # degrees above the horizon
_LIGHT = np.array([-0.45, 0.75, -0.55]) / np.linalg.norm([-0.45, 0.75, -0.55])  # right, up, forward
_AMBIENT = 0.45
_STAMP = (184, 74, 0)  # the colour of "simulated" everywhere in the report


def views(
    mesh: ColoredMesh,
    azimuths: Sequence[float] | np.ndarray,
    *,
    size: int = 64,
    elevation: float = ELEVATION,
    samples: int = 2,
) -> np.ndarray:
    """Pictures of a mesh from around it on white, (views, size, size, 3) float32 in [0, 1].

    Parameters
    ----------
    mesh : ColoredMesh
        Normalised; an empty one gives white pictures.
    azimuths : sequence of float
        Degrees that the camera has gone to the right around the object.
    size : int
        Side in pixels.
    elevation : float
        Degrees.
    samples : int
        Rays per pixel and side, averaged.
    """
    if len(mesh.faces) == 0:
        return np.ones((len(azimuths), size, size, 3), np.float32)
    normals = vertex_normals(mesh.vertices, mesh.faces)
    return np.stack(
        [_picture(mesh, normals, _axes(turn, elevation), size, samples) for turn in azimuths]
    )


def around(count: int) -> np.ndarray:
    """Azimuths of that many views, evenly around the object, from 0."""
    return np.arange(count) * 360 / count


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Unit normals at vertices, mean of the faces around weighted by area, (n, 3)."""
    a, b, c = (vertices[faces[:, corner]].astype(np.float64) for corner in range(3))
    weighted = np.cross(b - a, c - a)  # length is twice the area
    total = np.zeros((len(vertices), 3))
    for corner in range(3):
        np.add.at(total, faces[:, corner], weighted)
    length = np.linalg.norm(total, axis=1, keepdims=True)
    return total / np.where(length > 0, length, 1)


def write_turntable(
    path: Path,
    rows: Sequence[Sequence[ColoredMesh]],
    *,
    stamp: str = "",
    frames: int = 24,
    size: int = 112,
    fps: int = 12,
) -> None:
    """Write one turn of some objects as GIF or MP4, by the suffix of `path`.

    Parameters
    ----------
    path : Path
    rows : sequence of sequence of ColoredMesh
        Equally many objects in each row, the first row on top.
    stamp : str
        Word in a strip below, such as "SIMULATED BRAIN"; no strip where empty.
    frames, size, fps : int
        Frames of the turn, side of an object in pixels (a multiple of 8), frames per second.
    """
    turned = [
        np.concatenate([views(mesh, around(frames), size=size) for mesh in row], axis=2)
        for row in rows
    ]  # each (frames, size, size * objects, 3)
    whole = np.round(np.concatenate(turned, axis=1) * 255).astype(np.uint8)
    pictures = [_stamped(picture, stamp) for picture in whole]
    if path.suffix == ".mp4":
        _write_mp4(path, pictures, fps)
        return
    first, *rest = [Image.fromarray(picture) for picture in pictures]
    first.save(
        path, format="GIF", save_all=True, append_images=rest, duration=1000 // fps, loop=0,
        optimize=False,
    )  # fmt: skip


def _axes(azimuth: float, elevation: float) -> np.ndarray:
    """Rows: right, up, forward of the camera in the object's coordinates."""
    a, e = np.deg2rad([azimuth, elevation])
    right = np.array([np.cos(a), np.sin(a), 0.0])
    forward = np.array([-np.sin(a) * np.cos(e), np.cos(a) * np.cos(e), -np.sin(e)])
    return np.stack([right, np.cross(right, forward), forward])


def _picture(
    mesh: ColoredMesh, normals: np.ndarray, axes: np.ndarray, size: int, samples: int
) -> np.ndarray:
    fine = size * samples
    seen = mesh.vertices.astype(np.float64) @ axes.T  # right, up, forward
    pixels = (np.array([1, -1]) * seen[:, :2] / FRAME + 0.5) * fine
    found = fragments(np.c_[pixels, seen[:, 2]], mesh.faces, fine)
    front = nearest(found)
    face, weights = mesh.faces[found.face[front]], found.weights[front][..., None]
    normal = (normals[face] * weights).sum(axis=1) @ axes.T
    normal *= -np.where(normal[:, 2:] > 0, 1, -1)  # towards the camera, whatever the winding
    lit = _AMBIENT + (1 - _AMBIENT) * np.clip(normal @ _LIGHT, 0, 1)
    color = (mesh.colors[face] / 255 * weights).sum(axis=1) * lit[:, None]
    picture = np.ones((fine * fine, 3))
    picture[found.pixel[front]] = color
    return picture.reshape(size, samples, size, samples, 3).mean(axis=(1, 3)).astype(np.float32)


def _stamped(picture: np.ndarray, stamp: str) -> np.ndarray:
    if not stamp:
        return picture
    strip = Image.new("RGB", (picture.shape[1], 16), _STAMP)
    ImageDraw.Draw(strip).text((4, 2), stamp, fill="white")
    return np.concatenate([picture, np.asarray(strip)])


def _write_mp4(path: Path, pictures: list[np.ndarray], fps: int) -> None:
    height, width = pictures[0].shape[:2]
    writer = imageio_ffmpeg.write_frames(
        str(path), (width, height), fps=fps, codec="libx264", macro_block_size=8,
        ffmpeg_log_level="error",
    )  # fmt: skip
    writer.send(None)
    for picture in pictures:
        writer.send(np.ascontiguousarray(picture))
    writer.close()
