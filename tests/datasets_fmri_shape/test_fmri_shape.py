"""fMRI-Shape: format-exact trees, the measured samples, and bad input."""

import numpy as np
import pytest
import trimesh

from brainvis.containers import Responses
from brainvis.datasets import splits as split_files
from brainvis.datasets.fmri_shape import (
    MASK,
    import_fmri_shape,
    read_maps,
    read_mask,
    shown_objects,
    true_mesh,
)
from brainvis.errors import BrainvisError
from brainvis.measured.flat_maps import agreement, analyse_flat_maps, frame_correlations
from brainvis.objects3d.export import write_mesh
from brainvis.objects3d.files import Objects
from brainvis.objects3d.mesh import read_mesh
from brainvis.report.viewer import viewer_page

NAMES = ["02691156/aa11", "03636649/bb22", "03636649/cc33", "99999999/dd44"]


def write_tree(root, names=NAMES, side=16, frames=10):
    """Maps, mask, lists and meshes as the authors lay them out."""
    rng = np.random.default_rng(0)
    mask = np.zeros((side, side))
    mask[3:13, 2:14] = 1
    np.save(root / MASK, mask)
    (root / "dataset").mkdir()
    for split, part in (("train", names[:2]), ("test", names[2:])):
        lines = "".join(f"{name}.npy\n" for name in part)
        (root / "dataset" / f"{split}_list.txt").write_text(lines)
    for name in names:
        path = root / "dataset/sub-0001" / f"{name}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        own = rng.normal(size=(side, side)) + 0.3 * rng.normal(size=(frames, side, side))
        np.save(path, (own * mask).astype(np.float32))
        mesh = root / "meshes" / f"{name}.obj"
        mesh.parent.mkdir(parents=True, exist_ok=True)
        trimesh.creation.box((0.2, 1.0, 0.4)).export(mesh)  # y is up
    return root


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "data").mkdir()
    return write_tree(tmp_path / "data")


def imported(tree, tmp_path, **options):
    paths = [tmp_path / name for name in ("responses.h5", "objects.h5", "splits.json")]
    import_fmri_shape(tree, *paths, **options)
    return paths


def test_a_tree_becomes_responses_objects_and_the_published_split(tree, tmp_path):
    paths = imported(tree, tmp_path)
    responses, objects = Responses.open(paths[0]), Objects.open(paths[1])
    assert responses.trials["stimulus_id"].tolist() == ["aa11", "bb22", "cc33", "dd44"]
    assert responses.trials["category"].tolist() == ["airplane", "lamp", "lamp", "99999999"]
    assert (responses.kind, responses.subject) == ("measured", "0001")
    mask = read_mask(tree / MASK)
    assert responses.betas().shape == (4, mask.sum())
    rows, columns = (responses.voxels[name].to_numpy() for name in "ij")
    raw = np.load(tree / "dataset/sub-0001/03636649/bb22.npy")[2:8][:, rows, columns]
    z = (raw - raw.mean(axis=1, keepdims=True)) / raw.std(axis=1, keepdims=True)
    assert np.allclose(responses.betas()[1], z.mean(axis=0), atol=1e-5)
    assert np.ptp(objects.mesh("aa11").vertices, axis=0) == pytest.approx([0.2, 0.4, 1.0])  # z up
    fold = split_files.read(paths[2], "published")[0]
    assert (fold.train, fold.test) == (["aa11", "bb22"], ["cc33", "dd44"])


def test_each_object_is_brought_to_its_own_scale_alone(tree, tmp_path):
    before = Responses.open(imported(tree, tmp_path)[0]).betas()
    path = tree / "dataset/sub-0001/03636649/cc33.npy"  # a test object
    np.save(path, 100 + 7 * np.load(path))
    (tmp_path / "again").mkdir()
    after = Responses.open(imported(tree, tmp_path / "again")[0]).betas()
    assert np.array_equal(before[[0, 1, 3]], after[[0, 1, 3]])
    assert np.allclose(before[2], after[2], atol=1e-4)


def damaged(tree, change):
    path = tree / "dataset/sub-0001/03636649/bb22.npy"
    np.save(path, change(np.load(path)))


def with_nan(maps):
    maps[4, 5, 6] = np.nan
    return maps


BAD = [
    (lambda t: damaged(t, with_nan), "not finite.*frames \\[4\\]"),
    (lambda t: damaged(t, lambda maps: maps[:7]), "needs 10 frames.*7 frames"),
    (lambda t: damaged(t, lambda maps: maps[:, :12]), "does not fit the mask"),
    (lambda t: damaged(t, lambda maps: maps * 0), "constant frame"),
    (lambda t: np.save(t / MASK, np.ones((20, 16))), "does not fit the mask"),
    (lambda t: np.save(t / MASK, np.zeros((16, 16))), "0 and 1"),
    (lambda t: np.save(t / MASK, np.full((16, 16), np.nan)), "0 and 1"),
    (lambda t: (t / MASK).unlink(), "no such file"),
    (lambda t: (t / MASK).write_bytes(b"\x93NUMPY"), "cannot be read"),
    (lambda t: np.save(t / MASK, np.array([{}, 1], object), allow_pickle=True), "cannot be read"),
    (lambda t: (t / "dataset/sub-0001/02691156/aa11.npy").unlink(), "no such file"),
    (lambda t: (t / "meshes/02691156/aa11.obj").unlink(), "no mesh"),
    (lambda t: (t / "dataset/test_list.txt").write_text("../../etc/passwd\n"), "not <synset>"),
    (lambda t: (t / "dataset/test_list.txt").write_text("02691156/aa11.npy\n"), "twice"),
    (lambda t: (t / "dataset/test_list.txt").write_text(""), "published split"),
]


@pytest.mark.parametrize(("damage", "said"), BAD)
def test_bad_input_is_one_clear_error(tree, tmp_path, damage, said):
    damage(tree)
    with pytest.raises(BrainvisError, match=said):
        imported(tree, tmp_path)


def test_nan_outside_the_mask_is_nobodys_business(tree):
    mask = read_mask(tree / MASK)
    path = tree / "dataset/sub-0001/03636649/bb22.npy"
    maps = np.load(path)
    maps[:, 0, 0] = np.nan
    np.save(path, maps)
    assert np.isfinite(read_maps(path, mask)).all()


def test_agreement_of_frames_in_closed_form():
    rng = np.random.default_rng(0)
    frames = rng.normal(size=(3, 1, 4000)) * 0.8 + 0.6 * rng.normal(size=(3, 10, 4000))
    frames = (frames - frames.mean(-1, keepdims=True)) / frames.std(-1, keepdims=True)
    found = agreement(frame_correlations(frames), 3)
    assert found["within"] == pytest.approx(0.64, abs=0.05)
    assert found["ends"] == pytest.approx(0.64, abs=0.06)
    assert found["between"] == pytest.approx(0, abs=0.05)


def test_the_measured_samples_are_what_they_should_be(measured, tmp_path):
    folder = measured("mind3d_samples")
    result = analyse_flat_maps(folder, bootstrap=200)
    value = {line["quantity"]: line["value"] for line in result.summary}
    assert (value["objects"], value["visual-cortex pixels of a map"]) == (6, 31198)
    assert value["r of frames, same object"] == pytest.approx(0.95, abs=0.01)
    assert value["r of frames, different objects"] == pytest.approx(0.68, abs=0.01)
    assert "prove no decoding" in result.method
    assert result.figure.startswith(b"\x89PNG")


def test_the_measured_meshes_are_exported_and_shown(measured, tmp_path):
    folder = measured("mind3d_samples")
    shown = shown_objects(folder)
    assert len(shown) == 6 and {one.category for one in shown} == {"unknown"}
    meshes = [true_mesh(one, folder) for one in shown]
    for one, mesh in zip(shown, meshes, strict=True):
        assert np.ptp(mesh.vertices, axis=0).max() == pytest.approx(1)
        write_mesh(tmp_path / f"{one.uid}.glb", mesh)
        assert len(read_mesh(tmp_path / f"{one.uid}.glb").faces) == len(mesh.faces)
    page = viewer_page([("seen", meshes)], "measured")
    said = ["MEASURED fMRI" in page, len(page) < 6e6]
    assert said == [True, True]
