"""Algonauts 2021 and BOLD Moments: converted trees, refused pickles, bad input."""

import pickle
import subprocess
import sys

import h5py
import numpy as np
import pytest
from film_writer import grey_steps, write_film

from brainvis.containers import Stimuli
from brainvis.datasets import splits as split_files
from brainvis.datasets.clip_betas import CONVERT, import_algonauts, import_bold_moments
from brainvis.errors import BrainvisError
from brainvis.movies import MovieResponses

CLIPS, HELD = 6, 2
MINI = "participants_data_v2021/mini_track/sub01"
FULL = "participants_data_v2021/full_track/sub01"
BETAS = "derivatives/versionB/MNI152/GLM/sub-01/prepared_betas"


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    folder = tmp_path_factory.mktemp("films")
    return [
        write_film(folder / f"{n}.mp4", np.array(grey_steps(6, 2, 16, 16)) + 30 * n, fps=2)
        for n in range(CLIPS)
    ]


def link(folder, name, target):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).symlink_to(target)


def responses(clips, repeats, voxels, seed):
    rng = np.random.default_rng(seed)
    return 3 + rng.normal(size=(clips, 1, voxels)) + 0.2 * rng.normal(size=(clips, repeats, voxels))


def write_algonauts(root, films):
    for n, film in enumerate(films):
        link(root / "AlgonautsVideos268_All_30fpsmax", f"{n + 1:04d}_0-1-{n}.mp4", film)
    (root / MINI).mkdir(parents=True)
    for seed, name in enumerate(("V1", "LOC")):
        np.savez(root / MINI / f"{name}.npz", train=responses(CLIPS, 3, 4 + seed, seed))
    return root


def write_bold_moments(root, films):
    for n, film in enumerate(films):
        link(root / "stimuli/mp4", f"vid{n + 1:04d}.mp4" if n % 2 else f"{n + 1:04d}.mp4", film)
    (root / BETAS).mkdir(parents=True)
    names = np.array([f"vid{n + 1:04d}" for n in range(CLIPS)])
    for task, part, repeats in (("train", slice(0, 4), 3), ("test", slice(4, 6), 10)):
        values = {"betas": responses(len(names[part]), repeats, 5, repeats), "stimuli": names[part]}
        np.savez(root / BETAS / f"sub-01_organized_betas_task-{task}_normalized.npz", **values)
    return root


def imported(name, tree, out, **options):
    out.mkdir(exist_ok=True)
    paths = [out / file for file in ("stimuli.h5", "movie.h5", "splits.json")]
    if name == "algonauts":
        load, options = import_algonauts, {"train": CLIPS, "held_out": HELD, **options}
    else:
        load = import_bold_moments
    load(tree, *paths, subject="01", size=8, frames=6, **options)
    return Stimuli.open(paths[0]), MovieResponses.open(paths[1]), paths[2]


WRITE = {"algonauts": write_algonauts, "bold_moments": write_bold_moments}


@pytest.mark.parametrize("name", WRITE)
def test_a_tree_becomes_clips_responses_and_the_published_split(name, films, tmp_path):
    tree = WRITE[name](tmp_path / name, films)
    stimuli, movie, splits = imported(name, tree, tmp_path / "out")
    fold = split_files.read(splits, "published")[0]
    assert (len(fold.train), len(fold.test)) == (CLIPS - HELD, HELD)
    shown = stimuli.read("clips", stimuli.rows(np.array([fold.test[0]])))[0]
    assert np.abs(shown[:, 0, 0, 0] - (120 + 2 * np.arange(6.0))).max() <= 2
    if name == "algonauts":
        raw = np.concatenate([responses(CLIPS, 3, 5, 1), responses(CLIPS, 3, 4, 0)], axis=2)
        assert movie.voxels["roi"].tolist() == ["LOC"] * 5 + ["V1"] * 4
        mean = raw.mean(axis=1)
    else:
        mean = np.concatenate([responses(n, r, 5, r).mean(axis=1) for n, r in ((4, 3), (2, 10))])
        assert (movie.voxels["test_noise_ceiling"] > 0.5).all()
    wanted = (mean - mean[:4].mean(axis=0)) / mean[:4].std(axis=0)
    assert np.allclose(movie.responses(movie.ids), wanted, atol=1e-4)
    assert (movie.voxels["noise_ceiling"] > 0.5).all()
    window = movie.windows(movie.ids, (0, 3))  # a clip's window never holds a neighbour's response
    assert np.array_equal(window[:, 0], window[:, 1])
    assert np.array_equal(window[:, 0], movie.responses(movie.ids))


@pytest.mark.parametrize("name", WRITE)
def test_test_responses_touch_no_statistic(name, films, tmp_path):
    tree = WRITE[name](tmp_path / name, films)
    before = imported(name, tree, tmp_path / "before")[1]
    for path in tree.rglob("*.npz"):
        held = dict(np.load(path))
        if name == "algonauts":
            held["train"][-HELD:] *= 50
        elif "task-test" in path.name:
            held["betas"] = held["betas"] ** 2 * 9
        np.savez(path, **held)
    after = imported(name, tree, tmp_path / "after")[1]
    own = before.ids[: CLIPS - HELD]
    assert np.array_equal(before.responses(own), after.responses(own))
    assert before.voxels["noise_ceiling"].equals(after.voxels["noise_ceiling"])
    assert not np.allclose(before.bold(), after.bold())


def test_a_pickle_is_refused_and_the_stated_command_converts_it(films, tmp_path):
    tree = write_algonauts(tmp_path / "a", films)
    path = tree / FULL / "WB.pkl"
    path.parent.mkdir(parents=True)
    mask = np.zeros((2, 2, 3))
    mask[1] = 1
    path.write_bytes(pickle.dumps({"train": responses(CLIPS, 3, 6, 0), "voxel_mask": mask}))
    with pytest.raises(BrainvisError, match=r"pickle, which runs code.*python -c"):
        imported("algonauts", tree, tmp_path / "out", track="full_track")
    code = CONVERT["algonauts2021"].split('"')[1]
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    movie = imported("algonauts", tree, tmp_path / "out", track="full_track")[1]
    assert movie.voxels[["i", "j", "k"]].to_numpy().tolist() == np.argwhere(mask).tolist()
    code = CONVERT["bold_moments"].split('"')[1]
    path.write_bytes(pickle.dumps((np.ones((2, 3, 4)), ["vid0001", "vid0002"], "mask")))
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    made = np.load(path.with_suffix(".npz"))
    assert made["stimuli"].tolist() == ["vid0001", "vid0002"] and made["betas"].shape == (2, 3, 4)


def test_hdf5_holds_the_same_arrays(films, tmp_path):
    tree = write_bold_moments(tmp_path / "b", films)
    before = imported("bold_moments", tree, tmp_path / "before")[1]
    for path in (tree / BETAS).glob("*.npz"):
        with h5py.File(path.with_suffix(".h5"), "w") as file, np.load(path) as held:
            file["betas"], file["stimuli"] = held["betas"], held["stimuli"].astype(bytes)
        path.unlink()
    after = imported("bold_moments", tree, tmp_path / "after")[1]
    assert np.array_equal(before.bold(), after.bold())


def short_film(tree):
    path = next(iter(tree.rglob("*0003*.mp4")))
    path.unlink()
    write_film(path, grey_steps(3), fps=2)


def change(tree, pattern, **arrays):
    path = next(iter(tree.rglob(pattern)))
    held = dict(np.load(path))
    np.savez(path, **{k: v for k, v in {**held, **arrays}.items() if v is not None})


BAD = [
    ("algonauts", short_film, "shorter than the window"),
    ("algonauts", lambda t: next(iter(t.rglob("0004*.mp4"))).unlink(), "lacks clips.*5 of 6"),
    ("algonauts", lambda t: change(t, "V1.npz", train=np.ones((4, 3, 2))), "differ in length"),
    ("algonauts", lambda t: change(t, "V1.npz", train=np.ones((6, 2))), "clips, repeats, voxels"),
    ("algonauts", lambda t: change(t, "V1.npz", train=None), "lacks an array"),
    ("algonauts", lambda t: change(t, "V1.npz", train=np.full((6, 3, 2), np.nan)), "not finite"),
    ("algonauts", lambda t: (t / MINI / "V1.npz").write_bytes(b"no"), "cannot be read as arrays"),
    ("algonauts", lambda t: change(t, "V1.npz", voxel_mask=np.ones((1, 1, 2))), "mask does not"),
    ("bold_moments", lambda t: [p.unlink() for p in t.rglob("*.npz")], "no such file.*pickles"),
    ("bold_moments", lambda t: next(iter(t.rglob("*0003.mp4"))).unlink(), "no vid0003.mp4"),
    (
        "bold_moments",
        lambda t: change(t, "*task-test*", stimuli=np.array(["vid0001", "vid0002"])),
        "test stimuli in training",
    ),
]


@pytest.mark.parametrize(("name", "damage", "said"), BAD)
def test_bad_input_is_one_clear_error(name, damage, said, films, tmp_path):
    tree = WRITE[name](tmp_path / name, films)
    damage(tree)
    with pytest.raises(BrainvisError, match=said):
        imported(name, tree, tmp_path / "out")
