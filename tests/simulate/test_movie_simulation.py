"""A simulated movie: the same brain, whole segments, every pass with its own noise."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from brainvis.artifacts import hdf5
from brainvis.containers import Stimuli
from brainvis.errors import BrainvisError
from brainvis.simulate.channels import read_channels
from brainvis.simulate.movie import _same_brain, simulate_movie, write_movie_dataset
from brainvis.simulate.movie_brain import MOTION_SHARE, watching
from brainvis.simulate.movie_design import make_segments

MOVIE = {"tr": 2.0, "showings": 2, "gap": 2.0, "clips_per_segment": 40}
MOVIE |= {"repeats": 2, "test_repeats": 3}
BRAIN = {"voxels": 1000, "repeats": 3, "tr": 1.6, "trial_seconds": 4.0, "stimulus_seconds": 2.0}
BRAIN |= {"trials_per_run": 75, "ceiling_median": 0.35}  # as in this folder's conftest
TEST = [f"toy{n:04d}" for n in range(12)]


@pytest.fixture(scope="module")
def tree(toy: Path) -> Path:
    """BIDS tree of sub-01: 84 training clips in three segments, 12 test clips in one."""
    root = toy / "movie"
    write_movie_dataset(root, ["01"], MOVIE["tr"])
    simulate(toy, root / "sub-01")
    return root


def simulate(toy: Path, folder: Path, **changed) -> None:
    given = {"subject": "01", "test_ids": TEST, "brain": BRAIN, "movie": MOVIE, "seed": 3} | changed
    simulate_movie(toy / "stimuli.h5", toy / "channels.h5", folder, **given)


def runs(tree: Path) -> list[tuple[pd.DataFrame, np.ndarray]]:
    """Events and BOLD of every run."""
    found = []
    for bold in sorted((tree / "sub-01/func").glob("*_bold.nii.gz")):
        events = pd.read_csv(
            bold.with_name(bold.name.replace("bold.nii.gz", "events.tsv")), sep="\t"
        )
        found.append((events, np.asarray(nib.load(bold).dataobj)))
    return found


def test_the_brain_is_that_of_the_image_experiment(toy: Path):
    source, seen = Stimuli.open(toy / "stimuli.h5"), read_channels(toy / "channels.h5")
    brain = _same_brain(source, seen, "01", BRAIN, 3)
    with hdf5.opened(toy / "truth/bids-01.h5", schema="truth") as file:
        np.testing.assert_array_equal(brain.betas, file["betas"][...])
        table = hdf5.get_table(file, "voxels")
    np.testing.assert_allclose(brain.peak, table["hrf_peak"])
    np.testing.assert_allclose(brain.noise.thermal, table["thermal_noise"])


def test_early_voxels_gain_motion_and_colour_voxels_do_not(toy: Path):
    source, seen = Stimuli.open(toy / "stimuli.h5"), read_channels(toy / "channels.h5")
    brain = _same_brain(source, seen, "01", BRAIN, 3)
    moved = watching(brain, seen, np.random.default_rng(0))
    changed = (moved.betas != brain.betas).any(axis=0)
    tuned = np.array([name.startswith(("orientation", "contrast")) for name in brain.function])
    early = np.isin(brain.cortex.roi, list(MOTION_SHARE))
    assert changed[early & tuned & (brain.ceiling > 0)].all() and changed.sum() > 100
    assert not changed[~(early & tuned)].any()
    np.testing.assert_allclose(moved.betas.std(axis=0), brain.betas.std(axis=0), rtol=2e-3)
    np.testing.assert_allclose(moved.betas.mean(axis=0), brain.betas.mean(axis=0), atol=1e-4)


@pytest.mark.parametrize("per_segment", [3, 7, 200])
def test_every_clip_is_in_one_segment_of_its_kind(per_segment: int):
    train, test = np.arange(5, 30), np.arange(5)
    given = MOVIE | {"clips_per_segment": per_segment}
    made = make_segments(train, test, clip_seconds=2.0, seed=1, **given)
    kinds = [set(part.clips) <= set(test) for part in made]
    assert kinds == sorted(kinds)
    assert sorted(np.concatenate([part.clips for part in made])) == list(range(30))
    for part, held in zip(made, kinds, strict=True):
        assert len(part.clips) <= per_segment and part.passes == (3 if held else 2)
        assert (np.diff(part.run.onset)[::2] == 2).all()  # the second showing follows the first
        assert part.run.volumes * 2.0 >= part.run.onset[-1] + 2 + 12
    again = make_segments(train, test, clip_seconds=2.0, seed=1, **given)
    assert all((a.clips == b.clips).all() for a, b in zip(made, again, strict=True))


def test_the_tree_says_simulated_and_passes_differ_in_noise_alone(tree: Path):
    described = json.loads((tree / "dataset_description.json").read_text())
    assert "simulated" in described["Name"]
    found = runs(tree)
    assert len(found) == 3 * 2 + 3
    orders = {tuple(events["stimulus_id"]) for events, _ in found}
    assert len(orders) == 4
    test = [set(order) & set(TEST) for order in orders]
    assert sorted(map(len, test)) == [0, 0, 0, len(TEST)]
    (first, one), (second, other) = found[:2]
    assert first.equals(second) and one.shape == other.shape and (one != other).any()


def test_a_subject_is_reproducible_and_its_label_matters(toy: Path, tree: Path, tmp_path: Path):
    for name, subject in (("same", "01"), ("other", "02")):
        simulate(toy, tmp_path / name, subject=subject)
    last = "sub-{}_task-movie_run-009_bold.nii.gz"
    read = [np.asarray(nib.load(p).dataobj) for p in (
        tree / "sub-01/func" / last.format("01"),
        tmp_path / "same/func" / last.format("01"),
        tmp_path / "other/func" / last.format("02"),
    )]  # fmt: skip
    assert (read[0] == read[1]).all() and (read[0] != read[2]).any()


def test_bad_input_is_refused(toy: Path, tmp_path: Path):
    with pytest.raises(BrainvisError, match="test clips must be some"):
        simulate(toy, tmp_path / "a", test_ids=["unknown"])
    with pytest.raises(BrainvisError, match="test clips must be some"):
        simulate(toy, tmp_path / "a", test_ids=[f"toy{n:04d}" for n in range(96)])
