"""cc2017 in MinD-Video's arrays: layout, scaling by training volumes alone, bad input."""

import numpy as np
import pytest

from brainvis.containers import Stimuli
from brainvis.datasets import splits as split_files
from brainvis.datasets.cc2017 import import_arrays
from brainvis.errors import BrainvisError
from brainvis.movies import MovieResponses

SEGMENTS, VOLUMES, VOXELS = {"train": 3, "test": 2}, 8, 5


def write_tree(root):
    """The published files, with fewer and shorter segments and 16-pixel frames."""
    rng = np.random.default_rng(0)
    root.mkdir()
    for part, count in SEGMENTS.items():
        frames = rng.integers(60, 80, (count, VOLUMES, 1, 16, 16, 3)).repeat(6, axis=2)
        frames[0, 2, 4:] = 200  # a scene cut
        np.save(root / f"video_{part}_256_3hz.npy", frames.astype(np.uint8))
        for subject in (1, 2, 3):
            scan = 7 + 3 * rng.normal(size=(count, VOLUMES, VOXELS))
            np.save(root / f"fmri_{part}_subject{subject}.npy", scan)
    return root


@pytest.fixture
def tree(tmp_path):
    return write_tree(tmp_path / "cc2017")


def imported(tree, out):
    out.mkdir(exist_ok=True)
    paths = [out / name for name in ("stimuli.h5", "movie.h5", "splits.json")]
    import_arrays(tree, *paths, subject="2", size=8)
    return Stimuli.open(paths[0]), MovieResponses.open(paths[1]), paths[2]


def test_arrays_become_clips_series_and_the_published_split(tree, tmp_path):
    stimuli, movie, splits = imported(tree, tmp_path / "out")
    assert (stimuli.kind, movie.kind, movie.subject, movie.tr) == ("measured",) * 2 + ("2", 2.0)
    assert float(np.asarray(stimuli.attributes["fps"])) == 3
    film = np.load(tree / "video_train_256_3hz.npy")
    shown = stimuli.read("clips", stimuli.rows(np.array(["seg02-0003"])))[0]
    assert shown.shape == (6, 8, 8, 3)
    wanted = film[1, 3].reshape(6, 8, 2, 8, 2, 3).mean(axis=(2, 4))
    assert np.abs(shown - wanted).max() <= 1
    assert np.array_equal(stimuli.read("images", slice(0, 4)), stimuli.read("clips")[:4, 0])
    for table in (stimuli.table, movie.volumes):
        assert table["stimulus_id"][table["cut"]].tolist() == ["seg01-0002", "test01-0002"]
    scans = np.load(tree / "fmri_train_subject2.npy")
    known = scans.reshape(-1, VOXELS)
    wanted = (scans[2] - known.mean(axis=0)) / known.std(axis=0)
    rows = (movie.volumes["segment"] == "seg03").to_numpy()
    assert np.allclose(movie.bold()[rows], wanted, atol=1e-5)
    assert "noise_ceiling" not in movie.voxels
    fold = split_files.read(splits, "published")[0]
    assert (len(fold.train), len(fold.test)) == (3 * VOLUMES, 2 * VOLUMES)
    assert set(movie.segments(np.array(fold.test))) == {"test01", "test02"}
    assert movie.windows(np.array(fold.test[:2]), (0, 2)).shape == (2, 2, VOXELS)


def test_no_statistic_of_test_volumes_touches_anything_else(tree, tmp_path):
    before = imported(tree, tmp_path / "before")[1]
    path = tree / "fmri_test_subject2.npy"
    scans = np.load(path)
    np.save(path, np.concatenate([scans[:1], 50 + 9 * scans[1:]]))  # the last test segment
    after = imported(tree, tmp_path / "after")[1]
    other = (before.volumes["segment"] != "test02").to_numpy()
    for read in ("bold", "betas"):
        old, new = (
            one.bold() if read == "bold" else one.responses(one.ids) for one in (before, after)
        )
        assert np.array_equal(old[other], new[other])
        assert not np.allclose(old[~other], new[~other])
    assert before.voxels.equals(after.voxels)


def changed(tree, name, change):
    path = tree / name
    np.save(path, change(np.load(path)))


def with_nan(scan):
    scan[1, 2, 3] = np.nan
    return scan


FILM, SCAN = "video_test_256_3hz.npy", "fmri_train_subject2.npy"
BAD = [
    (lambda t: (t / FILM).unlink(), "no such file"),
    (lambda t: (t / SCAN).write_bytes(b"\x93NUMPY"), "cannot be read"),
    (lambda t: np.save(t / SCAN, np.array([{}], object), allow_pickle=True), "cannot be read"),
    (lambda t: changed(t, SCAN, lambda a: a[0]), "needs 3 dimensions"),
    (lambda t: changed(t, FILM, lambda a: a / 255), "uint8 frames"),
    (lambda t: changed(t, SCAN, lambda a: a[:, :5]), "differ in length.*\\(3, 5\\) volumes"),
    (lambda t: changed(t, SCAN, lambda a: a[..., :3]), "different voxels"),
    (lambda t: changed(t, SCAN, with_nan), "seg02.*not finite"),
]


@pytest.mark.parametrize(("damage", "said"), BAD)
def test_bad_input_is_one_clear_error(tree, tmp_path, damage, said):
    damage(tree)
    with pytest.raises(BrainvisError, match=said):
        imported(tree, tmp_path / "out")
