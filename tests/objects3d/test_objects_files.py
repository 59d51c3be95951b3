"""Object sets: what is written comes back, empty objects included."""

import numpy as np
import pytest
from test_objects_mesh import colored

from brainvis.errors import BrainvisError
from brainvis.objects3d.files import Objects, collapsed, write_objects
from brainvis.objects3d.mesh import empty_mesh

WORDS = {"method": "m", "subject": "01", "split": "main", "dataset": "d", "kind": "simulated"}


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "objects.h5"
    shapes = [colored(), empty_mesh(), colored(color=(1, 2, 3))]
    write_objects(path, np.array(["a", "b", "c"]), shapes, np.array([0, 0, 1]), **WORDS)
    return path, shapes


def test_objects_come_back_as_they_were(written):
    path, shapes = written
    found = Objects.open(path)
    assert list(found.ids) == ["a", "b", "c"] and list(found.status) == ["ok", "empty", "ok"]
    assert {key: found.attributes[key] for key in WORDS} == WORDS
    assert list(found.folds()) == [0, 0, 1]
    for one, wanted in zip(found.meshes(), shapes, strict=True):
        for name in ("vertices", "faces", "colors"):
            got, asked = getattr(one, name), getattr(wanted, name)
            assert np.array_equal(got, asked) and got.dtype == asked.dtype, name
    assert np.array_equal(found.mesh("c").colors, shapes[2].colors)
    assert [m.status for m in found.meshes(np.array(["b", "a"]))] == ["empty", "ok"]


def test_what_does_not_fit_is_refused(written, tmp_path):
    path, shapes = written
    with pytest.raises(BrainvisError, match="'z'"):
        Objects.open(path).mesh("z")
    for ids in (["a", "b"], ["a", "a", "b"]):
        with pytest.raises(BrainvisError, match="one mesh and one fold"):
            write_objects(tmp_path / "x.h5", np.array(ids), shapes, np.zeros(3), **WORDS)
    write_objects(tmp_path / "none.h5", np.array(["a"]), [empty_mesh()], np.array([0]), **WORDS)
    assert Objects.open(tmp_path / "none.h5").mesh("a").status == "empty"


def test_a_set_without_any_surface_has_collapsed():
    assert collapsed(["empty", "empty"]) and not collapsed(["empty", "ok"]) and not collapsed([])
