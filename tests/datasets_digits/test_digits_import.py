"""The measured digits: facts of the files, orientation, voxel order, and damaged copies."""

import shutil

import numpy as np
import pytest
from scipy.io import savemat
from scipy.ndimage import binary_fill_holes

from brainvis.containers import Responses, Stimuli
from brainvis.datasets import splits, vangerven
from brainvis.datasets.vangerven import SPLIT, TRIALS
from brainvis.decoding.encoder import encode
from brainvis.decoding.latent import Latent
from brainvis.errors import BrainvisError


@pytest.fixture(scope="module")
def folder(measured):
    return measured("vangerven_digits")


@pytest.fixture(scope="module")
def made(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("digits")
    paths = {name: out / name for name in ("stimuli", "responses", "splits", "prior")}
    vangerven.import_digits(folder, **paths)
    return paths


def test_tables(made):
    stimuli, responses = Stimuli.open(made["stimuli"]), Responses.open(made["responses"])
    assert stimuli.shape == (28, 28, 3)
    assert stimuli.kind == responses.kind == "measured"
    assert stimuli.ids[[0, 49, 50, 99]].tolist() == [
        "digit6-000", "digit6-049", "digit9-000", "digit9-049",
    ]  # fmt: skip
    assert stimuli.table["category"].value_counts().to_dict() == {"six": 50, "nine": 50}
    assert responses.betas().shape == (100, 3092)
    assert (responses.trials["stimulus_id"].to_numpy(dtype=str) == stimuli.ids).all()
    images = stimuli.read("images")
    assert (images == images[..., :1]).all() and images.max() == 255


def test_digits_are_upright(made):
    """The hole of a 6 lies below the centre, that of a 9 above it (beside it if transposed)."""
    stimuli = Stimuli.open(made["stimuli"])
    images, category = stimuli.images()[..., 0], stimuli.table["category"].to_numpy(dtype=str)
    offset = {}
    for name in ("six", "nine"):
        ink = images[category == name] > 0.3
        holes = [np.argwhere(binary_fill_holes(digit) & ~digit) for digit in ink]
        centres = [hole.mean(axis=0) - 13.5 for hole in holes if len(hole)]
        assert len(centres) > 30
        offset[name] = np.median(centres, axis=0)  # rows down, columns right
    assert offset["six"][0] > 2
    assert offset["nine"][0] < -1.5 and abs(offset["nine"][1]) < 1


def test_voxels_follow_the_masks(made):
    voxels = Responses.open(made["responses"]).voxels
    counts = voxels.groupby(["hemisphere", "roi"]).size().to_dict()
    assert counts == {
        ("", ""): 1057,
        ("lh", "V1d"): 279, ("lh", "V1v"): 294, ("lh", "V2d"): 202, ("lh", "V2v"): 274,
        ("lh", "V3d"): 144, ("lh", "V3v"): 198,
        ("rh", "V1d"): 221, ("rh", "V1v"): 313, ("rh", "V2d"): 43, ("rh", "V2v"): 65,
        ("rh", "V3v"): 2,
    }  # fmt: skip
    linear = voxels["i"] + 110 * (voxels["j"] + 110 * voxels["k"])
    assert linear.is_monotonic_increasing and linear.is_unique


def test_retinotopy_comes_out(made):
    """Left V1 looks further right than right V1, dorsal V1 further down than ventral V1.

    It takes the right voxel order and upright images: transposed images fail.
    """
    stimuli, responses = Stimuli.open(made["stimuli"]), Responses.open(made["responses"])
    images = stimuli.images()[..., 0]
    coarse = images.reshape(100, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(100, -1)  # (100, 196)
    space = Latent.fit(coarse, 0.99)
    fitted = encode(space.project(coarse), responses.betas())
    energy = (space.axes.T @ fitted.weights).reshape(14, 14, -1) ** 2
    steps = np.arange(14)[:, None]
    right = (energy.sum(axis=0) * steps).sum(axis=0) / energy.sum(axis=(0, 1))
    down = (energy.sum(axis=1) * steps).sum(axis=0) / energy.sum(axis=(0, 1))
    side, area = (responses.voxels[c].to_numpy(dtype=str) for c in ("hemisphere", "roi"))

    def centre(position, hemisphere, areas):
        chosen = (side == hemisphere) & np.isin(area, areas) & (fitted.r2 > 0.1)
        assert chosen.sum() > 40
        return np.median(position[chosen])

    v1 = ["V1d", "V1v"]
    assert centre(right, "lh", v1) - centre(right, "rh", v1) > 0.5
    for hemisphere in ("lh", "rh"):
        assert centre(down, hemisphere, ["V1d"]) - centre(down, hemisphere, ["V1v"]) > 0.4


def test_published_split(made):
    (fold,) = splits.read(made["splits"], "published")
    assert len(fold.train) == 90 and len(fold.test) == 10
    assert sorted(fold.train + fold.test) == sorted(Stimuli.open(made["stimuli"]).ids)
    assert sum(name.startswith("digit6") for name in fold.test) == 5


def test_prior_holds_no_stimulus(made):
    prior, shown = Stimuli.open(made["prior"]), Stimuli.open(made["stimuli"])
    assert len(prior.ids) == 2000
    both = np.concatenate([prior.read("images"), shown.read("images")])
    assert len(np.unique(both.reshape(2100, -1), axis=0)) == 2100


def test_absent_files_say_how_to_get_them(tmp_path):
    with pytest.raises(BrainvisError, match=r"DSC_2018\.00112_485.*data use agreement") as caught:
        vangerven.import_digits(tmp_path, tmp_path / "s", tmp_path / "r")
    assert "\n" not in str(caught.value) and TRIALS in str(caught.value)
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("name", [TRIALS, SPLIT])
def test_damaged_copy_is_refused(folder, tmp_path, name):
    for file in (TRIALS, SPLIT):
        shutil.copyfile(folder / file, tmp_path / file)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(BrainvisError, match=r"sha256.*truncated, altered") as caught:
        vangerven.import_digits(tmp_path, *(tmp_path / n for n in ("s", "r", "j")))
    assert name in str(caught.value)


class Payload:
    """Runs a command when unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return open, (str(self.marker), "w")


def test_mat_parser_gives_one_error_for_bad_input(tmp_path):
    wanted = {"X": ((4, 3), "u")}
    good = np.zeros((4, 3), np.uint8)
    path = tmp_path / "x.mat"

    savemat(path, {"X": good, "more": 1})
    assert (vangerven.read_mat(path, wanted)["X"] == good).all()

    whole = path.read_bytes()
    np.save(tmp_path / "pickled.npy", np.array([Payload(tmp_path / "ran")]), allow_pickle=True)
    bad_files = {
        "truncated": whole[:150],
        "empty": b"",
        "noise": np.random.default_rng(0).bytes(4000),
        "pickle in npy": (tmp_path / "pickled.npy").read_bytes(),
    }
    for content in bad_files.values():
        path.write_bytes(content)
        with pytest.raises(BrainvisError, match=r"x\.mat"):
            vangerven.read_mat(path, wanted)
    assert not (tmp_path / "ran").exists()

    cell = np.array([[good, "text"]], dtype=object)
    bad_values = [good.T, good.astype(float), cell, np.array(["abc"]), {"a": good}]
    for value in bad_values:
        savemat(path, {"X": value})
        with pytest.raises(BrainvisError, match=r"x\.mat: X: needs shape \(4, 3\)"):
            vangerven.read_mat(path, wanted)
    savemat(path, {"Z": good})
    with pytest.raises(BrainvisError, match="found nothing"):
        vangerven.read_mat(path, wanted)
    savemat(path, {"X": np.full((4, 3), np.nan)})
    with pytest.raises(BrainvisError, match="not finite"):
        vangerven.read_mat(path, {"X": ((4, 3), "f")})
