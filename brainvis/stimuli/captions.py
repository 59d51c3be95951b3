"""Scenes in words."""

from __future__ import annotations

import numpy as np

from brainvis.stimuli.backgrounds import BACKGROUNDS
from brainvis.stimuli.objects.paint import TEXTURES
from brainvis.stimuli.objects.words import text_of
from brainvis.stimuli.scene import Scene

_LIGHTING = {-1: "in cold light", 0: "", 1: "in warm light"}


def _article(phrase: str) -> str:
    return ("an " if phrase[0] in "aeiou" else "a ") + phrase


def _subject(scene: Scene) -> str:
    thing, category = scene.thing, scene.category
    skin = thing.skin
    colors = skin.color if skin.texture == "plain" else f"{skin.color} and {skin.second}"
    look = f"{TEXTURES[skin.texture][1]} {colors}".strip()
    text = text_of(category.name, np.asarray(thing.shape))
    if category.name == "human_face":
        return f"a human face with {skin.color} skin"
    if category.name == "standing_figure":
        return f"a person in {_article(look)} shirt"
    if category.name == "landscape":
        return f"a mountain landscape with {look} trees"
    if category.name == "street":
        return f"a street with {skin.color} and {skin.second} buildings"
    if category.name == "signboard":
        return f"{_article(look)} sign that reads {text}"
    if text:
        return f"the {category.noun} {text} in {look} characters"
    return _article(f"{look} {category.noun}")


def _movement(scene: Scene) -> str:
    motion = scene.motion
    if motion.name == "turning":
        return "turning around"
    if motion.name == "still":
        return ""
    return f"moving {motion.name}" + (" while turning" if motion.spin else "")


def caption(scene: Scene) -> str:
    """One sentence on object, place, light, motion and camera, from the scene alone."""
    warmth = int(np.sign(scene.light.warmth)) if abs(scene.light.warmth) > 0.6 else 0
    where = "" if scene.category.name == "room" else BACKGROUNDS[scene.background].phrase
    camera = f"the camera {scene.camera.name}" if scene.camera.name else ""
    shown = " ".join(filter(None, [_subject(scene), where, _LIGHTING[warmth]]))
    return ", ".join(filter(None, [shown, _movement(scene), camera]))
