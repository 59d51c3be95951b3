"""Inside and outside of the world's meshes, and the points of them that can be seen."""

import numpy as np
import pytest
import trimesh
from test_objects_mesh import colored

from brainvis.objects3d.mesh import ColoredMesh, normalised
from brainvis.objects3d.solids import HALF, centres, filled, surface_points, visible_points
from brainvis.objects3d.voxels import voxelised
from brainvis.stimuli.objects import CATEGORIES
from brainvis.stimuli.scene import sample_scene

CELL = 2 * HALF / 32


def in_grid(points, size=32):
    return np.floor((points + HALF) / (2 * HALF) * size).astype(int)


def world_mesh(index):
    made = sample_scene(3, "test", index).thing.mesh()
    return normalised(
        ColoredMesh(
            np.asarray(made.vertices, np.float32),
            np.asarray(made.faces, np.int32),
            np.asarray(made.visual.vertex_colors)[:, :3],
        )
    )


def test_volume_of_known_solids():
    box = normalised(colored())  # 1 x 2 x 4 becomes 1/4 x 1/2 x 1
    ball = normalised(colored(trimesh.creation.icosphere(subdivisions=4)))
    for one, volume in ((box, 1 / 8), (ball, np.pi / 6)):
        assert filled(one, 32).mean() * (2 * HALF) ** 3 == pytest.approx(volume, rel=0.02)


def test_overlapping_and_nested_solids_are_one():
    parts = [trimesh.creation.box((2, 2, 2)), trimesh.creation.box((1, 1, 1))]
    moved = parts[0].copy()
    moved.apply_translation((1, 0, 0))
    whole = normalised(colored(trimesh.util.concatenate([*parts, moved])))
    assert filled(whole).mean() * (2 * HALF) ** 3 == pytest.approx(3 * 2 * 2 / 27, rel=0.02)


@pytest.mark.parametrize("index", range(4))
def test_agrees_with_tests_of_each_closed_part(index):
    one = world_mesh(index)
    merged = one.to_trimesh()
    merged.merge_vertices(merge_tex=True, merge_norm=True)
    axis = centres(32)
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    rows = np.random.default_rng(index).choice(len(grid), 400, replace=False)
    inside = np.zeros(len(rows), bool)
    for part in merged.split(only_watertight=False):
        if part.is_watertight:
            inside |= part.contains(grid[rows])
    share = filled(one, 32).reshape(-1)[rows]
    sure = np.abs(share - 0.5) > 0.3
    if merged.is_watertight:
        assert ((share > 0.5) == inside)[sure].mean() > 0.98


def test_open_ground_is_solid_down_to_its_lowest_point():
    x, y = (axis.ravel() for axis in np.meshgrid(np.linspace(0, 1, 9), np.linspace(0, 1, 9)))
    z = 0.2 + 0.3 * x
    corner = (np.arange(8)[:, None] * 9 + np.arange(8)).ravel()
    faces = np.concatenate([np.stack([corner, corner + 1, corner + 10], 1),
                            np.stack([corner, corner + 10, corner + 9], 1)])  # fmt: skip
    sheet = colored(trimesh.Trimesh(np.c_[x, y, z], faces, process=False))
    assert filled(normalised(sheet), 32).mean() * (2 * HALF) ** 3 == pytest.approx(0.15, rel=0.05)


def test_faces_turned_at_random_enclose_all_the_same():
    ball = trimesh.creation.icosphere(subdivisions=4)
    flipped = np.random.default_rng(0).random(len(ball.faces)) < 0.5
    faces = np.where(flipped[:, None], ball.faces[:, ::-1], ball.faces)
    found = filled(normalised(colored(trimesh.Trimesh(ball.vertices, faces, process=False))), 32)
    volume = found.mean() * (2 * HALF) ** 3
    assert np.pi / 6 < volume < 1.35 * np.pi / 6  # the shell's own thickness adds to it
    assert found[16, 16, 16] == 1


def test_surface_points_are_spread_by_area_and_repeat_themselves():
    one = normalised(colored())
    first, again = (surface_points(one, 4000, 7) for _ in range(2))
    assert np.array_equal(first.points, again.points)
    assert not np.array_equal(first.points, surface_points(one, 4000, 8).points)
    ends = np.abs(first.points[:, 2]) > 0.499  # 2 * 2 of 28 square units
    assert ends.mean() == pytest.approx(4 / 28, abs=0.02)
    assert np.abs(np.linalg.norm(first.normals, axis=1) - 1).max() < 1e-5
    assert first.colors == pytest.approx(np.array([200, 30, 60]) / 255 + np.zeros((4000, 3)))


def test_points_that_other_parts_cover_are_not_visible():
    outer, inner = trimesh.creation.box((2, 2, 2)), trimesh.creation.box((1, 1, 1))
    both = trimesh.util.concatenate([outer, inner])
    one = normalised(colored(both))
    assert (np.abs(surface_points(one, 500, 0).points).max(axis=1) < 0.4).any()
    assert (np.abs(visible_points(one, 500, 0).points).max(axis=1) > 0.49).all()


def test_every_category_has_solid_voxels_and_colours_of_its_own_surface():
    seen = set()
    for index in range(0, 24, 4):
        one = world_mesh(index)
        seen.add(sample_scene(3, "test", index).thing.category)
        grids = voxelised(one)
        assert (grids.solid > 127).sum() > 100
        points = surface_points(one, 50, 1)
        assert grids.near[tuple(in_grid(points.points).T)].mean() > 0.7
    assert len(seen) == 6 and seen <= set(CATEGORIES)


def test_a_point_has_the_colour_of_the_surface_next_to_it():
    ball = trimesh.creation.icosphere(subdivisions=4)
    shape = colored(ball)
    colors = np.where(ball.vertices[:, :1] > 0, np.uint8([250, 0, 0]), np.uint8([0, 0, 250]))
    grids = voxelised(normalised(ColoredMesh(shape.vertices, shape.faces, colors)))
    assert grids.color[28, 16, 16, 0] > 240 and grids.color[3, 16, 16, 2] > 240
