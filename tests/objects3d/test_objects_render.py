"""Pictures of meshes: what is seen where, in which colour, and that simulated is said."""

import imageio_ffmpeg
import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from brainvis.objects3d.mesh import ColoredMesh, empty_mesh
from brainvis.objects3d.raster import fragments, nearest
from brainvis.objects3d.render import FRAME, around, views, write_turntable


def colored(mesh, color=(200, 30, 30)):
    colors = np.tile(np.array(color, np.uint8), (len(mesh.vertices), 1))
    return ColoredMesh(mesh.vertices.astype("f4"), np.asarray(mesh.faces, "i4"), colors)


def test_a_ball_covers_the_area_of_a_disc_from_everywhere():
    ball = colored(trimesh.creation.icosphere(subdivisions=4, radius=0.5))
    pictures = views(ball, around(5), size=96)
    covered = (pictures < 0.999).any(axis=-1).mean(axis=(1, 2))
    assert covered == pytest.approx(np.pi * 0.25 / FRAME**2, rel=0.06)
    assert pictures.shape == (5, 96, 96, 3) and pictures.dtype == np.float32


def test_the_camera_goes_round_and_up_is_up():
    at = trimesh.creation.box((0.2, 0.2, 0.2))
    places = ((0, -0.4, 0), (0.4, 0, 0), (0, 0, 0.4))
    front, right, top = (at.copy().apply_translation(place) for place in places)
    red, green, blue = (
        colored(mesh, color)
        for mesh, color in ((front, (255, 0, 0)), (right, (0, 255, 0)), (top, (0, 0, 255)))
    )
    offsets = np.cumsum([0, 8, 8])
    whole = ColoredMesh(
        np.concatenate([one.vertices for one in (red, green, blue)]),
        np.concatenate([one.faces + o for one, o in zip((red, green, blue), offsets, strict=True)]),
        np.concatenate([one.colors for one in (red, green, blue)]),
    )
    ahead, from_right = views(whole, [0, 90], size=60, elevation=0)

    def place(picture, channel):
        other = [c for c in range(3) if c != channel]
        mask = (picture[..., channel] > 0.3) & (picture[..., other] < 0.1).all(axis=-1)
        row, column = np.nonzero(mask)
        return row.mean() - 29.5, column.mean() - 29.5

    assert place(ahead, 0) == pytest.approx((0, 0), abs=1.5)  # in front of the centre
    assert place(ahead, 1)[1] == pytest.approx(0.4 / FRAME * 60, abs=1.5)  # at the right
    assert place(ahead, 2)[0] == pytest.approx(-0.4 / FRAME * 60, abs=1.5)  # above
    assert place(from_right, 1) == pytest.approx((0, 0), abs=1.5)  # now in front
    assert place(from_right, 0)[1] == pytest.approx(-0.4 / FRAME * 60, abs=1.5)  # now at the left


def test_nearer_surfaces_hide_farther_ones_whatever_their_order():
    square = np.array([[0, 0], [8, 0], [8, 8], [0, 8]], float)
    points = np.concatenate([np.c_[square, np.full(4, depth)] for depth in (2.0, 1.0)])
    faces = np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]])
    shift = np.array([1e-3, 2e-3, 0])
    for order in (faces, faces[::-1]):
        found = fragments(points + shift, order, 8)
        seen = nearest(found)
        assert len(seen) == 64 and np.array_equal(np.sort(found.pixel[seen]), np.arange(64))
        assert np.allclose(found.depth[seen], 1)


@given(st.integers(0, 2**31))
@settings(max_examples=25, deadline=None)
def test_fragments_agree_with_a_test_of_every_pixel(seed):
    rng = np.random.default_rng(seed)
    points = rng.uniform(-3, 13, (3, 3))
    found = fragments(points, np.array([[0, 1, 2]]), 10)
    x, y = np.meshgrid(np.arange(10) + 0.5, np.arange(10) + 0.5)
    edges = np.stack([points, np.roll(points, -1, axis=0)], axis=1)
    sides = [(b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0]) for a, b in edges[..., :2]]
    inside = np.all([s > 0 for s in sides], axis=0) | np.all([s < 0 for s in sides], axis=0)
    assert np.array_equal(np.sort(found.pixel), np.flatnonzero(inside.ravel()))
    centre = np.stack([x.ravel()[found.pixel], y.ravel()[found.pixel]], axis=1)
    again = (found.weights[..., None] * points[None]).sum(axis=1)
    assert np.allclose(again[:, :2], centre) and np.allclose(again[:, 2], found.depth)


def test_an_empty_object_gives_white_pictures():
    assert np.all(views(empty_mesh(), around(2), size=8) == 1)


def test_turntables_move_and_say_simulated(tmp_path):
    box = colored(trimesh.creation.box((0.9, 0.3, 0.5)))
    rows = [[box, empty_mesh()], [box, box]]
    write_turntable(tmp_path / "a.gif", rows, stamp="SIMULATED BRAIN", frames=6, size=32)
    with Image.open(tmp_path / "a.gif") as moving:
        assert moving.n_frames == 6 and moving.size == (64, 80)
        first = np.asarray(moving.convert("RGB")).astype(int)
        moving.seek(2)
        third = np.asarray(moving.convert("RGB")).astype(int)
    assert np.abs(first - third)[:64].max() > 50
    strip = first[64:].reshape(-1, 3)
    assert (np.abs(strip - [184, 74, 0]).max(axis=1) < 12).mean() > 0.4  # the colour of "simulated"
    assert (strip.min(axis=1) > 200).sum() > 20  # its letters
    assert np.abs(first[:32, 32:64] - 255).max() < 10  # the empty object
    write_turntable(tmp_path / "b.gif", rows, stamp="SIMULATED BRAIN", frames=6, size=32)
    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()


def test_turntable_as_film(tmp_path):
    box = colored(trimesh.creation.box((0.9, 0.3, 0.5)))
    write_turntable(tmp_path / "a.mp4", [[box]], stamp="SIMULATED BRAIN", frames=5, size=32)
    assert imageio_ffmpeg.count_frames_and_secs(str(tmp_path / "a.mp4"))[0] == 5
