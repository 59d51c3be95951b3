"""Meshes out to other programs and in from strangers."""

import json
import struct

import numpy as np
import pytest
import trimesh

from brainvis.errors import BrainvisError
from brainvis.objects3d import mesh as meshes
from brainvis.objects3d.export import FORMATS, export_objects, mesh_bytes, write_mesh
from brainvis.objects3d.files import Objects, write_objects
from brainvis.objects3d.mesh import ColoredMesh, empty_mesh, read_mesh

CUBE = trimesh.creation.box((1, 0.5, 0.25))
COLORS = np.random.default_rng(0).integers(0, 256, (8, 3)).astype(np.uint8)
MESH = ColoredMesh(CUBE.vertices.astype("f4"), np.asarray(CUBE.faces, "i4"), COLORS)


@pytest.mark.parametrize("suffix", FORMATS)
def test_what_is_written_is_read_again_with_its_colours(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    write_mesh(path, MESH)
    again = read_mesh(path)
    # readers may order vertices in their own way: compare corners of faces
    assert np.allclose(again.vertices[again.faces], MESH.vertices[MESH.faces], atol=1e-6)
    assert np.array_equal(again.colors[again.faces], MESH.colors[MESH.faces])
    assert [one.name for one in tmp_path.iterdir()] == [path.name]  # no material beside it
    assert mesh_bytes(MESH, suffix) == path.read_bytes()


def test_empty_objects_have_no_file_and_are_named(tmp_path):
    path, labels = tmp_path / "o.h5", {"method": "m", "subject": "01", "split": "main"}
    labels |= {"dataset": "toy", "kind": "simulated"}
    write_objects(path, np.array(["a", "b"]), [MESH, empty_mesh()], np.zeros(2, int), **labels)
    assert export_objects(Objects.open(path), tmp_path / "out") == ["b"]
    assert [one.name for one in (tmp_path / "out").iterdir()] == ["a.glb"]


def test_nothing_is_written_of_what_cannot_be_exported(tmp_path):
    for path, mesh in ((tmp_path / "a.fbx", MESH), (tmp_path / "a.glb", empty_mesh())):
        with pytest.raises(BrainvisError):
            write_mesh(path, mesh)
    assert list(tmp_path.iterdir()) == []


OBJ = "mtllib {path}\no x\nusemtl m\nv 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nf 1/1 2/1 3/1\n"


@pytest.mark.parametrize("where", ["../secret.mtl", "{absolute}/secret.mtl", "secret.mtl"])
def test_a_path_in_the_material_of_an_obj_is_not_followed(tmp_path, monkeypatch, where):
    (tmp_path / "in").mkdir()
    for folder in (tmp_path, tmp_path / "in"):
        (folder / "secret.mtl").write_text("newmtl m\nKd 1 0 0\nmap_Kd /etc/hostname\n")
    path = tmp_path / "in/a.obj"
    path.write_text(OBJ.format(path=where.format(absolute=tmp_path)))
    opened = []
    monkeypatch.setattr("builtins.open", _recording(opened))
    mesh = read_mesh(path)
    assert len(mesh.faces) == 1 and len(set(mesh.colors.ravel().tolist())) == 1  # grey, not red
    assert [one for one in opened if one.endswith((".mtl", "hostname"))] == []


def _recording(opened, real=open):
    def spy(file, *args, **kwargs):
        opened.append(str(file))
        return real(file, *args, **kwargs)

    return spy


def glb(buffer_uri=None, image_uri=None):
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], "<f4")
    data = points.tobytes() + np.array([0, 1, 2, 0], "<u2").tobytes()
    buffers = [{"byteLength": len(data), **({"uri": buffer_uri} if buffer_uri else {})}]
    tree = {
        "asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": [0]}], "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
        "buffers": buffers,
        "bufferViews": [
            {"buffer": 0, "byteOffset": 0, "byteLength": 36},
            {"buffer": 0, "byteOffset": 36, "byteLength": 6},
        ],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"},
            {"bufferView": 1, "componentType": 5123, "count": 3, "type": "SCALAR"},
        ],
    }  # fmt: skip
    if image_uri:
        tree["images"] = [{"uri": image_uri}]
        tree["textures"] = [{"source": 0}]
        tree["materials"] = [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}]
        tree["meshes"][0]["primitives"][0]["material"] = 0
    text = json.dumps(tree).encode()
    text += b" " * (-len(text) % 4)
    parts = struct.pack("<II", len(text), 0x4E4F534A) + text
    if buffer_uri is None:
        parts += struct.pack("<II", len(data), 0x004E4942) + data
    return struct.pack("<III", 0x46546C67, 2, 12 + len(parts)) + parts, data


def test_a_path_in_the_material_of_a_glb_is_not_followed(tmp_path, monkeypatch):
    (tmp_path / "secret.png").write_bytes(b"\x89PNG")
    path = tmp_path / "a.glb"
    path.write_bytes(glb(image_uri="secret.png")[0])
    opened = []
    monkeypatch.setattr("builtins.open", _recording(opened))
    assert len(read_mesh(path).faces) == 1
    assert [one for one in opened if "secret" in one] == []


def test_a_glb_whose_points_lie_elsewhere_is_refused(tmp_path):
    content, data = glb(buffer_uri="points.bin")
    (tmp_path / "points.bin").write_bytes(data)
    (tmp_path / "a.glb").write_bytes(content)
    with pytest.raises(BrainvisError, match=r"a\.glb"):
        read_mesh(tmp_path / "a.glb")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("nan.obj", "v nan 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"),
        ("point.obj", "v 1 1 1\nv 1 1 1\nv 1 1 1\nf 1 2 3\n"),
        ("empty.obj", "# nothing\n"),
        ("loose.obj", "v 0 0 0\nv 1 0 0\nv 0 1 0\n"),
        ("far.obj", "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 9\n"),
        ("torn.ply", "ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\n"),
        ("other.fbx", "Kaydara"),
    ],
)
def test_meshes_that_are_none_are_one_clear_error(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(BrainvisError, match=name):
        read_mesh(tmp_path / name)


def test_a_mesh_of_many_faces_is_simplified_and_said_so(tmp_path, monkeypatch, caplog):
    ball = trimesh.creation.icosphere(subdivisions=4)
    ball.export(tmp_path / "ball.ply")
    monkeypatch.setattr(meshes, "MAX_FACES", 1000)
    monkeypatch.setattr(meshes.simplified, "__defaults__", (16,))
    with caplog.at_level("INFO", logger="brainvis"):
        few = read_mesh(tmp_path / "ball.ply")
    assert 100 < len(few.faces) < len(ball.faces) / 2 and "simplified" in caplog.text
    assert np.abs(np.linalg.norm(few.vertices, axis=1) - 1).max() < 0.1
