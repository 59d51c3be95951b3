"""What a stimulus shows and how it moves, drawn from a seed: no pixels here.

World axes: x right, y away from a camera at azimuth 0, z up; the ground is z = 0. Lengths are
object units (an object of scale 1 fits a sphere of radius 1). Times are seconds from the first
frame, speeds are per second, angles are degrees.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh

from brainvis.errors import BrainvisError
from brainvis.stimuli.backgrounds import BACKGROUNDS
from brainvis.stimuli.objects import CATEGORIES, SHAPE_COORDINATES, Category, Skin
from brainvis.stimuli.objects.paint import COLORS

DIRECTIONS = ("left", "right", "up", "down", "towards the viewer", "away from the viewer")
FIELD_OF_VIEW = 42.0


@dataclass(frozen=True)
class Thing:
    """The object: category, shape coordinates in [0, 1], surface, where it stands at time 0."""

    category: str
    shape: tuple[float, ...]
    skin: Skin
    yaw: float
    scale: float
    lift: float  # of its lowest point above the ground

    def mesh(self) -> trimesh.Trimesh:
        """The object in its own coordinates, centred, vertex-coloured."""
        mesh = CATEGORIES[self.category].build(np.asarray(self.shape), self.skin)
        mesh.vertices *= self.scale
        return mesh


@dataclass(frozen=True)
class Motion:
    """Steady rigid motion of the object: along the camera's axes, and about the vertical."""

    name: str  # a direction, "turning", or "still"
    right: float
    up: float
    towards: float
    spin: float


@dataclass(frozen=True)
class Camera:
    """Where the camera is at time 0, what it looks at, and how it moves.

    Attributes
    ----------
    azimuth, elevation, distance : float
        Of the camera seen from the object's centre.
    shift_x, shift_y : float
        Where the object's centre appears, in half image widths (y up).
    pan, tilt : float
        Turning to the right and upwards, degrees per second.
    zoom : float
        Growth rate of the focal length, 1 / second.
    truck : float
        Sideways travel to the right, units per second.
    name : str
        How a caption calls the movement, "" where it rests.
    """

    azimuth: float
    elevation: float
    distance: float
    shift_x: float
    shift_y: float
    pan: float
    tilt: float
    zoom: float
    truck: float
    name: str


@dataclass(frozen=True)
class Light:
    """A distant lamp and the sky: azimuth from the camera, elevation, strength, warmth (-1, 1)."""

    azimuth: float
    elevation: float
    intensity: float
    warmth: float


@dataclass(frozen=True)
class Scene:
    """All that determines a stimulus."""

    stimulus_id: str
    thing: Thing
    motion: Motion
    camera: Camera
    light: Light
    background: str
    texture_seed: tuple[int, ...]

    @property
    def category(self) -> Category:
        return CATEGORIES[self.thing.category]


def _generator(seed: int, namespace: str, purpose: int, number: int) -> np.random.Generator:
    return np.random.default_rng([seed, purpose, number, *namespace.encode()])


def category_of(seed: int, namespace: str, index: int) -> str:
    """Category of a stimulus: every run of 24 stimuli holds each category once, shuffled."""
    block, place = divmod(index, len(CATEGORIES))
    return list(CATEGORIES)[
        _generator(seed, namespace, 1, block).permutation(len(CATEGORIES))[place]
    ]


def sample_scene(seed: int, namespace: str, index: int) -> Scene:
    """Draw stimulus `index` of a world; a pure function of its arguments.

    Parameters
    ----------
    seed : int, at least 0
    namespace : str
        Worlds of different namespaces share no stimulus ("world", "pool").
    index : int, at least 0

    Raises
    ------
    BrainvisError
        Negative seed or index, or an empty or non-plain namespace.
    """
    if seed < 0 or index < 0:
        raise BrainvisError("must not be negative", field="seed/index", found=(seed, index))
    if not namespace.isascii() or not namespace.replace("-", "").replace("_", "").isalnum():
        raise BrainvisError(
            "must be letters, digits, - and _", field="namespace", found=repr(namespace)
        )
    rng = _generator(seed, namespace, 0, index)
    category = CATEGORIES[category_of(seed, namespace, index)]
    motion = _sample_motion(rng, category)
    thing = _sample_thing(rng, category, motion)
    return Scene(
        stimulus_id=f"{namespace}-{index:05d}",
        thing=thing,
        motion=motion,
        camera=_sample_camera(rng, category, thing.scale),
        light=Light(
            azimuth=float(rng.uniform(-70, 70)),
            elevation=float(rng.uniform(38, 68)),
            intensity=float(rng.uniform(0.75, 1.15)),
            warmth=float(rng.uniform(-1, 1)),
        ),
        background=_sample_background(rng, category),
        texture_seed=(seed, 2, index, *namespace.encode()),
    )


def _sample_thing(rng: np.random.Generator, category: Category, motion: Motion) -> Thing:
    """What sinks starts high enough to stay above ground for two seconds."""
    color = str(rng.choice(category.colors))
    others = [name for name in COLORS if _contrast(name, color) > 0.45]
    texture = str(rng.choice(category.textures))
    skin = Skin(color, str(rng.choice(others)), texture, period=float(rng.uniform(0.4, 0.65)))
    return Thing(
        category=category.name,
        shape=tuple(rng.random(SHAPE_COORDINATES).tolist()),
        skin=skin,
        yaw=float(rng.uniform(-category.turn, category.turn)),
        scale=category.scale * float(rng.uniform(0.9, 1.15)),
        lift=float(rng.uniform(0.1, 0.5)) * category.floats + 2 * max(0.0, -motion.up),
    )


def _contrast(first: str, second: str) -> float:
    return float(np.abs(np.subtract(COLORS[first], COLORS[second])).max())


def _sample_motion(rng: np.random.Generator, category: Category) -> Motion:
    """Places rest; of the rest, six in eight travel, one turns, one is still."""
    speed, spin = rng.uniform(0.2, 0.55), rng.choice([-1, 1]) * rng.uniform(20, 60)
    kind = int(rng.integers(8))
    turning = bool(rng.random() < 0.3)
    if category.supercategory == "places" or kind == 7:
        return Motion("still", 0.0, 0.0, 0.0, 0.0)
    if kind == 6:
        return Motion("turning", 0.0, 0.0, 0.0, float(spin))
    right, up, towards = speed * np.array(
        [(-1, 0, 0), (1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1.4), (0, 0, -1.4)][kind]
    )
    return Motion(
        DIRECTIONS[kind], float(right), float(up), float(towards), float(spin) if turning else 0.0
    )


def _sample_camera(rng: np.random.Generator, category: Category, radius: float) -> Camera:
    """Half of the cameras rest, except that places are always seen in motion."""
    place = category.supercategory == "places"
    kind = int(rng.integers(0 if place else -4, 4))
    sign, speed = float(rng.choice([-1, 1])), float(rng.uniform(0.6, 1.0))
    name = {
        0: "panning " + ("right" if sign > 0 else "left"),
        1: "tilting " + ("up" if sign > 0 else "down"),
        2: "zooming " + ("in" if sign > 0 else "out"),
        3: "gliding " + ("right" if sign > 0 else "left"),
    }.get(kind, "")
    rates = [sign * speed * most if kind == k else 0.0 for k, most in enumerate((7, 5, 0.16, 0.5))]
    distance = float(rng.uniform(3.3, 4.3))
    # an object appears anywhere where all of it fits into the image
    reach = float(
        np.clip(1 - radius / distance / np.tan(np.deg2rad(FIELD_OF_VIEW / 2)), 0.06, 0.35)
    )
    return Camera(
        azimuth=float(rng.uniform(-180, 180)),
        elevation=float(rng.uniform(5, 22)),
        distance=distance,
        shift_x=float(rng.uniform(-reach, reach)),
        shift_y=float(rng.uniform(-reach, reach)),
        pan=rates[0],
        tilt=rates[1],
        zoom=rates[2],
        truck=rates[3],
        name=name,
    )


def _sample_background(rng: np.random.Generator, category: Category) -> str:
    """Buildings and landscapes stand outdoors, rooms indoors, the rest anywhere."""
    names = list(BACKGROUNDS)
    if category.supercategory == "places":
        indoor = category.name == "room"
        names = [name for name in names if BACKGROUNDS[name].indoor == indoor]
    return str(rng.choice(names))
