"""Meshes: what is refused, what is simplified, and the frame that all are brought to."""

import json

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from brainvis.errors import BrainvisError
from brainvis.objects3d import mesh as meshes
from brainvis.objects3d.mesh import (
    ColoredMesh,
    check,
    empty_mesh,
    normalised,
    read_mesh,
    simplified,
)


def colored(shape=None, color=(200, 30, 60)):
    shape = trimesh.creation.box((1, 2, 4)) if shape is None else shape
    return ColoredMesh(
        np.asarray(shape.vertices, np.float32),
        np.asarray(shape.faces, np.int32),
        np.tile(np.uint8(color), (len(shape.vertices), 1)),
    )


@settings(max_examples=25, deadline=None)
@given(
    scale=st.floats(1e-3, 1e3),
    shift=st.floats(-50, 50),
    azimuth=st.floats(-180, 180),
)
def test_normalised_shapes_fill_the_unit_box_wherever_they_were(scale, shift, azimuth):
    given_ = colored()
    moved = ColoredMesh(given_.vertices * np.float32(scale) + np.float32(shift * scale),
                        given_.faces, given_.colors)  # fmt: skip
    found = normalised(moved, azimuth).vertices
    assert np.ptp(found, axis=0).max() == pytest.approx(1, abs=1e-3)
    assert (found.min(axis=0) + found.max(axis=0)) / 2 == pytest.approx(np.zeros(3), abs=1e-3)


def test_turning_world_and_camera_together_changes_nothing():
    rng = np.random.default_rng(0)
    blob = trimesh.creation.icosphere(subdivisions=1)
    blob.vertices *= rng.uniform(0.5, 2, 3)
    turned = blob.copy()
    turned.apply_transform(trimesh.transformations.rotation_matrix(np.deg2rad(70), (0, 0, 1)))
    before, after = normalised(colored(blob), 10), normalised(colored(turned), 80)
    assert after.vertices == pytest.approx(before.vertices, abs=1e-5)
    # a camera at azimuth 90 stands at +x, and looks along -x, which becomes +y
    corners = np.float32([[5, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1]])
    faces = np.int32([[0, 1, 3], [0, 2, 3], [0, 1, 2]])
    nose = ColoredMesh(corners, faces, np.zeros((4, 3), np.uint8))
    seen = normalised(nose, 90).vertices
    assert seen[0].argmin() == 1 and seen[0, 1] == pytest.approx(-0.5, abs=1e-6)


@pytest.mark.parametrize("suffix", ["ply", "obj", "glb"])
def test_files_come_back_with_their_colours(tmp_path, suffix):
    path = tmp_path / f"one.{suffix}"
    colored().to_trimesh().export(path)
    found = read_mesh(path)
    assert found.status == "ok" and len(found.faces) == 12
    assert (found.colors == [200, 30, 60]).all()


def test_a_material_with_a_path_is_never_opened(tmp_path, monkeypatch):
    secret = tmp_path / "secret.mtl"
    secret.write_text("newmtl a\nmap_Kd /etc/hostname\n")
    body = "mtllib ../secret.mtl\nusemtl a\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"
    (tmp_path / "deep").mkdir()
    path = tmp_path / "deep" / "one.obj"
    path.write_text(body)
    opened = []
    real = open
    monkeypatch.setattr("builtins.open", lambda *a, **k: opened.append(str(a[0])) or real(*a, **k))
    assert len(read_mesh(path).faces) == 1
    assert not any("secret" in one or "hostname" in one for one in opened)


def test_a_glb_that_names_another_file_is_refused_in_one_line(tmp_path):
    path = tmp_path / "one.glb"
    colored().to_trimesh().export(path)
    content = path.read_bytes()
    length = int.from_bytes(content[12:16], "little")
    tree = json.loads(content[20 : 20 + length])
    tree["buffers"][0]["uri"] = "../../etc/passwd"
    packed = json.dumps(tree).encode()
    packed += b" " * (-len(packed) % 4)
    rest = content[:8] + (20 + len(packed)).to_bytes(4, "little")
    path.write_bytes(rest + len(packed).to_bytes(4, "little") + content[16:20] + packed)
    with pytest.raises(BrainvisError, match="no readable mesh"):
        read_mesh(path)


def test_bad_meshes_are_named(tmp_path):
    good = colored()
    bad = good.vertices.copy()
    bad[2, 1] = np.nan
    for problem, vertices, faces in (
        ("not all finite", bad, good.faces),
        ("do not exist", good.vertices, good.faces + 1),
        ("one point", good.vertices * 0, good.faces),
        ("no faces", good.vertices, good.faces[:0]),
    ):
        with pytest.raises(BrainvisError, match=problem):
            check(ColoredMesh(vertices, faces, good.colors))
    assert empty_mesh().status == "empty"
    for name, content in (("a.ply", b"ply\nformat ascii 1.0\n"), ("a.txt", b""), ("a.obj", b"v 1")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(BrainvisError, match=name):
            read_mesh(tmp_path / name)
    with pytest.raises(BrainvisError, match="gone"):
        read_mesh(tmp_path / "gone.ply")


def test_too_many_faces_are_simplified_and_it_is_said(tmp_path, monkeypatch, caplog):
    ball = trimesh.creation.icosphere(subdivisions=5)
    path = tmp_path / "ball.ply"
    colored(ball).to_trimesh().export(path)
    monkeypatch.setattr(meshes, "MAX_FACES", 5000)
    monkeypatch.setattr(meshes, "simplified", lambda one: simplified(one, cells=24))
    with caplog.at_level("INFO", logger="brainvis"):
        found = read_mesh(path)
    assert len(found.faces) < 5000 and "simplified" in caplog.text
    assert np.linalg.norm(found.vertices, axis=1) == pytest.approx(1, abs=0.06)
    assert (found.colors == [200, 30, 60]).all()
    assert found.to_trimesh().volume == pytest.approx(ball.volume, rel=0.05)  # still outwards
