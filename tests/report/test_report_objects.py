"""The section on 3D objects, its viewer seen in a browser, and its confusion matrix."""

import numpy as np
import pandas as pd
import pytest
import trimesh

from brainvis.errors import BrainvisError
from brainvis.evaluate import table as tables
from brainvis.evaluate.shape_scoring import ShapeProtocol
from brainvis.evaluate.shape_stage import evaluate_objects
from brainvis.objects3d.files import Objects, write_objects
from brainvis.objects3d.mesh import ColoredMesh, empty_mesh
from brainvis.objects3d.true_shapes import TrueShapes
from brainvis.report.page import render
from brainvis.report.section import Animation, Picture, Table, Text
from brainvis.report.sections import objects as section_of_objects

IDS = np.array([f"s{i}" for i in range(6)])
AT = {"dataset": "toy", "kind": "simulated", "split": "main", "subject": "01"}
QUICK = ShapeProtocol(
    points=64, transport_points=16, pair_points=32, cells=16, views=2, view_size=16, null_items=3,
    transport_null_items=3,
)  # fmt: skip


def shape(rng, sides):
    box = trimesh.creation.box(sides)
    colors = np.tile(rng.integers(30, 220, 3), (8, 1)).astype(np.uint8)
    return ColoredMesh(box.vertices.astype("f4"), np.asarray(box.faces, "i4"), colors)


SIGN = {
    "subject": "01", "measure": "colour shift", "region": "hV4", "voxels": 9, "value": 6.5,
    "low": 5.0, "high": 8.0, "chance": np.nan, "against": "V1", "difference": 2.25,
    "difference_low": 1.0, "difference_high": 3.0, "p": 0.01, "objects": 6,
    "matched_difference": 3.5, "matched_difference_low": 2.5, "matched_difference_high": 4.5,
}  # fmt: skip


@pytest.fixture(autouse=True)
def small_turntables(monkeypatch):
    monkeypatch.setattr(section_of_objects, "_SIZE", 24)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("objects"), np.random.default_rng(0)
    true = [shape(rng, sides / sides.max()) for sides in rng.uniform(0.2, 1, (6, 3))]
    near = [ColoredMesh(one.vertices * np.float32(0.95), one.faces, one.colors) for one in true]
    near[5] = empty_mesh()
    sets = {"true": true, "prior": near, "shuffled": true[::-1], "mean-shape": [true[0]] * 6}
    for name, meshes in sets.items():
        write_objects(folder / f"{name}.h5", IDS, meshes, np.zeros(6, int), method=name, **AT)
    files = [folder / f"{name}.h5" for name in sets if name != "true"]
    made = [folder / name for name in ("t.parquet", "s.csv", "p.csv", "d.csv")]
    evaluate_objects(
        folder / "true.h5", files, *made, baselines=["shuffled", "mean-shape"], protocol=QUICK,
        bootstrap=50, permutations=50,
    )  # fmt: skip
    regions = [("V1", "V1", 8), ("V1", "hV4", 2), ("hV4", "hV4", 5), ("hV4", "V1", 5)]
    return section_of_objects.ObjectResults(
        *(tables.read(path) for path in made),
        decoded=[Objects.open(path) for path in files],
        true=TrueShapes.open(folder / "true.h5"),
        diagnosis=pd.DataFrame(regions, columns=["region", "predicted", "count"]),
        signs=pd.DataFrame([SIGN]),
    )


def test_the_section_holds_scores_objects_and_diagnosis(results):
    built = section_of_objects.section(results, "simulated")
    lead = next(part for part in built.parts if isinstance(part, Text))
    assert "“prior” on 6 objects" in lead.text and "best baseline" in lead.text
    pictures = {part.name: part for part in built.parts if isinstance(part, Picture)}
    assert {"object_scores", "object_differences_0", "object_diagnosis"} <= set(pictures)
    assert "Accuracy 0.650" in pictures["object_diagnosis"].caption
    assert "chance 0.500: 1.3 times chance" in pictures["object_diagnosis"].caption
    moving = next(part for part in built.parts if isinstance(part, Animation))
    assert moving.data.startswith(b"GIF89a") and "worst: s5" in moving.caption
    tables_ = [part for part in built.parts if isinstance(part, Table)]
    rows = {row[0].text: row for row in tables_[0].rows}
    assert {"prior", "shuffled", "mean-shape", "chance"} == set(rows)
    assert "Perfect" in tables_[-1].caption
    sign = [cell.text for cell in tables_[-2].rows[0]]
    assert "6.500 [5.000, 8.000]" in sign and "2.250 [1.000, 3.000]" in sign
    assert "3.500 [2.500, 4.500]" in sign
    html, figures = render("t", "simulated", [built])
    holds = [html.count("<iframe") == 1, "data:image/gif;base64,R0lGOD" in html]
    assert all(holds) and "object_diagnosis" in figures  # pytest must not explain megabytes


def test_rows_for_docs_results(results):
    text = "\n".join(section_of_objects.markdown_parts(results))
    assert "**prior**" in text and "shuffled (baseline)" in text and "| V1 | 8 | 2 |" in text
    assert "| 2.250 |" in text
    (paired,) = [line for line in text.splitlines() if line.startswith("| prior | mean-shape |")]
    assert paired.count("[") == 3 and "Differences paired over objects" in text


def test_what_does_not_belong_on_the_page_is_refused(results):
    with pytest.raises(BrainvisError, match="measured"):
        section_of_objects.section(results, "measured")
    broken = pd.DataFrame({"region": ["V1"], "guess": ["V1"]})
    with pytest.raises(BrainvisError, match="predicted"):
        section_of_objects._counts(broken)


def test_no_section_without_objects():
    class Bare:
        kind, objects = "simulated", None

    assert section_of_objects.build(Bare()) is None
