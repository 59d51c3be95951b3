"""The attributes of a stimulus: what a simulated brain can be tuned to, from the scene alone."""

from __future__ import annotations

import numpy as np
import trimesh

from brainvis.stimuli.backgrounds import BACKGROUNDS
from brainvis.stimuli.captions import caption
from brainvis.stimuli.flow import expansion, mean_in
from brainvis.stimuli.objects.paint import vertex_colors
from brainvis.stimuli.render import Rendering
from brainvis.stimuli.scene import Scene


def mean_curvature(mesh: trimesh.Trimesh) -> float:
    """Mean curvature of the smooth surface in units of one over the bounding radius; 1 for a ball.

    Half the sum of angle times length over the edges that smooth faces share, over the area
    (Steiner's formula for polyhedra). Sharp edges have no shared vertices and do not count.
    """
    ends = mesh.vertices[mesh.face_adjacency_edges]
    length = np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1)
    radius = np.linalg.norm(mesh.vertices - mesh.bounds.mean(axis=0), axis=1).max()
    return float(0.5 * (mesh.face_adjacency_angles @ length) / mesh.area * radius)


def _surface(mesh: trimesh.Trimesh, yaw: float) -> dict[str, float]:
    """Colour and form of a mesh, weighted by area."""
    area, normals = mesh.area_faces, mesh.face_normals
    share = area / area.sum()
    color = vertex_colors(mesh)[mesh.faces].mean(axis=1)
    red, green, blue = share @ color
    spread = np.sqrt(np.linalg.eigvalsh(np.cov(mesh.vertices.T)))  # ascending
    hull = mesh.convex_hull
    # normals in the object's own frame, so that rectilinearity does not depend on its yaw
    c, s = np.cos(np.deg2rad(yaw)), np.sin(np.deg2rad(yaw))
    own = normals @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    return {
        "object_red": red,
        "object_green": green,
        "object_blue": blue,
        "elongation": float(spread[2] / spread[1]),
        "flatness": float(1 - spread[0] / spread[1]),
        "compactness": float(36 * np.pi * hull.volume**2 / hull.area**3),
        "curvature": mean_curvature(mesh),
        "rectilinearity": float(share @ (np.abs(own).max(axis=1) >= 0.995)),
    }


def _appearance(rendering: Rendering) -> dict[str, float]:
    """Layout and colour of the first frame."""
    image, mask = rendering.clip[0] / 255.0, rendering.mask[0]
    size = mask.shape[0]
    place = np.stack(np.meshgrid(*[2 * (np.arange(size) + 0.5) / size - 1] * 2), axis=-1)
    x, y = mean_in(place, mask)
    red, green, blue = mean_in(image, ~mask)
    gray = image @ [0.2126, 0.7152, 0.0722]
    return {
        "size": float(mask.mean()),
        "x": float(x),
        "y": float(-y),
        "background_red": red,
        "background_green": green,
        "background_blue": blue,
        "luminance": float(gray.mean()),
        "contrast": float(gray.std()),
        "openness": float(rendering.sky.mean()),
    }


def _movement(rendering: Rendering) -> dict[str, float]:
    """Mean flow of object and background over the clip, pixels per frame (y down)."""
    flow, mask = rendering.flow, rendering.mask[: len(rendering.flow)]
    velocity, backdrop = mean_in(flow, mask), mean_in(flow, ~mask)
    speed = np.linalg.norm(flow.astype(np.float64), axis=-1, keepdims=True)
    growth = [expansion(field, where) for field, where in zip(flow, mask, strict=True)]
    return {
        "velocity_x": velocity[0],
        "velocity_y": velocity[1],
        "speed": float(mean_in(speed, mask)[0]),
        "expansion": float(np.mean(growth)),
        "background_velocity_x": backdrop[0],
        "background_velocity_y": backdrop[1],
        "background_speed": float(mean_in(speed, ~mask)[0]),
    }


def attributes(scene: Scene, rendering: Rendering) -> dict[str, object]:
    """One row of the stimulus table; see `brainvis.stimuli.world` for the columns."""
    category, thing, camera, light = scene.category, scene.thing, scene.camera, scene.light
    yaw = camera.azimuth + thing.yaw
    return {
        "stimulus_id": scene.stimulus_id,
        "category": category.name,
        "supercategory": category.supercategory,
        "caption": caption(scene),
        "color": thing.skin.color,
        "texture": thing.skin.texture,
        "background": scene.background,
        "motion": scene.motion.name,
        "camera_motion": camera.name or "still",
        **_surface(rendering.mesh, yaw),
        "number_of_parts": int(rendering.mesh.metadata["parts"]),
        **_appearance(rendering),
        "yaw": thing.yaw,
        "animate": int(category.animate),
        "edible": int(category.edible),
        "natural": int(category.natural),
        "indoor": int(BACKGROUNDS[scene.background].indoor),
        **_movement(rendering),
        "spin": scene.motion.spin,
        "camera_azimuth": camera.azimuth,
        "camera_elevation": camera.elevation,
        "camera_distance": camera.distance,
        "camera_pan": camera.pan,
        "camera_tilt": camera.tilt,
        "camera_zoom": camera.zoom,
        "camera_truck": camera.truck,
        "light_azimuth": light.azimuth,
        "light_elevation": light.elevation,
        "light_intensity": light.intensity,
        "light_warmth": light.warmth,
    }
