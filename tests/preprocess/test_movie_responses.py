"""Movie BOLD to averaged segments: training rows ignore test BOLD, planted responses come back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from brainvis.containers import write_stimuli
from brainvis.errors import BrainvisError
from brainvis.movies import MovieResponses, write_movie_responses
from brainvis.preprocess import hrf
from brainvis.preprocess.design import trial_regressors
from brainvis.preprocess.movie import movie_responses
from brainvis.preprocess.movie_series import repeat_ceiling, scaled

TR, VOLUMES, GRID = 2.0, 40, (4, 3, 2)
SEGMENTS = (["a", "b", "c", "d"], ["e", "f", "g", "h"], ["x", "y", "z"])
TEST = ["x", "y", "z"]
ONSETS = 8.0 + 12.0 * np.arange(4)
RESPONSES = np.random.default_rng(5).normal(4, 2, (11, 24))  # of clips a to h, x to z


def write_run(root: Path, number: int, clips: list[str], noise: float, seed: int, **given) -> None:
    """A run in which 24 voxels answer to clips through the canonical HRF; the last one is noise."""
    rng = np.random.default_rng(seed)
    onsets = given.get("onsets", ONSETS[: len(clips)])
    volumes = given.get("volumes", VOLUMES)
    design = trial_regressors(
        hrf.canonical()[0], onsets, np.full(len(clips), 4.0), TR * np.arange(volumes)
    )
    names = [*"abcdefgh", *TEST]
    evoked = design @ RESPONSES[[names.index(clip) for clip in clips]]
    evoked[:, -1] = 0
    signal = 1000 * (1 + (evoked + noise * rng.normal(size=evoked.shape)) / 100)
    func = root / "sub-01/func"
    func.mkdir(parents=True, exist_ok=True)
    start = f"sub-01_task-movie_run-{number:02d}"
    image = nib.Nifti1Image(signal.T.reshape(*GRID, volumes).astype(np.float32), np.eye(4))
    image.set_sform(np.eye(4), code=1)
    nib.save(image, func / f"{start}_bold.nii.gz")
    (func / f"{start}_bold.json").write_text(json.dumps({"RepetitionTime": TR}))
    table = pd.DataFrame({"onset": onsets, "duration": 4.0, "stimulus_id": clips})
    table.to_csv(func / f"{start}_events.tsv", sep="\t", index=False)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Three segments, the last of test clips, three passes each."""
    root = tmp_path / "bids"
    for number in range(9):
        write_run(root, number + 1, SEGMENTS[number % 3], 1.0, number)
    mask = nib.Nifti1Image(np.ones(GRID, np.uint8), np.eye(4))
    mask.set_sform(np.eye(4), code=1)
    nib.save(mask, root / "sub-01/func/sub-01_desc-brain_mask.nii.gz")
    ids = [*"abcdefgh", *TEST]
    images = np.zeros((len(ids), 8, 8, 3), np.uint8)
    table = pd.DataFrame({"stimulus_id": ids, "category": "c"})
    write_stimuli(tmp_path / "stimuli.h5", images, table, dataset="toy", kind="simulated")
    return root


def made(tree: Path, name: str = "movie.h5", **changed) -> MovieResponses:
    out = tree.parent / name
    given = {"subject": "01", "test_ids": TEST, "dataset": "toy", "kind": "simulated"} | changed
    movie_responses(tree, out, stimuli=tree.parent / "stimuli.h5", **given)
    return MovieResponses.open(out)


def test_segments_clips_and_windows(tree: Path):
    movie = made(tree)
    assert movie.tr == TR and movie.kind == "simulated" and movie.subject == "01"
    assert list(dict.fromkeys(movie.volumes["segment"])) == ["train-001", "train-002", "test-003"]
    assert set(movie.volumes["repeats"]) == {3} and not movie.volumes["cut"].any()
    assert list(movie.segments(np.array(["y", "b"]))) == ["test-003", "train-001"]
    shown = movie.volumes.query("segment == 'train-002'")["stimulus_id"].to_numpy(str)
    assert list(shown[:8]) == ["", "", "", "", "e", "e", "", ""]
    windows = movie.windows(np.array(["f", "z"]), (0, 2, -1))
    assert windows.shape == (2, 3, 24)
    np.testing.assert_array_equal(windows[0], movie.bold(np.array([50, 52, 49])))
    # Beyond the end of a segment its last volume is repeated, before its start the first.
    np.testing.assert_array_equal(movie.windows(np.array(["h"]), (90,))[0, 0], movie.bold()[79])
    np.testing.assert_array_equal(movie.windows(np.array(["e"]), (-9,))[0, 0], movie.bold()[40])


def test_planted_responses_come_back_clip_by_clip(tree: Path):
    movie = made(tree)
    ids = np.array([*"abcdefgh", *TEST])
    place = np.ravel_multi_index(movie.voxels[["i", "j", "k"]].to_numpy().T, GRID)
    answers = place < 23  # the last voxel is noise
    got, wanted = movie.responses(ids)[:, answers], RESPONSES[:, place[answers]]
    r = [np.corrcoef(a, b)[0, 1] for a, b in zip(got.T, wanted.T, strict=True)]
    assert np.median(r) > 0.95


def test_training_rows_do_not_depend_on_test_bold(tree: Path):
    before = made(tree)
    for number in (3, 6, 9):  # the test segment's passes
        write_run(tree, number, SEGMENTS[2], 30.0, 100 + number)
    after = made(tree, "other.h5")
    train = before.volumes["segment"].str.startswith("train").to_numpy()
    np.testing.assert_array_equal(before.bold()[train], after.bold()[train])
    assert not np.allclose(before.bold()[~train], after.bold()[~train])
    seen = np.array(list("abcdefgh"))
    np.testing.assert_array_equal(before.responses(seen), after.responses(seen))
    ceiling = [one.voxels["noise_ceiling"].to_numpy() for one in (before, after)]
    np.testing.assert_array_equal(*ceiling)
    assert (after.voxels["test_noise_ceiling"] < before.voxels["test_noise_ceiling"]).mean() > 0.9


def test_training_volumes_are_z_scored_and_ceilings_tell_signal_from_noise(tree: Path):
    movie = made(tree)
    train = movie.volumes["segment"].str.startswith("train").to_numpy()
    np.testing.assert_allclose(movie.bold()[train].mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(movie.bold()[train].std(axis=0), 1, atol=1e-4)
    ceiling = movie.voxels["noise_ceiling"].to_numpy()
    silent = (movie.voxels[["i", "j", "k"]] == np.array(GRID) - 1).all(axis=1).to_numpy()
    assert np.median(ceiling[~silent]) > 0.6 > 0.3 > ceiling[silent].max()


def test_a_cut_within_a_volume_is_flagged(tree: Path):
    for number in (1, 4, 7):
        write_run(tree, number, SEGMENTS[0], 1.0, number, onsets=ONSETS + 0.6)
    volumes = made(tree).volumes.query("segment == 'train-001'").set_index("volume")
    assert list(volumes.index[volumes["cut"]][:4]) == [4, 6, 10, 12]
    assert volumes.loc[4, "stimulus_id"] == "" and volumes.loc[5, "stimulus_id"] == "a"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"number": 3, "clips": ["x", "y", "a"]}, "shows training and test clips"),
        ({"number": 4, "clips": SEGMENTS[0], "volumes": 44}, "differ in length"),
        ({"number": 4, "clips": SEGMENTS[0], "volumes": 12}, "beyond the run"),
        ({"number": 9, "clips": ["x", "y", "unknown"]}, "lacks 1 of"),
        ({"number": 4, "clips": ["a", "b", "d", "c"]}, "shown in two segments"),
    ],
)
def test_bad_input_is_one_clear_error(tree: Path, change: dict, message: str):
    number, clips = change.pop("number"), change.pop("clips")
    known = [clip if clip != "unknown" else "z" for clip in clips]
    write_run(tree, number, known, 1.0, number, **change)
    if "unknown" in clips:
        events = tree / f"sub-01/func/sub-01_task-movie_run-{number:02d}_events.tsv"
        events.write_text(events.read_text().replace("\tz", "\tunknown"))
    with pytest.raises(BrainvisError, match=message):
        made(tree)
    assert not (tree.parent / "movie.h5").exists()


def test_one_kind_of_segment_is_refused(tree: Path):
    for path in (tree / "sub-01/func").glob("*run-0[369]*"):
        path.unlink()
    with pytest.raises(BrainvisError, match="training and test segments"):
        made(tree)


def test_the_file_refuses_wrong_shapes_and_unknown_clips(tree: Path, tmp_path: Path):
    movie = made(tree)
    with pytest.raises(BrainvisError, match="lacks 1 of 1"):
        movie.windows(np.array(["nothing"]))
    with pytest.raises(BrainvisError, match="at least one volume"):
        movie.windows(np.array(["a"]), ())
    tables = {"volumes": movie.volumes, "clips": movie.clips, "voxels": movie.voxels}
    write_movie_responses(
        tmp_path / "short.h5", movie.bold()[1:], movie.responses(movie.ids), **tables
    )
    with pytest.raises(BrainvisError, match="does not match its tables"):
        MovieResponses.open(tmp_path / "short.h5")
    with pytest.raises(BrainvisError, match="movie-responses"):
        MovieResponses.open(tmp_path / "stimuli.h5")


def test_constant_voxels_become_zero_and_unrepeated_segments_have_no_ceiling():
    parts = [np.tile([1.0, 2.0], (5, 1)) + [[0, n] for n in range(5)], np.full((3, 2), 9.0)]
    result = scaled(parts, [True, False])
    assert (result[:, 0] == np.where(np.arange(8) < 5, 0, 0)).all()
    np.testing.assert_allclose(result[:5, 1].std(), 1, rtol=1e-6)
    assert np.isnan(repeat_ceiling([np.random.default_rng(0).normal(size=(1, 9, 2))])).all()


def test_a_copy_of_the_tree_gives_the_same_numbers(tree: Path):
    first = made(tree)
    shutil.copytree(tree, tree.parent / "copy/bids")
    shutil.copy(tree.parent / "stimuli.h5", tree.parent / "copy/stimuli.h5")
    again = made(tree.parent / "copy/bids")
    np.testing.assert_array_equal(first.bold(), again.bold())
