"""Shape metrics against closed forms, and that nothing beats the truth or is beaten by empty."""

import numpy as np
import ot
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from brainvis.evaluate.shape_distances import (
    FARTHEST,
    WORST,
    chamfer_pairs,
    earth_mover,
    iou_pairs,
    surface_scores,
)
from brainvis.evaluate.shape_scoring import ShapeProtocol, measure, sampling_floor, score_shapes
from brainvis.objects3d.mesh import ColoredMesh, empty_mesh

SMALL = ShapeProtocol(
    points=512, transport_points=64, pair_points=64, cells=32, views=2, view_size=24,
    null_items=6, transport_null_items=4,
)  # fmt: skip


def colored(mesh):
    colors = np.full((len(mesh.vertices), 3), 120, np.uint8)
    return ColoredMesh(mesh.vertices.astype("f4"), np.asarray(mesh.faces, "i4"), colors)


def box(*sides, at=(0, 0, 0)):
    return colored(trimesh.creation.box(sides).apply_translation(at))


BALL = colored(trimesh.creation.icosphere(subdivisions=3, radius=0.5))
SHAPES = [
    box(1, 1, 1), box(1, 0.2, 0.2), box(0.2, 1, 0.2), box(0.2, 0.2, 1), BALL, box(1, 1, 0.1),
    box(0.1, 1, 1), box(1, 0.1, 1), box(1, 0.5, 0.25), box(0.5, 1, 0.25), box(0.25, 0.5, 1),
]  # fmt: skip


def plane(height, n=400, seed=0):
    points = np.c_[np.random.default_rng(seed).random((n, 2)), np.full(n, height)]
    return points, np.tile([0.0, 0, 1], (n, 1))


def test_two_parallel_planes_are_as_far_apart_as_they_are():
    found = surface_scores(plane(0), plane(0.3), 0.05)
    assert found == pytest.approx({"chamfer": 0.3, "f_score": 0, "normal_consistency": 1})
    assert earth_mover(plane(0)[0], plane(0.3)[0]) == pytest.approx(0.3)
    assert surface_scores(plane(0), plane(0.04), 0.05)["f_score"] == 1
    assert surface_scores(plane(0), plane(0), 0.05)["chamfer"] == 0


def test_chamfer_and_f_score_weigh_both_ways():
    points, normals = plane(0)
    half = points[:, 0] < 0.5
    true, made = (points, normals), (points[half], normals[half])
    found = surface_scores(true, made, 0.01)
    there = np.clip(points[:, 0] - made[0][:, 0].max(), 0, None).mean()
    assert found["chamfer"] == pytest.approx(there / 2, rel=0.15)
    assert found["f_score"] == pytest.approx(2 * half.mean() / (1 + half.mean()), abs=0.03)


@given(st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_distances_are_symmetric_and_exact(seed):
    rng = np.random.default_rng(seed)
    first, second = rng.normal(0, 0.2, (2, 40, 3))
    assert earth_mover(first, second) == pytest.approx(earth_mover(second, first))
    cost = np.linalg.norm(first[:, None] - second, axis=-1)
    assert earth_mover(first, second) == pytest.approx(ot.emd2([], [], cost))
    pair = chamfer_pairs([first], [second])[0, 0]
    assert pair == pytest.approx((cost.min(0).mean() + cost.min(1).mean()) / 2)
    normals = np.tile([0.0, 0, 1], (40, 1))
    assert surface_scores((first, normals), (second, normals), 0.1)["chamfer"] == pytest.approx(
        pair
    )


def test_iou_of_boxes_is_that_of_their_volumes():
    protocol = ShapeProtocol(points=16, cells=55, views=1, view_size=8)  # cells of 0.02
    first, second = box(0.61, 0.6, 0.6), box(0.61, 0.6, 0.6, at=(0.15, 0, 0))
    cells = [measure(one, "a", protocol).cells for one in (first, second)]
    shared = iou_pairs(cells, cells)
    assert np.allclose(np.diagonal(shared), 1)
    assert shared[0, 1] == pytest.approx(0.46 / 0.76, abs=0.03)
    assert iou_pairs(cells[:1], [np.empty(0, int)])[0, 0] == 0
    assert iou_pairs([np.empty(0, int)], [np.empty(0, int)])[0, 0] == 0


def scores_of(made, classes=None, protocol=SMALL, draws=50):
    true = [measure(mesh, f"true {i}", protocol) for i, mesh in enumerate(SHAPES)]
    found = [measure(mesh, str(i), protocol) for i, mesh in enumerate(made)]
    return {
        one.metric: one
        for one in score_shapes(true, found, classes, protocol=protocol, permutations=draws)
    }


@pytest.fixture(scope="module")
def perfect():
    return scores_of(SHAPES, np.array(list("aabbccddeea")))


def test_the_truth_scores_what_its_sampling_allows(perfect):
    floor = sampling_floor(SHAPES[0], "x", SMALL)
    assert perfect["chamfer"].values[0] == pytest.approx(floor["chamfer"], rel=0.2)
    assert perfect["volume_iou"].values == pytest.approx(1)
    assert perfect["f_score"].values.mean() > 0.85
    assert perfect["views_pixel_correlation"].values == pytest.approx(1)
    identified = [name for name in perfect if name.endswith(("_way", "top1", "_class"))]
    assert len(identified) == 8
    for name in identified:
        assert np.nanmean(perfect[name].values) > 0.95, name
    for name, share in (("chamfer", 0.5), ("emd", 0.7)):
        assert perfect[name].values.mean() < share * perfect[name].chance, name
    for name in ("f_score", "volume_iou", "normal_consistency", "views_pixel_correlation"):
        assert perfect[name].values.mean() > perfect[name].chance + 0.2, name


def test_an_empty_object_is_the_worst_of_every_metric_and_stays(perfect):
    made = [*SHAPES]
    made[3] = empty_mesh()
    found = scores_of(made, np.array(list("aabbccddeea")))
    assert set(found) == set(perfect)
    for name, score in found.items():
        assert len(score.values) == len(SHAPES)
        worst = WORST.get(name, -1 if name.endswith("correlation") else 0)
        assert score.values[3] == worst, name
    assert np.sqrt(3) == pytest.approx(FARTHEST)
    nothing = scores_of([empty_mesh()] * len(SHAPES))
    assert nothing["shape_two_way"].values.tolist() == [0] * len(SHAPES)
    far = [ColoredMesh(m.vertices + 50, m.faces, m.colors) for m in SHAPES]
    assert scores_of(far)["chamfer"].values == pytest.approx(FARTHEST)  # never worse than empty


def test_objects_do_not_depend_on_each_other_and_seeds_count(perfect):
    alone = measure(SHAPES[4], "4", SMALL)
    again, other = measure(SHAPES[4], "4", SMALL), measure(SHAPES[4], "5", SMALL)
    assert np.array_equal(alone.points, again.points)
    assert not np.array_equal(alone.points, other.points)
    twice = scores_of(SHAPES, np.array(list("aabbccddeea")))
    for name, score in perfect.items():
        assert np.array_equal(score.values, twice[name].values, equal_nan=True), name
        assert np.array_equal(score.null, twice[name].null, equal_nan=True), name


def test_one_answer_for_all_identifies_nobody():
    found = scores_of([BALL] * len(SHAPES))
    assert found["shape_two_way"].values.mean() == pytest.approx(0.5, abs=0.1)
    assert found["shape_ten_way"].values.mean() == pytest.approx(0.1, abs=0.05)
