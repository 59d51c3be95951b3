"""The catalogue of objects: shapes, colours, watertight solids."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from brainvis.stimuli.attributes import mean_curvature
from brainvis.stimuli.objects import CATEGORIES, SHAPE_COORDINATES, SUPERCATEGORIES, Skin
from brainvis.stimuli.objects.paint import COLORS, TEXTURES
from brainvis.stimuli.objects.primitives import ball, box, cylinder, lathe, limb, prism
from brainvis.stimuli.objects.words import SIGNS, WORDS, text_of

SKIN = Skin("red", "white", "stripes")


def merged(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """Mesh with vertices at one place joined."""
    return trimesh.Trimesh(np.round(mesh.vertices, 6), mesh.faces, process=True)


def test_six_supercategories_of_at_least_sixteen_categories():
    found = {category.supercategory for category in CATEGORIES.values()}
    assert found == set(SUPERCATEGORIES) and len(SUPERCATEGORIES) == 6
    assert len(CATEGORIES) >= 16


@pytest.mark.parametrize("name", list(CATEGORIES))
def test_every_category_is_a_coloured_solid_in_the_unit_sphere(name):
    category = CATEGORIES[name]
    for number in range(3):
        u = np.random.default_rng(number).random(SHAPE_COORDINATES)
        mesh = category.build(u, SKIN)
        assert 200 < len(mesh.faces) < 8000
        assert np.linalg.norm(mesh.vertices, axis=1).max() == pytest.approx(1.0)
        colors = np.asarray(mesh.visual.vertex_colors)
        assert colors.shape == (len(mesh.vertices), 4) and len(np.unique(colors, axis=0)) >= 2
        assert np.isfinite(mesh.vertex_normals).all()
        solid = merged(mesh)
        assert solid.is_winding_consistent
        assert solid.is_watertight == category.closed
        if category.closed:
            assert solid.volume > 0  # faces point outwards


@pytest.mark.parametrize("name", list(CATEGORIES))
def test_shape_coordinates_change_the_shape(name):
    low, high = (CATEGORIES[name].build(np.full(6, v), SKIN) for v in (0.05, 0.95))
    same = low.vertices.shape == high.vertices.shape
    assert not (same and np.allclose(low.vertices, high.vertices, atol=1e-3))


@pytest.mark.parametrize(
    ("mesh", "volume"),
    [
        (box((1, 2, 3)), 6.0),
        (ball(1.0, 48, 32), 4 / 3 * np.pi),
        (cylinder(0.5, 2.0, sections=64), np.pi / 2),
        (cylinder(1.0, 3.0, 0.0, 64), np.pi),
        (prism(np.array([(0, 0), (1, 0), (0, 1)]), 2.0), 1.0),
        (lathe([(0, 0), (1, 0), (1, 1), (0, 1)], 64, sharp=True), np.pi),
    ],
)
def test_primitives_have_the_volume_of_the_textbook(mesh, volume):
    solid = merged(mesh)
    assert solid.is_watertight
    assert solid.volume == pytest.approx(volume, rel=0.02)


@settings(max_examples=25)
@given(st.lists(st.floats(-2, 2), min_size=6, max_size=6), st.floats(0.05, 0.3))
def test_limbs_are_closed_in_every_direction(ends, radius):
    start, end = np.array(ends[:3]), np.array(ends[3:])
    if np.linalg.norm(end - start) < 0.5:
        end = start + np.array([0.5, 0.0, 0.0])
    mesh = limb(start, end, radius)
    assert merged(mesh).is_watertight and merged(mesh).volume > 0
    reach = np.linalg.norm(mesh.vertices - (start + end) / 2, axis=1).max()
    assert reach == pytest.approx(np.linalg.norm(end - start) / 2 + radius, rel=0.02)


def test_textures_mix_two_colours_and_plain_shows_one():
    points = np.random.default_rng(0).uniform(-1, 1, (500, 3))
    for name in TEXTURES:
        painted = Skin("blue", "yellow", name).main(points)
        assert painted.min() >= 0 and painted.max() <= 1
        assert (len(np.unique(painted, axis=0)) == 1) == (name == "plain")
    assert np.allclose(Skin("blue", "yellow", "plain").main(points), COLORS["blue"])


def test_mean_curvature_of_a_ball_is_one_and_of_a_box_none():
    assert mean_curvature(ball(2.5, 48, 32)) == pytest.approx(1.0, rel=0.02)
    assert mean_curvature(box((1, 2, 3))) == pytest.approx(0.0, abs=1e-6)


def test_texts_are_those_that_the_letters_spell():
    assert {text_of("word", np.array([x])) for x in np.linspace(0, 1, 200)} == set(WORDS)
    assert {text_of("signboard", np.array([x])) for x in np.linspace(0, 1, 200)} == set(SIGNS)
    assert text_of("number", np.array([0.0])) == "100"
    assert text_of("number", np.array([1.0])) == "999"
    assert text_of("cup", np.array([0.5])) == ""
