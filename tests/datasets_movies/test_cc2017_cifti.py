"""cc2017 as distributed: films and CIFTI runs, volume offsets, passes, bad input."""

import nibabel as nib
import numpy as np
import pytest
from film_writer import LATE, grey_steps, write_film

from brainvis.containers import Stimuli
from brainvis.datasets import splits as split_files
from brainvis.datasets.cc2017_cifti import cortex, import_cifti, skipped
from brainvis.errors import BrainvisError
from brainvis.movies import MovieResponses

VOLUMES, LEFT, RIGHT = 12, 4, 3
NAMES = ("seg1", "seg2", "test1", "test2")


def axes(length, step=2.0):
    surface = nib.cifti2.BrainModelAxis.from_surface
    models = surface(np.arange(LEFT) * 2, 20, "CORTEX_LEFT")
    models += surface(np.arange(RIGHT), 20, "CORTEX_RIGHT")
    mask = np.zeros((3, 3, 3), bool)
    mask[1, 1, :2] = True
    models += nib.cifti2.BrainModelAxis.from_mask(mask, "THALAMUS_LEFT", np.eye(4))
    return nib.cifti2.SeriesAxis(0, step, length), models


def scan_path(root, name, run):
    below = f"Subject01/video_fmri_dataset/subject1/fmri/{name}/cifti"
    return root / below / f"{name}_{run}_Atlas.dtseries.nii"


def write_scan(path, values, step=2.0):
    path.parent.mkdir(parents=True, exist_ok=True)
    header = nib.cifti2.Cifti2Header.from_axes(axes(len(values), step))
    nib.save(nib.Cifti2Image(values.astype(np.float32), header), path)


def signal(name):
    """What a segment evokes at each kept volume, without drift."""
    rng = np.random.default_rng(NAMES.index(name))
    basis = np.linalg.qr(np.polynomial.legendre.legvander(np.linspace(-1, 1, VOLUMES), 4))[0]
    values = rng.normal(size=(VOLUMES, LEFT + RIGHT + 2))
    return values - basis @ (basis.T @ values)


def run_values(name, run, noise=0.0):
    rng = np.random.default_rng([NAMES.index(name), run])
    kept = 1000 * (1 + 0.01 * (signal(name) + noise * rng.normal(size=(VOLUMES, 9))))
    grid = np.linspace(-1, 1, VOLUMES)[:, None]
    kept = kept + 5 * run * grid**2  # drift
    before = np.full((skipped(name), kept.shape[1]), 4000.0)
    return np.concatenate([before, kept, np.full((4, kept.shape[1]), -4000.0)])


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stimuli")
    for number, name in enumerate(NAMES):
        frames = np.array(grey_steps(VOLUMES * 2 * 2, 1, 16, 16)) + 40 * number
        write_film(folder / f"{name}.mp4", frames, fps=2)
    return folder


@pytest.fixture
def tree(films, tmp_path):
    root = tmp_path / "purdue"
    place = root / "Stimuli/video_fmri_dataset/stimuli"
    place.mkdir(parents=True)
    for path in films.iterdir():
        (place / path.name).symlink_to(path)
    for name in NAMES:
        for run in range(1, 3 if name.startswith("seg") else 4):
            write_scan(scan_path(root, name, run), run_values(name, run, noise=0.3))
    return root


def imported(tree, out, **options):
    out.mkdir(exist_ok=True)
    paths = [out / name for name in ("stimuli.h5", "movie.h5", "splits.json")]
    import_cifti(
        tree, *paths, subject="1", size=8, frames=4, segments=2, tests=2, volumes=VOLUMES, **options
    )
    return Stimuli.open(paths[0]), MovieResponses.open(paths[1]), paths[2]


def test_a_tree_becomes_clips_series_and_the_published_split(tree, tmp_path):
    scan_path(tree, "test2", 2).unlink()  # a lost run is no error
    stimuli, movie, splits = imported(tree, tmp_path / "out")
    clip = stimuli.read("clips", stimuli.rows(np.array(["seg2-0003"])))[0]
    assert np.abs(clip[:, 0, 0, 0] - (40 + 12 + np.arange(4.0))).max() <= 2
    assert movie.voxels["hemisphere"].tolist() == ["left"] * LEFT + ["right"] * RIGHT
    assert movie.voxels["vertex"].tolist() == [0, 2, 4, 6, 0, 1, 2]
    repeats = movie.volumes.groupby("segment")["repeats"].first().to_dict()
    assert repeats == {"seg1": 2, "seg2": 2, "test1": 3, "test2": 2}
    for name in NAMES:  # the right volumes, without drift
        rows = (movie.volumes["segment"] == name).to_numpy()
        wanted, found = signal(name)[:, : LEFT + RIGHT], movie.bold()[rows]
        together = [np.corrcoef(a, b)[0, 1] for a, b in zip(wanted.T, found.T, strict=True)]
        assert min(together) > 0.85, name
    known = movie.bold()[: 2 * VOLUMES]
    assert np.allclose(known.mean(axis=0), 0, atol=1e-4)
    assert np.allclose(known.std(axis=0), 1, atol=1e-4)
    assert (movie.voxels["noise_ceiling"] > 0.5).all()
    assert (movie.voxels["test_noise_ceiling"] > 0.5).all()
    fold = split_files.read(splits, "published")[0]
    assert fold.test[0] == "test1-0000" and len(fold.train) == 2 * VOLUMES


def test_no_statistic_of_test_runs_touches_anything_else(tree, tmp_path):
    before = imported(tree, tmp_path / "before")[1]
    write_scan(scan_path(tree, "test2", 1), 3 * run_values("test1", 9)[:-1] + 500)
    after = imported(tree, tmp_path / "after")[1]
    other = (before.volumes["segment"] != "test2").to_numpy()
    assert np.array_equal(before.bold()[other], after.bold()[other])
    ids = before.ids[other]
    assert np.array_equal(before.responses(ids), after.responses(ids))
    assert before.voxels["noise_ceiling"].equals(after.voxels["noise_ceiling"])
    assert not np.array_equal(before.bold()[~other], after.bold()[~other])


def film(tree, name):
    path = tree / f"Stimuli/video_fmri_dataset/stimuli/{name}.mp4"
    path.unlink()
    return path


BAD = [
    (lambda t: film(t, "seg2"), "seg2.mp4: no such file"),
    (lambda t: write_film(film(t, "seg1"), grey_steps(20), fps=2), "shorter than the fMRI"),
    (lambda t: write_film(film(t, "seg1"), grey_steps(99), filters=LATE), "variable frame rate"),
    (lambda t: scan_path(t, "seg1", 1).write_bytes(b"no"), "cannot be read as CIFTI"),
    (lambda t: write_scan(scan_path(t, "seg2", 1), np.ones((6, 9))), "differ in length.*6 volumes"),
    (lambda t: write_scan(scan_path(t, "seg1", 1), np.ones((17, 9)), step=1.0), "TR of 2.0 s"),
    (lambda t: [p.unlink() for p in t.rglob("seg2_*")], "seg2_1_Atlas.*no such file"),
    (lambda t: (t / "Subject01").rename(t / "Subject04"), "no such folder"),
]


@pytest.mark.parametrize(("damage", "said"), BAD)
def test_bad_input_is_one_clear_error(tree, tmp_path, damage, said):
    damage(tree)
    with pytest.raises(BrainvisError, match=said):
        imported(tree, tmp_path / "out")


def test_cortex_has_to_come_first(tmp_path):
    time, models = axes(5)
    path = tmp_path / "run.dtseries.nii"
    header = nib.cifti2.Cifti2Header.from_axes((time, models[LEFT + RIGHT :] + models[:LEFT]))
    nib.save(nib.Cifti2Image(np.ones((5, 2 + LEFT), np.float32), header), path)
    with pytest.raises(BrainvisError, match="cortex of both hemispheres first"):
        cortex(path)
