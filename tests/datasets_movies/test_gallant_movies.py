"""shortclips and vim-2: format-exact trees, scaling by training volumes alone, bad input."""

import h5py
import numpy as np
import pytest

from brainvis.containers import Stimuli
from brainvis.datasets import splits as split_files
from brainvis.datasets.gallant_movies import import_shortclips, import_vim2
from brainvis.errors import BrainvisError
from brainvis.movies import MovieResponses

RUNS, LENGTH, TEST, REPEATS = 3, 6, 5, 4
GRID = (2, 2, 3)


def pictures(count, offset):
    """Frame n has level n + offset, red above."""
    frames = np.zeros((count, 16, 16, 3), np.uint8)
    frames[:] = (np.arange(count) + offset)[:, None, None, None]
    frames[:, :8, :, 0] = 220
    return frames


def save(path, **arrays):
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file[name.replace("__", "/")] = values


def scans(voxels):
    rng = np.random.default_rng(0)
    train = 2 + 3 * rng.normal(size=(RUNS * LENGTH, voxels))
    test = rng.normal(size=(1, TEST, voxels)) + 0.3 * rng.normal(size=(REPEATS, TEST, voxels))
    train[0, 1] = np.nan
    test[1, 2, 4] = np.nan
    return train, test


def write_shortclips(root):
    train, test = scans(7)
    onsets = np.arange(RUNS) * LENGTH
    save(root / "responses/S01_responses.hdf", Y_train=train, Y_test=test, run_onsets=onsets)
    for n in range(RUNS):
        save(root / f"stimuli/train_{n:02d}.hdf", stimuli=pictures(LENGTH * 30, n))
    save(root / "stimuli/test.hdf", stimuli=pictures(TEST * 30, 50))
    masks = {"roi_mask_V1": np.eye(7)[0], "roi_mask_FFA": np.eye(7)[3]}
    save(root / "mappers/S01_mappers.hdf", **masks)
    return root


def write_vim2(root):
    train, test = scans(int(np.prod(GRID)))
    film = {
        "st": pictures(RUNS * LENGTH * 15, 0).transpose(0, 3, 2, 1),
        "sv": pictures(TEST * 15, 50).transpose(0, 3, 2, 1),
    }
    save(root / "Stimuli.mat", **film)
    mask = np.zeros(GRID)
    mask[1, 0, 2] = 1
    save(
        root / "VoxelResponses_subject1.mat", rt=train.T, rv=test.mean(axis=0).T,
        rva=test.transpose(2, 0, 1), roi__v1lh=mask, roi__v2rh=np.roll(mask, 1),
    )  # fmt: skip
    return root


SETS = {
    "shortclips": (write_shortclips, import_shortclips, {"subject": "01", "frames": 5}, 30),
    "vim2": (write_vim2, import_vim2, {"subject": "1", "frames": 5, "runs": RUNS}, 15),
}


def imported(name, tree, out):
    out.mkdir(exist_ok=True)
    paths = [out / file for file in ("stimuli.h5", "movie.h5", "splits.json")]
    SETS[name][1](tree, *paths, size=8, **SETS[name][2])
    return Stimuli.open(paths[0]), MovieResponses.open(paths[1]), paths[2]


@pytest.mark.parametrize("name", SETS)
def test_a_tree_becomes_clips_series_and_the_published_split(name, tmp_path):
    stimuli, movie, splits = imported(name, SETS[name][0](tmp_path / name), tmp_path / "out")
    step = SETS[name][3]
    assert (movie.tr, movie.kind) == (step / 15, "measured")
    clip = stimuli.read("clips", stimuli.rows(np.array(["train_02-0003"])))[0]
    first = 2 + 3 * step if name == "shortclips" else (2 * LENGTH + 3) * step
    assert clip[:, 7, 0, 1].tolist() == [(first + n * step // 5) % 256 for n in range(5)]
    assert (clip[:, :4, :, 0] == 220).all()  # red is above
    train, test = scans(len(movie.voxels) + 2)
    kept = [n for n in range(train.shape[1]) if n not in (1, 4)]
    assert movie.voxels["column"].tolist() == kept
    known, mean = train[:, kept], test.mean(axis=0)[:, kept]
    wanted = (np.concatenate([known, mean]) - known.mean(axis=0)) / known.std(axis=0)
    assert np.allclose(movie.bold(), wanted, atol=1e-4)
    assert movie.volumes["repeats"].tolist() == [1] * RUNS * LENGTH + [REPEATS] * TEST
    assert "noise_ceiling" not in movie.voxels  # nothing of training was shown twice
    assert (movie.voxels["test_noise_ceiling"] > 0.5).all()
    fold = split_files.read(splits, "published")[0]
    assert (len(fold.train), fold.test[0], len(fold.test)) == (RUNS * LENGTH, "test-0000", TEST)


def test_voxels_have_their_regions(tmp_path):
    voxels = imported("vim2", write_vim2(tmp_path / "a"), tmp_path / "out")[1].voxels
    inside = voxels[voxels["roi"] == "v1lh"]
    assert inside[["k", "j", "i"]].to_numpy().tolist() == [[1, 0, 2]]
    voxels = imported("shortclips", write_shortclips(tmp_path / "b"), tmp_path / "out")[1].voxels
    assert voxels["roi"].tolist() == ["V1", "", "FFA", "", ""]


@pytest.mark.parametrize("name", SETS)
def test_no_statistic_of_test_volumes_touches_training(name, tmp_path):
    tree = SETS[name][0](tmp_path / name)
    before = imported(name, tree, tmp_path / "before")[1]
    path = tree / ("responses/S01_responses.hdf" if name == "shortclips" else "")
    path = path if path.is_file() else tree / "VoxelResponses_subject1.mat"
    with h5py.File(path, "r+") as file:
        key = "Y_test" if name == "shortclips" else "rva"
        file[key][...] = 40 + 7 * file[key][...] ** 2
    after = imported(name, tree, tmp_path / "after")[1]
    own = before.ids[: RUNS * LENGTH]
    assert np.array_equal(before.bold(slice(0, len(own))), after.bold(slice(0, len(own))))
    assert np.array_equal(before.responses(own), after.responses(own))
    assert not np.allclose(before.bold(), after.bold())


def put(path, name, change):
    with h5py.File(path, "r+") as file:
        values = change(file[name][...])
        del file[name]
        file[name] = values


CLIPS, VIM = "responses/S01_responses.hdf", "VoxelResponses_subject1.mat"
BAD = [
    ("shortclips", lambda t: (t / CLIPS).unlink(), "no such file.*datalad"),
    ("shortclips", lambda t: (t / CLIPS).write_bytes(b"annex pointer"), "cannot be read as HDF5"),
    ("shortclips", lambda t: put(t / CLIPS, "Y_train", lambda a: a[:-1]), "differ in length"),
    ("shortclips", lambda t: put(t / CLIPS, "run_onsets", lambda a: a[::-1]), "rising first"),
    ("shortclips", lambda t: put(t / CLIPS, "Y_train", lambda a: a[:, 0]), "2 dimensions"),
    ("shortclips", lambda t: put(t / CLIPS, "Y_test", lambda a: a[..., :3]), "different voxels"),
    ("shortclips", lambda t: put(t / CLIPS, "Y_test", lambda a: a * np.nan), "no voxel without"),
    ("shortclips", lambda t: (t / "stimuli/train_02.hdf").unlink(), "train_02.hdf: no such file"),
    ("shortclips", lambda t: put(t / "stimuli/test.hdf", "stimuli", lambda a: a / 255.0), "uint8"),
    ("vim2", lambda t: put(t / "Stimuli.mat", "sv", lambda a: a[:-15]), "differ in length"),
    ("vim2", lambda t: put(t / VIM, "rt", lambda a: a[:, :-1]), "3 runs of one length"),
    ("vim2", lambda t: put(t / VIM, "roi/v1lh", lambda a: a[:1]), "masks do not fit"),
    ("vim2", lambda t: (t / "Stimuli.mat").write_bytes(b"MATLAB 5.0"), "cannot be read as HDF5"),
]


@pytest.mark.parametrize(("name", "damage", "said"), BAD)
def test_bad_input_is_one_clear_error(name, damage, said, tmp_path):
    tree = SETS[name][0](tmp_path / name)
    damage(tree)
    with pytest.raises(BrainvisError, match=said):
        imported(name, tree, tmp_path / "out")
