"""The judge of movie encoding: true tuning by place, medians and intervals of differences."""

import numpy as np
import pandas as pd
import pytest

from brainvis.artifacts import hdf5
from brainvis.encoding.movie_files import write_movie_scores
from brainvis.errors import BrainvisError
from brainvis.evaluate.movie_truth import COLUMNS, judge_movie, tuning


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("direction45_slow", "direction"), ("flicker", "flicker"), ("red", "colour"),
        ("orientation0_scale1", "orientation"), ("dark", "luminance"), ("MTL_type3", "MTL"),
    ],
)  # fmt: skip
def test_functions_fall_into_kinds(name, kind):
    assert tuning(name) == kind


def files(folder, kind="simulated", subject="01"):
    rng = np.random.default_rng(0)
    voxels = pd.DataFrame({"i": range(8), "j": 0, "k": 0, "roi": ["MT"] * 4 + ["V1"] * 4})
    difference = np.array([0.3, 0.2, 0.4, np.nan, -0.1, -0.2, 0.0, -0.3], np.float32)
    samples = difference + rng.normal(0, 0.02, (50, 8))
    groups = {
        "r": {"image": np.full(8, 0.2), "motion": 0.2 + difference},
        "difference": {"motion": difference}, "samples": {"motion": samples},
        "likelihood": {"motion": np.eye(2)},
    }  # fmt: skip
    known = {"dataset": "made_up", "subject": subject, "kind": kind, "image": "image"}
    write_movie_scores(folder / "e.h5", voxels, np.array(["a", "b"]), groups, **known)
    functions = ["direction0_slow"] * 4 + ["red", "blue", "orientation0_scale0", "light"]
    order = rng.permutation(8)  # the truth lists voxels in another order
    with hdf5.create(folder / "t.h5", {"schema": "truth", "subject": "01"}) as file:
        table = voxels.drop(columns="roi").assign(function=functions)
        hdf5.put_table(file, "voxels", table.iloc[order].reset_index(drop=True))
    return [folder / "e.h5"], [folder / "t.h5"]


def test_motion_and_colour_voxels_are_told_apart(tmp_path):
    judge_movie(*files(tmp_path), tmp_path / "t.csv")
    table = pd.read_csv(tmp_path / "t.csv")
    assert list(table) == list(COLUMNS)
    cells = table.set_index(["roi", "tuning"])
    assert cells.loc[("MT", "direction"), "voxels"] == 3
    assert cells.loc[("MT", "direction"), "minus_image"] == pytest.approx(0.3)
    assert cells.loc[("MT", "direction"), "minus_image_low"] > 0.2
    assert cells.loc[("V1", "colour"), "minus_image"] == pytest.approx(-0.15)
    assert cells.loc[("V1", "colour"), "minus_image_high"] < 0


@pytest.mark.parametrize("changed", [{"kind": "measured"}, {"subject": "02"}])
def test_what_has_no_truth_is_not_judged(tmp_path, changed):
    with pytest.raises(BrainvisError, match="no truth"):
        judge_movie(*files(tmp_path, **changed), tmp_path / "t.csv")
    assert not (tmp_path / "t.csv").exists()
