"""Objects of a tiny run: every method, what test stimuli may change, lesions to tables."""

import numpy as np
import pandas as pd
import pytest
from tiny_object_generators import APPEARANCE, POOLED

from brainvis.containers import (
    write_features,
    write_reconstructions,
    write_responses,
    write_stimuli,
)
from brainvis.datasets.splits import Fold
from brainvis.errors import BrainvisError
from brainvis.objects3d import lesion_stage
from brainvis.objects3d.conditions import Sources
from brainvis.objects3d.decoding import decode_objects
from brainvis.objects3d.export import write_mesh
from brainvis.objects3d.files import Objects
from brainvis.objects3d.lesion_stage import ACCURACY, SIGN_COLUMNS, diagnose_lesions
from brainvis.objects3d.mesh import ColoredMesh, empty_mesh

IDS = np.array([f"s-{i:02d}" for i in range(14)])
FOLD = [Fold(IDS[:10].tolist(), IDS[10:].tolist())]
TEST = IDS[10:]
MADE = {"subject": "01", "split": "main", "kind": "simulated", "dataset": "tiny"}
METHODS = {
    "decoded": {"kind": "decoded", "vectors": "ridge", "appearance": None, "refined": False},
    "image-only": {"kind": "image-only", "image": "pixels"},
    "mean-shape": {"kind": "mean-shape"},
    "category-mean": {"kind": "category-mean", "vectors": "ridge"},
    "nearest": {"kind": "nearest-training", "vectors": "ridge"},
    "ceiling": {"kind": "ceiling"},
}


def tetrahedron(size, color):
    corners = np.array([[0, 0, 0], [size, 0, 0], [0, 1, 0], [0, 0, 1.0]], np.float32)
    faces = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]], np.int32)
    return ColoredMesh(corners, faces, np.full((4, 3), color, np.uint8))


@pytest.fixture
def world(tmp_path, monkeypatch):
    """Files of a tiny run; the colours of images are too few cells for the tiny generator."""
    monkeypatch.setattr("brainvis.objects3d.conditions.Pixels", lambda side: _Few())
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (14, 8, 8, 3)).astype(np.uint8)
    category = np.array(["a", "b"])[np.arange(14) % 2]
    table = pd.DataFrame({"stimulus_id": IDS, "category": category, "supercategory": "x"})
    write_stimuli(tmp_path / "stimuli.h5", images, table, dataset="tiny", kind="simulated")
    vectors = rng.normal(size=(14, POOLED))
    write_features(tmp_path / "true.h5", IDS, vectors, space="image-text", kind="simulated")
    decoded = vectors[10:] + 0.1 * rng.normal(size=(4, POOLED))
    for name, method in (("ridge.h5", "ridge"), ("seen.h5", "pixels")):
        write_features(tmp_path / name, TEST, decoded, space="image-text", method=method, **MADE)
    write_reconstructions(
        tmp_path / "pixels.h5", TEST, rng.random((4, 8, 8, 3)), np.zeros(4), method="pixels", **MADE
    )
    write_features(tmp_path / "latents.h5", IDS, rng.normal(size=(14, 7)), space="shape")
    (tmp_path / "meshes").mkdir()
    for row, name in enumerate(IDS):
        write_mesh(tmp_path / f"meshes/{name}.ply", tetrahedron(1 + row / 4, (20 * row, 90, 40)))
    roi = np.array(["V1", "hV4", "LOC", "MTL"])[np.arange(24) % 4]
    voxels = pd.DataFrame({"i": 0, "j": 0, "k": 0, "roi": roi})
    trials = pd.DataFrame({"stimulus_id": IDS, "run": 1, "repeat": 0})
    write_responses(
        tmp_path / "responses.h5", rng.normal(size=(14, 24)), trials, voxels, subject="01", **{
            "kind": "simulated", "dataset": "tiny",
        },
    )  # fmt: skip
    return tmp_path


class _Few:
    def extract(self, images):
        return images.reshape(len(images), -1)[:, :APPEARANCE], None


def sources(folder):
    return Sources.open(
        folder / "stimuli.h5", folder / "true.h5", [folder / "ridge.h5"], [folder / "pixels.h5"],
        [folder / "seen.h5"],
    )  # fmt: skip


def decoded(folder, prior, methods=METHODS, **more):
    outs = {name: folder / f"{name}_objects.h5" for name in methods}
    files = {"meshes": folder / "meshes", "latents": folder / "latents.h5", **more}
    decode_objects(prior, FOLD, methods, outs, sources(folder), subject="01", **files)
    return {name: Objects.open(path) for name, path in outs.items()}


def test_every_method_makes_an_object_of_every_test_stimulus(world, object_folders):
    made = decoded(world, object_folders["shape-prior"])
    for name, file in made.items():
        assert file.ids.tolist() == TEST.tolist() and file.attributes["method"] == name
        assert file.attributes["kind"] == "simulated" and file.attributes["subject"] == "01"
    means = made["mean-shape"].meshes()
    assert all((mesh.vertices == means[0].vertices).all() for mesh in means)
    nearest = made["nearest"].meshes()
    assert {len(mesh.faces) for mesh in nearest} == {4}
    again = decoded(world, object_folders["shape-prior"], {"decoded": METHODS["decoded"]})
    for one, other in zip(made["decoded"].meshes(), again["decoded"].meshes(), strict=True):
        assert (one.vertices == other.vertices).all()


def test_baselines_read_training_shapes_alone(world, object_folders):
    prior = object_folders["shape-prior"]
    chosen = {name: METHODS[name] for name in ("mean-shape", "category-mean", "nearest")}
    before = {name: file.meshes() for name, file in decoded(world, prior, chosen).items()}
    for name in TEST:
        write_mesh(world / f"meshes/{name}.ply", tetrahedron(9, (1, 2, 3)))
    values = np.random.default_rng(0).normal(size=(14, 7))
    values[10:] = 50
    write_features(world / "other.h5", IDS, values, space="shape")
    write_features(world / "same.h5", IDS, np.r_[values[:10], np.zeros((4, 7))], space="shape")
    after = decoded(world, prior, chosen, latents=world / "other.h5")
    beside = decoded(world, prior, chosen, latents=world / "same.h5")
    for name in chosen:
        for one, other in zip(beside[name].meshes(), after[name].meshes(), strict=True):
            assert (one.vertices == other.vertices).all()
    for one, other in zip(before["nearest"], after["nearest"].meshes(), strict=True):
        assert (one.vertices == other.vertices).all()


def test_files_that_do_not_fit_are_refused(world, object_folders):
    prior = object_folders["shape-prior"]
    with pytest.raises(BrainvisError, match="decoded features"):
        decoded(world, prior, {"x": {**METHODS["decoded"], "vectors": "nothing"}})
    with pytest.raises(BrainvisError, match="need shape latents"):
        decoded(world, prior, {"mean-shape": METHODS["mean-shape"]}, latents=None)
    values = np.zeros((4, POOLED))
    other = {**MADE, "subject": "02"}
    write_features(world / "ridge.h5", TEST, values, space="image-text", method="r", **other)
    with pytest.raises(BrainvisError, match="several subjects"):
        sources(world)


def diagnose(folder, prior, regions=("V1", "hV4", "LOC"), **more):
    table, signs = folder / "diagnosis.csv", folder / "signs.csv"
    diagnose_lesions(
        prior, folder / "responses.h5", folder / "responses.h5", folder / "true.h5",
        folder / "stimuli.h5", FOLD, folder / "meshes", table, signs,
        regions=list(regions), folds=2, bootstrap=100, **more,
    )  # fmt: skip
    return pd.read_csv(table), pd.read_csv(signs)


def test_lesions_give_a_confusion_of_every_object_and_signs(world, object_folders):
    table, signs = diagnose(world, object_folders["shape-prior"])
    assert table.groupby("region")["count"].sum().tolist() == [4, 4, 4]
    assert list(signs) == list(SIGN_COLUMNS)
    whole = signs[(signs["measure"] == ACCURACY) & (signs["region"] == "all")].iloc[0]
    right = table.loc[table["region"] == table["predicted"], "count"].sum() / 12
    assert whole["value"] == pytest.approx(right) and whole["chance"] == pytest.approx(1 / 3)
    assert whole["low"] <= whole["value"] <= whole["high"]
    smaller = signs[signs["matched_difference"].notna()]
    assert smaller.empty  # regions of equal size need no other comparison
    other, _ = diagnose(world, object_folders["shape-prior"])
    pd.testing.assert_frame_equal(table, other)


def test_a_smaller_region_stands_beside_as_many_voxels_of_v1(world, object_folders):
    from brainvis.containers import Responses

    file = Responses.open(world / "responses.h5")
    voxels = file.voxels.assign(roi=file.voxels["roi"].where(file.voxels.index % 8 != 1, ""))
    attributes = {k: v for k, v in file.attributes.items() if k not in ("schema", "complete")}
    write_responses(world / "responses.h5", file.betas(), file.trials, voxels, **attributes)
    table, signs = diagnose(world, object_folders["shape-prior"])
    beside = signs[signs["matched_difference"].notna()]
    assert set(beside["region"]) == {"hV4"} and (beside["voxels"] == 3).all()
    assert (beside["matched_difference_low"] <= beside["matched_difference"]).all()
    assert table.groupby("region")["count"].sum().tolist() == [4, 4, 4]  # never named itself


def test_test_responses_change_no_fitted_number(world, object_folders, monkeypatch):
    learned = []
    fit = lesion_stage.TwoStreams.fit

    def spied(*arguments):
        learned.append(fit(*arguments))
        return learned[-1]

    monkeypatch.setattr(lesion_stage.TwoStreams, "fit", spied)
    diagnose(world, object_folders["shape-prior"])
    from brainvis.containers import Responses

    before = Responses.open(world / "responses.h5")
    betas = before.betas()
    betas[10:] = 100 * betas[10:] + 7
    attributes = {k: v for k, v in before.attributes.items() if k not in ("schema", "complete")}
    write_responses(world / "responses.h5", betas, before.trials, before.voxels, **attributes)
    diagnose(world, object_folders["shape-prior"])
    one, other = learned
    z = np.random.default_rng(3).normal(size=(5, 24))
    assert (one.mean == other.mean).all() and (one.scale == other.scale).all()
    for first, second in zip(one.predict(z), other.predict(z), strict=True):
        assert (first == second).all()


def test_empty_objects_count_as_wrong_and_as_the_largest_change(world, object_folders, monkeypatch):
    opened = lesion_stage.open_object_generator

    def silent(folder):
        generator, calls = opened(folder), []
        generate = generator.generate

        def made(*arguments):
            calls.append(1)
            found = generate(*arguments)
            return [empty_mesh(), *found[1:]] if len(calls) == 2 else found  # with V1 disordered

        generator.generate = made
        return generator

    monkeypatch.setattr(lesion_stage, "open_object_generator", silent)
    table, signs = diagnose(world, object_folders["shape-prior"])
    empty = table[table["predicted"] == "empty"].set_index("region")["count"]
    assert empty.to_dict() == {"V1": 1, "hV4": 0, "LOC": 0}
    shift = signs[(signs["measure"] == "colour shift") & (signs["region"] == "V1")].iloc[0]
    assert shift["value"] >= 25 and shift["objects"] == 4


def test_unknown_regions_leave_earlier_tables_alone(world, object_folders):
    (world / "diagnosis.csv").write_text("kept")
    with pytest.raises(BrainvisError, match="has no voxels"):
        diagnose(world, object_folders["shape-prior"], ("V1", "V7"))
    assert (world / "diagnosis.csv").read_text() == "kept"
