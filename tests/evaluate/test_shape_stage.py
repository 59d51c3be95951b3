"""The stage that scores objects: tables, refusals, the viewer's frame, and its command."""

import json

import numpy as np
import pandas as pd
import pytest
import trimesh
import typer

from brainvis.commands.objects_score import objects_score
from brainvis.containers import Stimuli, write_stimuli
from brainvis.errors import BrainvisError
from brainvis.evaluate import table as tables
from brainvis.evaluate.differences import COLUMNS as DIFFERENCE_COLUMNS
from brainvis.evaluate.shape_scoring import ShapeProtocol
from brainvis.evaluate.shape_stage import PROTOCOL_COLUMNS, evaluate_objects
from brainvis.objects3d.files import write_objects
from brainvis.objects3d.mesh import ColoredMesh
from brainvis.objects3d.true_shapes import TrueShapes

IDS = np.array([f"s{i}" for i in range(4)])
AT = {"dataset": "toy", "kind": "simulated", "split": "main", "subject": "01"}
QUICK = ShapeProtocol(
    points=64, transport_points=16, pair_points=32, cells=16, views=1, view_size=12, null_items=3,
    transport_null_items=2,
)  # fmt: skip
SIDES = [(1, 0.3, 0.3), (0.3, 1, 0.3), (0.3, 0.3, 1), (1, 1, 0.3)]


def box(sides):
    mesh = trimesh.creation.box(sides)
    colors = np.full((8, 3), 90, np.uint8)
    return ColoredMesh(mesh.vertices.astype("f4"), np.asarray(mesh.faces, "i4"), colors)


def objects(path, meshes, ids=IDS, **changes):
    write_objects(
        path, ids, meshes, np.zeros(len(ids), int), **{**AT, "method": path.stem} | changes
    )
    return path


def outputs(folder):
    return [folder / name for name in ("scores.csv", "summary.csv", "protocols.csv", "diff.csv")]


@pytest.fixture
def files(tmp_path):
    made = [box(sides) for sides in SIDES]
    sets = {"true": made, "decoder": made, "mean": [made[0]] * 4}
    return {name: objects(tmp_path / f"{name}.h5", meshes) for name, meshes in sets.items()}


def test_tables_hold_every_object_once_with_its_baseline(tmp_path, files):
    paths = outputs(tmp_path)
    evaluate_objects(
        files["true"], [files["decoder"], files["mean"]], *paths, baselines=["mean"],
        protocol=QUICK, bootstrap=20, permutations=20,
    )  # fmt: skip
    scores, summary, protocols, differences = map(tables.read, paths)
    assert scores.groupby(["method", "metric"]).size().unique().tolist() == [4]
    assert set(scores["modality"]) == {"object"}
    iou = summary[(summary["metric"] == "volume_iou") & (summary["subject"] == "all")]
    iou = iou.set_index("method")
    assert iou.loc["decoder", "mean"] == pytest.approx(1) and iou.loc["mean", "baseline"]
    assert iou.loc["decoder", "difference"] == pytest.approx(1 - iou.loc["mean", "mean"])
    assert list(protocols) == list(PROTOCOL_COLUMNS)
    assert set(protocols["metric"]) == set(scores["metric"])
    assert protocols.set_index("metric").loc["chamfer", "perfect"] > 0
    assert list(differences) == list(DIFFERENCE_COLUMNS)
    better = differences.set_index("metric").loc["volume_iou"]
    assert better["against"] == "mean" and better["difference"] > 0


def test_scores_do_not_depend_on_how_many_files_are_scored_at_a_time(tmp_path, files):
    tables_of = []
    for threads in (1, 2):
        paths = outputs(tmp_path)
        evaluate_objects(
            files["true"], [files["decoder"], files["mean"]], *paths, baselines=["mean"],
            protocol=QUICK, bootstrap=20, permutations=20, threads=threads,
        )  # fmt: skip
        tables_of.append([tables.read(path) for path in paths])
    for one, two in zip(*tables_of, strict=True):
        pd.testing.assert_frame_equal(one, two)


def test_what_cannot_be_scored_is_refused(tmp_path, files):
    paths = outputs(tmp_path)
    few = objects(tmp_path / "few.h5", [box(SIDES[0])] * 3, IDS[:3])
    with pytest.raises(BrainvisError, match=r"few\.h5.*other objects"):
        evaluate_objects(files["true"], [files["decoder"], few], *paths, protocol=QUICK)
    strange = objects(tmp_path / "strange.h5", [box(SIDES[0])] * 2, np.array(["s0", "x"]))
    with pytest.raises(BrainvisError, match="lacks 1 of 1 requested stimuli"):
        evaluate_objects(files["true"], [strange], *paths, protocol=QUICK)
    with pytest.raises(BrainvisError, match="nothing to evaluate"):
        evaluate_objects(files["true"], [], *paths, protocol=QUICK)
    assert not any(path.exists() for path in paths)


def test_meshes_of_a_world_are_turned_to_the_viewer(tmp_path):
    (tmp_path / "meshes").mkdir()
    trimesh.creation.box((2, 1, 1)).export(tmp_path / "meshes/s0.ply")
    table = pd.DataFrame({"stimulus_id": ["s0"], "category": "box", "camera_azimuth": 90.0})
    write_stimuli(tmp_path / "s.h5", np.zeros((1, 4, 4, 3), np.uint8), table, kind="simulated")
    for stimuli, sides in ((Stimuli.open(tmp_path / "s.h5"), (0.5, 1, 0.5)), (None, (1, 0.5, 0.5))):
        mesh = TrueShapes.open(tmp_path / "meshes", stimuli).mesh("s0")
        assert np.ptp(mesh.vertices, axis=0) == pytest.approx(sides)
    with pytest.raises(BrainvisError, match="s1"):
        TrueShapes.open(tmp_path / "meshes").mesh("s1")


def test_the_command_leaves_no_half_results(tmp_path, files):
    keys = {"bootstrap": 20, "permutations": 20, "visual": None, "device": "cpu"}
    settings = {f"evaluate.{name}": value for name, value in keys.items()}
    config = json.dumps({"dataset": "toy", "kind": "simulated", "seed": 0, "settings": settings})
    paths = outputs(tmp_path)
    bad = objects(tmp_path / "bad.h5", [box(SIDES[0])] * 3, IDS[:3])
    with pytest.raises(typer.Exit):
        objects_score(config, files["true"], [files["decoder"], bad], *paths)
    assert not any(path.exists() for path in paths)
