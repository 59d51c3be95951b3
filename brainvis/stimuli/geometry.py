"""Poses over time and the pinhole camera: where a point of the scene appears.

Images have x to the right and y down, in pixels, with pixel centres at half-integers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from brainvis.stimuli.scene import FIELD_OF_VIEW, Camera, Scene


@dataclass(frozen=True)
class Pose:
    """Rigid motion from object to world coordinates: x_world = rotation @ x + origin."""

    rotation: np.ndarray  # (3, 3)
    origin: np.ndarray  # (3,)

    def apply(self, points: np.ndarray) -> np.ndarray:
        """Object to world, (..., 3)."""
        return points @ self.rotation.T + self.origin

    def undo(self, points: np.ndarray) -> np.ndarray:
        """World to object, (..., 3)."""
        return (points - self.origin) @ self.rotation


@dataclass(frozen=True)
class View:
    """A camera at one moment.

    Attributes
    ----------
    position : ndarray, (3,)
    axes : ndarray, (3, 3)
        Rows: right, down, forward, unit vectors in world coordinates.
    focal : float
        Focal length in half image widths.
    """

    position: np.ndarray
    axes: np.ndarray
    focal: float

    @property
    def field_of_view(self) -> float:
        """Full angle, degrees."""
        return float(np.rad2deg(2 * np.arctan(1 / self.focal)))

    def project(self, points: np.ndarray, size: int) -> np.ndarray:
        """Pixel coordinates of world points, (..., 3) -> (..., 2)."""
        seen = (points - self.position) @ self.axes.T
        return (1 + self.focal * seen[..., :2] / seen[..., 2:]) * size / 2


def _turn(degrees: float) -> np.ndarray:
    """Rotation about z."""
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def pose(scene: Scene, height: float, time: float) -> Pose:
    """Pose of the object.

    Parameters
    ----------
    scene : Scene
    height : float
        Of the object's centre above its lowest point.
    time : float
        Seconds since the first frame.
    """
    motion, facing = scene.motion, _turn(scene.camera.azimuth)
    travel = facing @ [motion.right, -motion.towards, motion.up]
    start = np.array([0.0, 0.0, height + scene.thing.lift])
    yaw = scene.camera.azimuth + scene.thing.yaw + motion.spin * time
    return Pose(_turn(yaw), start + travel * time)


def _aim(elevation: float, ray: np.ndarray) -> tuple[float, float]:
    """Turns of a camera, left and then downwards in radians, that put its target on a ray.

    The target lies ahead and below by `elevation`; the ray (right, down, forward) is in camera
    coordinates. With yaw a and dip d, the target's camera coordinates are sin a cos e to the right
    and, with r = hypot(cos a cos e, sin e) and t its angle below the horizon, r cos(d - t) forward
    and -r sin(d - t) down.
    """
    right, down, forward = ray / np.linalg.norm(ray)
    yaw = np.arcsin(np.clip(right / np.cos(elevation), -1, 1))
    below = np.arctan2(np.sin(elevation), np.cos(yaw) * np.cos(elevation))
    return float(yaw), float(below - np.arctan2(down, forward))


def view(camera: Camera, target: np.ndarray, time: float) -> View:
    """Camera at a moment, aimed at time 0 so that `target` appears at its shift.

    Parameters
    ----------
    camera : Camera
    target : ndarray, (3,)
        The object's centre at time 0.
    time : float
        Seconds since the first frame.
    """
    still = 1 / np.tan(np.deg2rad(FIELD_OF_VIEW / 2))
    elevation = np.deg2rad(camera.elevation)
    facing = _turn(camera.azimuth)
    offset = facing @ [0.0, -np.cos(elevation), np.sin(elevation)] * camera.distance
    position = target + offset + facing @ [camera.truck * time, 0.0, 0.0]
    yaw, dip = _aim(elevation, np.array([camera.shift_x, -camera.shift_y, still]))
    dip -= np.deg2rad(camera.tilt * time)
    facing = _turn(camera.azimuth + np.rad2deg(yaw) - camera.pan * time)
    forward = facing @ [0.0, np.cos(dip), -np.sin(dip)]
    down = facing @ [0.0, -np.sin(dip), -np.cos(dip)]
    axes = np.stack([np.cross(down, forward), down, forward])
    return View(position, axes, still * float(np.exp(camera.zoom * time)))
