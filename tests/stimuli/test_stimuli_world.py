"""Scenes drawn from a seed, and the file that a world is written to."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import trimesh

from brainvis.containers import Stimuli
from brainvis.errors import BrainvisError
from brainvis.stimuli.backgrounds import BACKDROP_SHAPE, BACKGROUNDS, GROUND_SHAPE, bitmaps
from brainvis.stimuli.captions import caption
from brainvis.stimuli.objects import CATEGORIES
from brainvis.stimuli.scene import category_of, sample_scene
from brainvis.stimuli.world import write_world

COUNT = 5


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Stimuli:
    folder = tmp_path_factory.mktemp("world")
    write_world(folder / "w.h5", count=COUNT, frames=3, workers=1, meshes=folder / "meshes")
    return Stimuli.open(folder / "w.h5")


def test_file_has_the_documented_layout(world):
    assert world.shape == (64, 64, 3)
    shapes = {name: world.read(name) for name in ("images", "clips", "flow", "mask")}
    assert shapes["images"].shape == (COUNT, 64, 64, 3) and shapes["images"].dtype == np.uint8
    assert shapes["clips"].shape == (COUNT, 3, 64, 64, 3) and shapes["clips"].dtype == np.uint8
    assert shapes["flow"].shape == (COUNT, 2, 64, 64, 2) and shapes["flow"].dtype == np.float16
    assert shapes["mask"].shape == (COUNT, 3, 64, 64) and shapes["mask"].dtype == bool
    assert np.array_equal(shapes["images"], shapes["clips"][:, 0])
    assert world.kind == "simulated" and world.attributes["dataset"] == "simulated_world"
    assert world.attributes["fps"] == 8 and world.attributes["namespace"] == "world"
    assert list(world.ids) == [f"world-{i:05d}" for i in range(COUNT)]


def test_pictures_are_well_exposed_and_show_their_object(world):
    images = world.images()
    assert np.all(images.mean(axis=(1, 2, 3)) > 0.12) and np.all(images.std(axis=(1, 2, 3)) > 0.05)
    assert (images > 0.995).all(axis=-1).mean() < 0.25
    assert np.all(world.table["size"] > 0.02)


def test_table_agrees_with_the_arrays(world):
    flow, mask = world.read("flow"), world.read("mask")
    for i, row in world.table.iterrows():
        inside = flow[i].astype(float)[mask[i, :-1]]
        assert row["size"] == pytest.approx(mask[i, 0].mean())
        assert [row["velocity_x"], row["velocity_y"]] == pytest.approx(inside.mean(axis=0))
    numbers = world.table.select_dtypes("number").to_numpy(float)
    assert np.isfinite(numbers).all() and numbers.shape[1] >= 35


def test_meshes_are_coloured_and_stand_in_the_world(world):
    for i, name in enumerate(world.ids):
        mesh = trimesh.load_mesh(world.path.parent / "meshes" / f"{name}.ply", process=False)
        row = world.table.iloc[i]
        assert len(mesh.faces) > 200 and mesh.bounds[0, 2] > -1e-4
        share = mesh.area_faces / mesh.area
        color = share @ (
            np.asarray(mesh.visual.vertex_colors)[:, :3][mesh.faces].mean(axis=1) / 255
        )
        expected = [row["object_red"], row["object_green"], row["object_blue"]]
        assert color == pytest.approx(expected, abs=0.01)


def test_worker_count_and_later_stimuli_do_not_change_a_world(world, tmp_path):
    write_world(tmp_path / "w.h5", count=COUNT, frames=3, workers=2)
    write_world(tmp_path / "short.h5", count=2, frames=3, workers=1)
    again, short = Stimuli.open(tmp_path / "w.h5"), Stimuli.open(tmp_path / "short.h5")
    for name in ("images", "clips", "flow", "mask"):
        assert world.read(name).tobytes() == again.read(name).tobytes()
        assert world.read(name, slice(0, 2)).tobytes() == short.read(name).tobytes()
    assert world.table.equals(again.table)
    assert world.table[:2]["caption"].equals(short.table["caption"])


def test_stills_of_another_namespace_are_other_pictures(world, tmp_path):
    write_world(tmp_path / "p.h5", count=3, clips=False, namespace="pool", workers=1)
    pool = Stimuli.open(tmp_path / "p.h5")
    assert list(pool.ids) == ["pool-00000", "pool-00001", "pool-00002"]
    assert list(pool.table.columns) == list(world.table.columns)
    assert not np.array_equal(pool.read("images"), world.read("images", slice(0, 3)))
    with pytest.raises(BrainvisError, match="flow"):
        pool.read("flow")


def test_large_images_show_the_same_scene(tmp_path, world):
    write_world(tmp_path / "large.h5", count=1, size=128, frames=2, workers=1)
    large = Stimuli.open(tmp_path / "large.h5").images()[0]
    assert large.shape == (128, 128, 3)
    shrunk = large.reshape(64, 2, 64, 2, 3).mean(axis=(1, 3))
    assert np.abs(shrunk - world.images(np.array([0]))[0]).mean() < 0.03


@pytest.mark.parametrize(
    "setting",
    [{"count": 0}, {"size": 7}, {"frames": 1}, {"fps": 0}, {"workers": 0}, {"seed": -1},
     {"namespace": ""}, {"namespace": "../up"}, {"count": 2.5}, {"count": True}],
)  # fmt: skip
def test_bad_settings_are_named_and_write_nothing(tmp_path, setting):
    with pytest.raises(BrainvisError, match=next(iter(setting))):
        write_world(tmp_path / "w.h5", **{"count": 1, "workers": 1, **setting})
    assert list(tmp_path.iterdir()) == []


def test_categories_are_balanced_and_shuffled():
    names = [category_of(0, "world", i) for i in range(48)]
    assert set(Counter(names).values()) == {2} and set(names) == set(CATEGORIES)
    assert names[:24] != names[24:]
    assert names != [category_of(1, "world", i) for i in range(48)]


def test_scenes_are_pure_functions_of_seed_namespace_and_index():
    assert sample_scene(4, "world", 9) == sample_scene(4, "world", 9)
    others = [sample_scene(5, "world", 9), sample_scene(4, "pool", 9), sample_scene(4, "world", 10)]
    assert all(scene.camera != sample_scene(4, "world", 9).camera for scene in others)


def test_captions_are_sentences_about_the_scene():
    scenes = [sample_scene(2, "world", i) for i in range(96)]
    for scene in scenes:
        text = caption(scene)
        assert scene.category.noun.split()[-1] in text
        assert "  " not in text and " ," not in text and not text.endswith(" ")
        assert ("moving" in text) == (scene.motion.name not in ("still", "turning"))
        assert ("camera" in text) == bool(scene.camera.name)
    assert len({caption(scene) for scene in scenes}) > 90


def test_what_sinks_stays_above_ground_for_two_seconds():
    sinking = [s for s in (sample_scene(0, "world", i) for i in range(200)) if s.motion.up < 0]
    assert sinking
    assert all(s.thing.lift + 2 * s.motion.up >= 0 for s in sinking)


@pytest.mark.parametrize("name", list(BACKGROUNDS))
def test_backgrounds_are_bitmaps_drawn_from_their_seed(name):
    backdrop, ground = bitmaps(name, np.random.default_rng(1))
    assert backdrop.shape == (*BACKDROP_SHAPE, 3) and ground.shape == (*GROUND_SHAPE, 3)
    assert backdrop.min() >= 0 and backdrop.max() <= 1 and ground.std() > 0
    again = bitmaps(name, np.random.default_rng(1))
    assert np.array_equal(again[0], backdrop) and np.array_equal(again[1], ground)
