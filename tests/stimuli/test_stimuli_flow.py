"""The exact flow says where surface points go."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import binary_erosion, map_coordinates

from brainvis.stimuli.flow import exact_flow, expansion, mean_in
from brainvis.stimuli.geometry import Pose, View, pose, view
from brainvis.stimuli.render import render
from brainvis.stimuli.scene import FIELD_OF_VIEW, Motion, Scene, category_of, sample_scene

SIZE, FRAMES = 64, 3
STILL = Motion("still", 0.0, 0.0, 0.0, 0.0)


def scene_of(category: str, **changes) -> Scene:
    """A scene of a category, with no motion but the given one."""
    index = next(i for i in range(48) if category_of(3, "test", i) == category)
    scene = sample_scene(3, "test", index)
    rest = {"pan": 0.0, "tilt": 0.0, "zoom": 0.0, "truck": 0.0}
    camera = {k: v for k, v in changes.items() if k in (*rest, "shift_x", "shift_y", "elevation")}
    motion = replace(STILL, name="right", **{k: v for k, v in changes.items() if k not in camera})
    return replace(scene, motion=motion, camera=replace(scene.camera, **{**rest, **camera}))


def warp_error(scene: Scene) -> tuple[float, float]:
    """Mean error of frame 0 against frame 1 fetched along the flow, and against frame 1 as it is.

    Pixels near an outline or hidden in frame 1 are left out.
    """
    shown = render(scene, size=SIZE, frames=2, fps=8)
    flow = shown.flow[0].astype(float)
    rows, columns = np.mgrid[:SIZE, :SIZE].astype(float)
    there = [rows + flow[..., 1], columns + flow[..., 0]]
    fetched = np.stack(
        [map_coordinates(shown.clip[1][..., c].astype(float), there, order=1) for c in range(3)], -1
    )
    same = map_coordinates(shown.mask[1].astype(float), there, order=1) > 0.99
    inside = binary_erosion(shown.mask[0], iterations=2) & same
    errors = [
        np.abs(clip - shown.clip[0])[inside].mean() for clip in (fetched, shown.clip[1] * 1.0)
    ]
    return errors[0], errors[1]


@pytest.mark.parametrize(
    ("category", "motion"),
    [
        ("cup", {"right": 1.5}),
        ("cup", {"up": 1.0, "towards": 1.0}),
        ("human_face", {"spin": 60.0}),
        ("car", {"right": -1.0, "pan": 10.0}),
        ("house", {"truck": 2.0}),
        ("burger", {"zoom": 0.5, "tilt": 8.0}),
    ],
)
def test_next_frame_fetched_along_the_flow_is_this_frame(category, motion):
    fetched, unmoved = warp_error(scene_of(category, **motion))
    assert fetched < 0.6 * unmoved
    assert fetched < 12  # grey levels of 255: interpolation and shading remain


@pytest.mark.parametrize(("right", "up"), [(1.2, 0.0), (-0.8, 0.0), (0.0, 0.9)])
def test_translation_across_a_level_camera_moves_the_centre_by_the_known_step(right, up):
    scene = scene_of("cup", right=right, up=up, shift_x=0.0, shift_y=0.0, elevation=0.0)
    rendering = render(scene, size=SIZE, frames=FRAMES, fps=8)
    focal = 1 / np.tan(np.deg2rad(FIELD_OF_VIEW / 2)) * SIZE / 2
    # the visible surface lies at most one radius nearer than the centre
    far, near = scene.camera.distance + 0.3, scene.camera.distance - scene.thing.scale
    axis, sign, speed = (0, np.sign(right), abs(right)) if right else (1, -np.sign(up), up)
    across = sign * rendering.flow[0][rendering.mask[0]][:, axis]
    assert across.min() > 0.98 * focal * speed / 8 / far
    assert across.max() < 1.02 * focal * speed / 8 / near
    other = rendering.flow[0][rendering.mask[0]][:, 1 - axis]
    assert np.abs(other).max() < 1e-3
    assert np.abs(rendering.flow[0][~rendering.mask[0]]).max() == 0


def test_flow_of_a_plane_facing_the_camera_is_exact():
    camera = View(np.zeros(3), np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]), 2.0)
    x, z = np.meshgrid(np.linspace(-1, 1, 8), np.linspace(1, -1, 8))
    points = np.stack([x, np.full_like(x, 4.0), z], axis=-1)
    poses = Pose(np.eye(3), np.zeros(3)), Pose(np.eye(3), np.array([0.3, 0.0, 0.1]))
    moving = x > 0
    flow = exact_flow(points, moving, poses, (camera, camera))
    # 2 half-widths of focal length, 32 pixels to a half-width if the image had 8: 2 * 4 / 4 * step
    assert np.allclose(flow[moving], [2 * 4 * 0.3 / 4, -2 * 4 * 0.1 / 4])
    assert np.all(flow[~moving] == 0)


def test_static_scene_has_no_flow_and_one_picture():
    rendering = render(scene_of("chair"), size=32, frames=FRAMES, fps=8)
    assert np.all(rendering.flow == 0)
    assert np.all(rendering.clip == rendering.clip[:1])
    assert rendering.mask.any() and not rendering.mask.all()


@pytest.mark.parametrize(("name", "sign"), [("pan", -1), ("truck", -1)])
def test_camera_to_the_right_moves_the_world_to_the_left(name, sign):
    rendering = render(scene_of("house", **{name: 1.0}), size=32, frames=2, fps=8)
    assert np.all(np.sign(rendering.flow[0][..., 0]) == sign)


def test_tilting_up_moves_the_world_down_and_zooming_in_makes_it_grow():
    tilted = render(scene_of("cup", tilt=5.0), size=32, frames=2, fps=8)
    assert np.all(tilted.flow[0][..., 1] > 0)
    zoomed = render(scene_of("cup", zoom=0.4), size=32, frames=2, fps=8)
    assert expansion(zoomed.flow[0], zoomed.mask[0]) == pytest.approx(np.expm1(0.05), rel=0.01)


def test_flow_in_pixels_doubles_with_the_size_and_halves_with_the_rate():
    scene = scene_of("cup", right=1.0)
    small, large = (render(scene, size=size, frames=2, fps=8) for size in (32, 64))
    fast = render(scene, size=32, frames=2, fps=16)
    mean = [mean_in(r.flow[0], r.mask[0])[0] for r in (small, large, fast)]
    assert mean[1] == pytest.approx(2 * mean[0], rel=0.02)
    assert mean[2] == pytest.approx(mean[0] / 2, rel=0.02)


@given(
    azimuth=st.floats(-180, 180), elevation=st.floats(0, 40),
    shift=st.tuples(st.floats(-0.3, 0.3), st.floats(-0.3, 0.3)),
)  # fmt: skip
def test_camera_shows_the_target_at_its_shift(azimuth, elevation, shift):
    camera = replace(
        sample_scene(0, "test", 0).camera,
        azimuth=azimuth, elevation=elevation, shift_x=shift[0], shift_y=shift[1],
    )  # fmt: skip
    target = np.array([0.2, -0.1, 0.7])
    eye = view(camera, target, 0.0)
    assert np.allclose(eye.axes @ eye.axes.T, np.eye(3))
    assert np.linalg.det(eye.axes) == pytest.approx(1.0)
    x, y = eye.project(target, 64) / 32 - 1
    assert (x, -y) == pytest.approx(shift, abs=1e-9)


def test_rays_through_pixel_centres_hit_what_projects_there():
    from brainvis.stimuli.render import _Stage

    scene = sample_scene(5, "test", 7)
    mesh = scene.thing.mesh()
    where = pose(scene, -float(mesh.bounds[0, 2]), 0.0)
    stage = _Stage(scene, mesh, 32)
    stage.move(where)
    eye = view(scene.camera, where.origin, 0.4)
    points, objects, sky = stage.hits(eye)
    rows, columns = np.mgrid[:32, :32] + 0.5
    assert np.abs(eye.project(points, 32) - np.stack([columns, rows], -1)).max() < 1e-2
    assert objects.any() and not (objects & sky).any()


@given(st.floats(-0.2, 0.2), st.floats(-3, 3))
def test_expansion_recovers_a_known_growth(growth, drift):
    rows, columns = np.mgrid[:9, :9].astype(float)
    flow = growth * np.stack([columns, rows], -1) + drift
    assert expansion(flow, np.ones((9, 9), bool)) == pytest.approx(growth, abs=1e-9)
