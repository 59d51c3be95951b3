"""Rendering with Mitsuba 3 (variant scalar_rgb, one thread: the same pixels everywhere).

Light without noise: the lamp is one distant emitter, sampled once per camera ray, with shadows.
Sky light is a glow that every surface carries, its colour times the sky seen by its normal, so
that it costs no rays; Mitsuba's sampler is told not to aim at it (`sampling_weight` 0).
"""

from __future__ import annotations

from dataclasses import dataclass

import drjit as dr
import mitsuba as mi
import numpy as np
import trimesh

from brainvis.stimuli import backgrounds
from brainvis.stimuli.flow import exact_flow
from brainvis.stimuli.geometry import Pose, View, pose, view
from brainvis.stimuli.objects.paint import vertex_colors
from brainvis.stimuli.objects.primitives import sheet, solid
from brainvis.stimuli.scene import Light, Scene

mi.set_variant("scalar_rgb")
mi.set_log_level(mi.LogLevel.Error)
dr.set_thread_count(1)

SAMPLES = 4  # camera rays per pixel, on a regular 2 x 2 grid
_BACKDROP_RADIUS, _BACKDROP_HEIGHT, _GROUND_HALF, _TILE = 20.0, 13.0, 20.0, 5.0


@dataclass(frozen=True)
class Rendering:
    """What the renderer gives for one stimulus, f frames.

    Attributes
    ----------
    clip : ndarray of uint8, (f, size, size, 3)
        sRGB.
    flow : ndarray of float16, (max(f - 1, 1), size, size, 2)
        Pixels per frame; of a single frame, its flow to the next one that would follow.
    mask : ndarray of bool, (f, size, size)
        Where the object is seen.
    sky : ndarray of bool, (size, size)
        Where the first frame shows the backdrop.
    mesh : trimesh.Trimesh
        The object in world coordinates at the first frame, vertex-coloured.
    """

    clip: np.ndarray
    flow: np.ndarray
    mask: np.ndarray
    sky: np.ndarray
    mesh: trimesh.Trimesh


def linear(srgb: np.ndarray) -> np.ndarray:
    """sRGB in [0, 1] to linear light (IEC 61966-2-1)."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def srgb_bytes(light: np.ndarray) -> np.ndarray:
    """Linear light, clipped to [0, 1], to sRGB uint8 (IEC 61966-2-1)."""
    light = np.clip(light, 0, 1)
    coded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.round(coded * 255).astype(np.uint8)


def _lamp_color(light: Light) -> np.ndarray:
    """Linear RGB of the lamp: warm is reddish, cold is bluish."""
    return light.intensity * (1 + light.warmth * np.array([0.22, 0.02, -0.26]))


def _sky_light(normals: np.ndarray, light: Light) -> np.ndarray:
    """Share of its colour that a surface glows with, by its normal, (n, 3) linear RGB."""
    up = 0.5 + 0.5 * normals[:, 2:]
    sky = np.array([0.44, 0.48, 0.54]) - light.warmth * np.array([0.03, 0.0, -0.04])
    return light.intensity * (up * sky + (1 - up) * [0.22, 0.19, 0.16])


def _flat(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, np.float32).ravel()


def _bitmap(image: np.ndarray) -> dict:
    return {"type": "bitmap", "data": mi.TensorXf(np.asarray(image, np.float32)), "raw": True}


def _surface(reflectance: dict, glow: dict) -> mi.Properties:
    """Matt surface that is lit by the lamp and glows with the sky's light."""
    properties = mi.Properties()
    properties["bsdf"] = mi.load_dict({"type": "diffuse", "reflectance": reflectance})
    properties["emitter"] = mi.load_dict({"type": "area", "radiance": glow, "sampling_weight": 0.0})
    return properties


def _object(mesh: trimesh.Trimesh, albedo: np.ndarray) -> mi.Mesh:
    """The object, coloured at its vertices; positions, normals and glow are set per frame."""
    color, glow = ({"type": "mesh_attribute", "name": f"vertex_{n}"} for n in ("color", "glow"))
    shape = mi.Mesh(
        "object",
        len(mesh.vertices),
        len(mesh.faces),
        _surface(color, glow),
        has_vertex_normals=True,
    )
    shape.add_attribute("vertex_color", 3, _flat(albedo).tolist())
    shape.add_attribute("vertex_glow", 3, _flat(np.zeros_like(albedo)).tolist())
    values = mi.traverse(shape)
    values["faces"] = np.ascontiguousarray(mesh.faces, np.uint32).ravel()
    values["vertex_positions"] = _flat(mesh.vertices)
    values.update()
    return shape


def _textured(
    name: str, mesh: trimesh.Trimesh, uv: np.ndarray, properties: mi.Properties
) -> mi.Mesh:
    shape = mi.Mesh(
        name, len(mesh.vertices), len(mesh.faces), properties, has_vertex_texcoords=True
    )
    values = mi.traverse(shape)
    values["faces"] = np.ascontiguousarray(mesh.faces, np.uint32).ravel()
    values["vertex_positions"], values["vertex_texcoords"] = _flat(mesh.vertices), _flat(uv)
    values.update()
    return shape


def _ground(image: np.ndarray, light: Light) -> mi.Mesh:
    half = _GROUND_HALF * np.array([(-1, -1, 0), (1, -1, 0), (1, 1, 0), (-1, 1, 0)])
    albedo = linear(image)
    glow = albedo * _sky_light(np.array([[0.0, 0.0, 1.0]]), light)
    properties = _surface(_bitmap(albedo), _bitmap(glow))
    return _textured("ground", solid(half, [[0, 1, 2], [0, 2, 3]]), half[:, :2] / _TILE, properties)


def _backdrop(image: np.ndarray, light: Light) -> mi.Mesh:
    """Wall around the scene that only glows; its bitmap covers a third of the round."""

    def wall(around: np.ndarray, height: np.ndarray) -> tuple:
        angle = -2 * np.pi * around
        x, y = _BACKDROP_RADIUS * np.cos(angle), _BACKDROP_RADIUS * np.sin(angle)
        return x, y, _BACKDROP_HEIGHT * height

    mesh = sheet(wall, 2, 49)
    around = np.tile(np.linspace(0, 3, 49), 2)
    uv = np.c_[around, np.repeat([1.0, 0.0], 49)]
    glow = _bitmap(linear(image) * min(1.0, light.intensity))
    black = {"type": "rgb", "value": 0.0}
    return _textured("backdrop", mesh, uv, _surface(black, {**glow, "wrap_mode": "repeat"}))


def _lamp(scene: Scene) -> dict:
    light = scene.light
    azimuth = np.deg2rad(scene.camera.azimuth + light.azimuth)
    elevation = np.deg2rad(light.elevation)
    beam = [-np.sin(azimuth), np.cos(azimuth), -np.tan(elevation)]  # from behind the camera
    irradiance = (2.1 * _lamp_color(light)).tolist()
    return {
        "type": "directional",
        "direction": beam,
        "irradiance": {"type": "rgb", "value": irradiance},
    }


class _Stage:
    """A scene loaded into Mitsuba, whose object and camera can be moved."""

    def __init__(self, scene: Scene, mesh: trimesh.Trimesh, size: int) -> None:
        self._normals = np.asarray(mesh.vertex_normals)
        self._vertices = np.asarray(mesh.vertices)
        self._albedo = linear(vertex_colors(mesh))
        self._light, self._size = scene.light, size
        rng = np.random.default_rng(list(scene.texture_seed))
        backdrop, ground = backgrounds.bitmaps(scene.background, rng)
        self._scene = mi.load_dict(
            {
                "type": "scene",
                "object": _object(mesh, self._albedo),
                "ground": _ground(ground, scene.light),
                "backdrop": _backdrop(backdrop, scene.light),
                "lamp": _lamp(scene),
            }
        )
        self._values = mi.traverse(self._scene)
        names = [shape.id() for shape in self._scene.shapes()]
        self._index = {name: names.index(name) + 1 for name in ("object", "backdrop")}
        direct = {"type": "direct", "emitter_samples": 1, "bsdf_samples": 0}
        self._light_rays = mi.load_dict(direct)
        self._hits = mi.load_dict({"type": "aov", "aovs": "point:position,shape:shape_index"})

    def move(self, where: Pose) -> None:
        """Put the object into a pose."""
        normals = self._normals @ where.rotation.T
        self._values["object.vertex_positions"] = _flat(where.apply(self._vertices))
        self._values["object.vertex_normals"] = _flat(normals)
        self._values["object.vertex_glow"] = _flat(self._albedo * _sky_light(normals, self._light))
        self._values.update()

    def picture(self, camera: View) -> np.ndarray:
        """Image as seen by the camera, (size, size, 3) uint8."""
        sensor = self._sensor(camera, SAMPLES)
        return srgb_bytes(
            np.array(
                mi.render(
                    self._scene, sensor=sensor, integrator=self._light_rays, seed=mi.UInt32(0)
                )
            )
        )

    def hits(self, camera: View) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What the ray through each pixel's centre meets.

        Returns
        -------
        (points, objects, sky)
            World positions (size, size, 3), and where they are of the object or the backdrop.
        """
        sensor = self._sensor(camera, 1)
        seen = np.array(
            mi.render(self._scene, sensor=sensor, integrator=self._hits, seed=mi.UInt32(0))
        )
        shape = np.round(seen[..., -1]).astype(int)
        points = seen[..., -4:-1].astype(np.float64)
        return points, shape == self._index["object"], shape == self._index["backdrop"]

    def _sensor(self, camera: View, samples: int) -> mi.Sensor:
        position, (_, down, forward) = camera.position, camera.axes
        aim = mi.ScalarTransform4f().look_at(
            position.tolist(), (position + forward).tolist(), (-down).tolist()
        )
        film = {"type": "hdrfilm", "width": self._size, "height": self._size,
                "pixel_format": "rgb", "component_format": "float32",
                "rfilter": {"type": "box"}}  # fmt: skip
        sampler = {"type": "stratified", "sample_count": samples, "jitter": False}
        return mi.load_dict(
            {"type": "perspective", "fov": camera.field_of_view, "to_world": aim,
             "film": film, "sampler": sampler}
        )  # fmt: skip


def render(scene: Scene, *, size: int = 64, frames: int = 16, fps: int = 8) -> Rendering:
    """Render a scene's clip with exact flow and masks.

    Parameters
    ----------
    scene : Scene
    size : int
        Image side in pixels.
    frames, fps : int
        Frames (one for a still image) and frames per second.
    """
    mesh = scene.thing.mesh()
    height = -float(mesh.bounds[0, 2])
    stage = _Stage(scene, mesh, size)
    times = np.arange(max(frames, 2)) / fps
    poses = [pose(scene, height, time) for time in times]
    views = [view(scene.camera, poses[0].origin, time) for time in times]
    clip, mask, flow, skies = [], [], [], []
    for t in range(frames):
        if t == 0 or scene.motion.name != "still":
            stage.move(poses[t])
        clip.append(stage.picture(views[t]))
        points, objects, sky = stage.hits(views[t])
        mask.append(objects)
        skies.append(sky)
        if t + 1 < len(times):
            turn = (poses[t], poses[t + 1]), (views[t], views[t + 1])
            flow.append(exact_flow(points, objects, *turn))
    world = mesh.copy()
    world.vertices = poses[0].apply(mesh.vertices)
    return Rendering(
        np.stack(clip), np.stack(flow).astype(np.float16), np.stack(mask), skies[0], world
    )
