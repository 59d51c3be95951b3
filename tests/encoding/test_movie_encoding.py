"""Encoding of movies: what is held out, what motion explains, which clip was on screen."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainvis.containers import write_features
from brainvis.datasets import splits
from brainvis.encoding.movie_design import Scaling, designs, segment_rows
from brainvis.encoding.movie_files import COLUMNS, MovieScores
from brainvis.encoding.movie_identify import alone, log_likelihoods, response_windows
from brainvis.encoding.movie_scores import block_weights, permuted, time_blocks
from brainvis.encoding.movie_stage import ALL_SPACES, encode_movie
from brainvis.errors import BrainvisError
from brainvis.movies import write_movie_responses

SETTINGS = {"image": "image", "video": ["motion"], "delays": [1, 2], "folds": 3, "draws": 8}
SETTINGS |= {"block": 4, "samples": 40, "permutations": 60, "threshold": 0.1}


def movie_of(segments, clips, gap=1, lasts=2):
    """Table of volumes: every clip lasts some volumes and is followed by rest."""
    rows = [
        (f"seg-{s}", f"clip-{s:02d}-{c:02d}" if k < lasts else "")
        for s in range(segments)
        for c in range(clips)
        for k in range(lasts + gap)
    ]
    return pd.DataFrame(rows, columns=["segment", "stimulus_id"])


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Responses of voxels that follow motion (first half) or images, with their features."""
    folder = tmp_path_factory.mktemp("movie")
    rng = np.random.default_rng(0)
    volumes = movie_of(8, 10)
    ids = sorted(set(volumes["stimulus_id"]) - {""})
    test = [one for one in ids if one.startswith(("clip-06", "clip-07"))]
    vectors = {"image": rng.normal(size=(len(ids), 6)), "motion": rng.normal(size=(len(ids), 5))}
    spaces = {name: dict(zip(ids, values, strict=True)) for name, values in vectors.items()}
    rows = segment_rows(volumes, [one for one in ids if one not in test], test)
    made = designs(volumes, spaces, [1, 2], rows.train)
    weights = rng.normal(size=(12, 12))
    bold = np.concatenate(
        [made["motion"] @ weights[:10], made["image"] @ weights[:12, :12]], axis=1
    )
    bold += 0.3 * rng.normal(size=bold.shape)
    bold = ((bold - bold[rows.train].mean(0)) / bold[rows.train].std(0)).astype(np.float32)
    voxels = pd.DataFrame({"i": range(24), "j": 0, "k": 0, "roi": ["MT"] * 12 + ["V1"] * 12})
    voxels["noise_ceiling"] = 0.8
    voxels.loc[0, "noise_ceiling"] = 0.0
    paths = {"responses": write_movie(folder / "movie.h5", bold, volumes, voxels)}
    for name, values in vectors.items():
        attributes = {"space": name, "model": "made up", "kind": "simulated"}
        write_features(folder / f"{name}.h5", np.array(ids), values, **attributes)
    paths["features"] = [folder / "image.h5", folder / "motion.h5"]
    paths["splits"] = folder / "splits.json"
    fold = splits.Fold([one for one in ids if one not in test], test)
    splits.write(paths["splits"], {"main": [fold]})
    return paths | {"bold": bold, "volumes": volumes, "voxels": voxels, "rows": rows, "test": test}


def write_movie(path, bold, volumes, voxels):
    table = volumes.assign(volume=volumes.groupby("segment").cumcount())
    table = table.assign(seconds=2.0 * table["volume"], cut=False, repeats=2)
    clips = table[table["stimulus_id"] != ""].drop_duplicates("stimulus_id")
    clips = clips.assign(onset=clips["seconds"], duration=4.0, row=clips.index)
    attributes = {"dataset": "made_up", "subject": "01", "kind": "simulated", "tr": 2.0}
    tables = {"volumes": table, "clips": clips, "voxels": voxels}
    write_movie_responses(path, bold, bold[clips.index], **tables, **attributes)
    return path


def encoded(world, folder, **changed):
    given = {name: world[name] for name in ("responses", "features", "splits")} | changed
    encode_movie(out=folder / "scores.h5", table=folder / "scores.csv", **SETTINGS, **given)
    return MovieScores.open(folder / "scores.h5"), pd.read_csv(folder / "scores.csv")


@pytest.fixture(scope="module")
def result(world, tmp_path_factory):
    return encoded(world, tmp_path_factory.mktemp("out"))


def test_motion_wins_where_voxels_follow_motion_and_nowhere_else(result):
    scores, table = result
    assert list(table) == list(COLUMNS)
    cells = table.set_index(["space", "roi"])
    assert cells.loc[("motion", "MT"), "minus_image_low"] > 0.3
    assert cells.loc[("motion", "V1"), "minus_image_high"] < -0.3
    assert cells.loc[("motion", "MT"), "p"] < 0.05 < cells.loc[("image", "MT"), "p"]
    assert cells.loc[("motion", "MT"), "share"] > 0.6 > 0.2 > cells.loc[("image", "MT"), "share"]
    assert cells.loc[("motion", "MT"), "voxels"] == 11  # one has no ceiling
    assert np.isnan(scores.maps["r"]["motion"][0]) and np.isnan(scores.maps["q"]["image"][0])
    assert scores.samples("motion").shape == (40, 24)


def test_shares_add_up_to_what_banded_ridge_explains(result):
    scores, _ = result
    total = np.sum([scores.maps["share"][name] for name in ("image", "motion")], axis=0)
    assert np.nanmax(np.abs(total - scores.maps["explained"][ALL_SPACES])) < 0.1  # R2 has a bias


def test_clips_are_identified_by_the_right_features(result, world):
    scores, _ = result
    assert list(scores.ids) == sorted(world["test"])
    right = np.arange(len(scores.ids))
    for name in ("motion", "image", ALL_SPACES):
        found = scores.likelihood[name].argmax(axis=0)
        assert (found == right).mean() > 10 / len(right), name  # ten times chance


def test_test_segments_shape_neither_weights_nor_penalties(world, result, tmp_path):
    changed = world["bold"].copy()
    test = world["rows"].test
    changed[test] = 3 * changed[test] + 1  # correlation does not see it, a fit would
    path = write_movie(tmp_path / "m.h5", changed, world["volumes"], world["voxels"])
    scores, _ = encoded(world, tmp_path, responses=path)
    for name, r in result[0].maps["r"].items():
        np.testing.assert_allclose(scores.maps["r"][name], r, atol=1e-5)


def test_features_of_test_clips_do_not_move_training_features(world):
    rng = np.random.default_rng(1)
    ids = sorted(set(world["volumes"]["stimulus_id"]) - {""})
    vectors = {one: rng.normal(size=3) for one in ids}
    other = vectors | {one: 100 + rng.normal(size=3) for one in world["test"]}
    train = world["rows"].train
    first, second = (
        designs(world["volumes"], {"a": one}, [1], train)["a"][train] for one in (vectors, other)
    )
    assert (first == second).all()


def test_a_segment_of_both_kinds_is_refused():
    volumes = movie_of(2, 2)
    with pytest.raises(BrainvisError, match="overlap in time"):
        segment_rows(volumes, ["clip-00-00"], ["clip-00-01"])
    with pytest.raises(BrainvisError, match="no segment shows test"):
        segment_rows(volumes, ["clip-00-00"], ["absent"])


def test_missing_spaces_and_clips_are_named(world, tmp_path):
    with pytest.raises(BrainvisError, match="motion"):
        encoded(world, tmp_path, features=world["features"][:1])
    with pytest.raises(BrainvisError, match="clip-00-00"):
        designs(world["volumes"], {"a": {}}, [1], world["rows"].train)
    assert not (tmp_path / "scores.h5").exists()


def test_scaling_leaves_constant_features_out():
    vectors = np.stack([np.arange(5.0), np.full(5, 7.0)], axis=1)
    scaled = Scaling.of(vectors)(vectors)
    assert (scaled[:, 1] == 0).all() and scaled[:, 0].std() == pytest.approx(1)


@given(st.integers(1, 4), st.integers(1, 3), st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_likelihood_is_that_of_independent_gaussians(lasts, missing, seed):
    rng = np.random.default_rng(seed)
    n, v, delays = 3, 4, [1, 2, 3]
    vectors, coef = rng.normal(size=(n, 2)), rng.normal(size=(6, v))
    predicted = alone(vectors, coef, delays, lasts)
    assert predicted.shape == (n, 2 + lasts, v)
    slow = np.zeros_like(predicted)
    for k in range(lasts):
        for d, delay in enumerate(delays):
            slow[:, k + delay - 1] += vectors @ coef[2 * d : 2 * d + 2]
    np.testing.assert_allclose(predicted, slow, atol=1e-5)
    measured = rng.normal(size=predicted.shape)
    known = np.ones(predicted.shape[:2], bool)
    known[0, -missing:] = False
    variance = rng.uniform(0.5, 2, v)
    found = log_likelihoods(measured, predicted, variance, known)
    error = (measured[None] - predicted[:, None]) ** 2 / variance  # candidate, window, w, v
    brute = -0.5 * (error * known[None, :, :, None]).sum((2, 3))
    np.testing.assert_allclose(found - found[0], brute - brute[0], atol=1e-4)


def test_windows_stop_at_the_end_of_a_segment():
    volumes = movie_of(2, 2, gap=0)
    window = response_windows(volumes, np.array(["clip-00-00", "clip-00-01"]), [1, 2])
    assert window.lasts == 2
    assert window.rows.tolist() == [[1, 2, 3], [3, -1, -1]]


def test_blocks_stay_inside_segments_and_are_drawn_whole():
    blocks = time_blocks(movie_of(2, 3, gap=0), 4)
    assert blocks.tolist() == [0, 0, 0, 0, 1, 1, 2, 2, 2, 2, 3, 3]
    weights = block_weights(blocks, 5, 0)
    assert (weights[:, 0] == weights[:, 3]).all() and weights.shape == (5, 12)
    with pytest.raises(BrainvisError, match="too few blocks"):
        time_blocks(movie_of(1, 2), 100)


def test_permuted_blocks_say_nothing_of_noise_and_much_of_the_truth():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(80, 6))
    blocks = np.arange(80) // 4
    scale = np.ones(6)
    options = {"permutations": 99, "seed": 0}
    regions = {"all": np.ones(6, bool)}
    own = permuted(truth, truth, scale, blocks, regions, **options)
    noise = permuted(truth, rng.normal(size=(80, 6)), scale, blocks, regions, **options)
    assert (own.p == 0.01).all() and abs(own.medians["all"].mean()) < 0.1
    assert noise.p.mean() > 0.2
