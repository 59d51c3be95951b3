"""The catalogue of object categories, four in each of six super-categories.

The first five super-categories are those that high-level visual cortex is known for (faces,
bodies, places, food, words); 'objects' are the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import trimesh

from brainvis.stimuli.objects import bodies, faces, food, places, things, words
from brainvis.stimuli.objects.paint import TEXTURES, Skin

SHAPE_COORDINATES = 6
SUPERCATEGORIES = ("faces", "bodies", "places", "food", "words", "objects")

Builder = Callable[[np.ndarray, Skin], trimesh.Trimesh]
VIVID = ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink", "white")
SKINS = ("pale", "peach", "tan", "brown", "dark brown")
FURS = ("orange", "brown", "grey", "black", "white", "tan")
SOFT = ("plain", "plain", "marble")
ALL = ("plain", *TEXTURES)
LETTERS = ("plain",) * 5 + ("bands",)


@dataclass(frozen=True)
class Category:
    """What the sampler and the captions need to know about a kind of object.

    Attributes
    ----------
    build : callable
        From six shape coordinates in [0, 1] and a `Skin` to a mesh in the unit sphere.
    noun : str
        How a caption calls it.
    colors, textures : tuple of str
        What its surface may look like.
    turn : float
        Largest turn away from the viewer, degrees.
    floats : bool
        Whether it hovers above the ground.
    scale : float
        Typical radius of its bounding sphere, in units of the world.
    closed : bool
        Whether every part is watertight.
    """

    name: str
    supercategory: str
    build: Builder
    noun: str
    colors: tuple[str, ...] = VIVID
    textures: tuple[str, ...] = ALL
    turn: float = 50.0
    floats: bool = False
    scale: float = 1.0
    animate: bool = False
    edible: bool = False
    natural: bool = False
    closed: bool = True


def _catalogue() -> tuple[Category, ...]:
    face: dict[str, Any] = {"supercategory": "faces", "turn": 40.0, "floats": True}
    body: dict[str, Any] = {
        "supercategory": "bodies",
        "scale": 1.2,
        "animate": True,
        "natural": True,
    }
    place: dict[str, Any] = {"supercategory": "places", "turn": 18.0}
    meal: dict[str, Any] = {"supercategory": "food", "edible": True, "natural": True}
    thing: dict[str, Any] = {"supercategory": "objects", "turn": 60.0, "scale": 1.15}
    text: dict[str, Any] = {
        "supercategory": "words",
        "turn": 25.0,
        "scale": 1.2,
        "textures": LETTERS,
    }
    alive: dict[str, Any] = {"animate": True, "natural": True}
    return (
        Category("human_face", build=faces.human_face, noun="human face", colors=SKINS,
                 textures=("plain",), **face, **alive),
        Category("animal_face", build=faces.animal_face, noun="animal face", colors=FURS,
                 textures=(*SOFT, "bands"), **face, **alive),
        Category("mask", build=faces.mask, noun="mask", **face),
        Category("robot_face", build=faces.robot_face, noun="robot face", **face),
        Category("standing_figure", build=bodies.standing_figure, noun="person", **body),
        Category("quadruped", build=bodies.quadruped, noun="four-legged animal", colors=FURS,
                 textures=(*ALL[:3], "dots", "marble"), **body),
        Category("hand", build=bodies.hand, noun="hand", colors=SKINS, textures=("plain",),
                 floats=True, **body),
        Category("bird", build=bodies.bird, noun="bird", textures=(*SOFT, "dots"), **body),
        Category("house", build=places.house, noun="house", scale=1.35, **place),
        Category("room", build=places.room, noun="room", textures=(*SOFT, "bands", "stripes"),
                 scale=1.9, **place),
        Category("street", build=places.street, noun="street", textures=("plain",),
                 scale=2.2, **place),
        Category("landscape", build=places.landscape, noun="mountain landscape", natural=True,
                 colors=("green", "green", "orange", "red"), textures=("plain",), closed=False,
                 scale=2.2, **place),
        Category("apple", build=food.apple, noun="apple", colors=("red", "green", "yellow"),
                 textures=("plain",), turn=180.0, **meal),
        Category("banana", build=food.banana, noun="banana", colors=("yellow", "yellow", "green"),
                 textures=SOFT, turn=35.0, **meal),
        Category("burger", build=food.burger, noun="burger", colors=("tan", "orange", "brown"),
                 textures=("plain",), turn=180.0, **meal),
        Category("icecream", build=food.icecream, noun="ice cream cone", textures=SOFT,
                 scale=1.15, **meal),
        Category("word", build=words.word, noun="word", **text),
        Category("number", build=words.number, noun="number", **text),
        Category("script", build=words.script, noun="row of unknown letters", floats=True, **text),
        Category("signboard", build=words.signboard, noun="sign",
                 **{**text, "textures": ("plain",)}),
        Category("car", build=things.car, noun="car", **thing),
        Category("chair", build=things.chair, noun="chair", **thing),
        Category("cup", build=things.cup, noun="cup", **{**thing, "scale": 1.0}),
        Category("hammer", build=things.hammer, noun="hammer", **thing, floats=True),
    )  # fmt: skip


CATEGORIES: dict[str, Category] = {category.name: category for category in _catalogue()}
