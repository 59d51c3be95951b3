"""Scores of motion and clips: identities by brute force, bounds, and what a stage writes."""

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from skimage.metrics import peak_signal_noise_ratio

from brainvis.artifacts import hdf5
from brainvis.containers import write_stimuli
from brainvis.encoding.movie_files import write_movie_scores
from brainvis.errors import BrainvisError
from brainvis.evaluate import table as tables
from brainvis.evaluate import video_features, video_frames, video_protocol
from brainvis.evaluate.catalogue import describe
from brainvis.evaluate.comparison import paired_differences
from brainvis.evaluate.video_flow import (
    direction_cosines,
    endpoint_errors,
    flow_pairs,
    object_cells,
    object_speed,
)
from brainvis.evaluate.video_scoring import Reader
from brainvis.evaluate.video_stage import score_videos

FLOW_SHAPE = (3, 2, 4, 4, 2)
finite = st.floats(-5, 5, width=32)
flows = arrays.arrays(np.float32, FLOW_SHAPE, elements=finite)
masks = arrays.arrays(np.float32, FLOW_SHAPE[:-1], elements=st.floats(0, 1, width=32))


@given(flows, flows, masks)
@settings(max_examples=30, deadline=None)
def test_flow_metrics_agree_with_loops_and_stay_in_bounds(true, made, mask):
    cells = object_cells(mask)
    epe, cosine = endpoint_errors(true, made, cells), direction_cosines(true, made, cells)
    for i, j in np.ndindex(3, 3):
        errors, cosines = [], []
        for place in zip(*np.nonzero(cells[i]), strict=True):
            a, b = true[i][place].astype(float), made[j][place].astype(float)
            errors.append(np.hypot(*(a - b)))
            if np.hypot(*a) > 0.1:
                long = np.hypot(*b)
                cosines.append(a @ b / np.hypot(*a) / long if long > 1e-9 else 0.0)
        for found, slow in ((epe, errors), (cosine, cosines)):
            expected = np.mean(slow) if slow else np.nan
            np.testing.assert_allclose(found[i, j], expected, atol=1e-6)
    assert (np.nan_to_num(epe) >= 0).all() and (np.abs(np.nan_to_num(cosine)) <= 1 + 1e-9).all()


def test_flow_of_itself_has_no_error_and_its_opposite_points_away():
    rng = np.random.default_rng(0)
    true = rng.normal(size=FLOW_SHAPE).astype(np.float32)
    every = np.ones(FLOW_SHAPE[:-1], np.float32)
    own, opposite = flow_pairs(true, true, every), flow_pairs(true, -true, every)
    assert np.diagonal(own["epe_whole"]).max() == 0
    np.testing.assert_allclose(np.diagonal(own["direction_cosine_object"]), 1)
    np.testing.assert_allclose(np.diagonal(opposite["direction_cosine_whole"]), -1)
    lengths = np.linalg.norm(true, axis=-1).mean(axis=(1, 2, 3))
    zero = endpoint_errors(true, np.zeros_like(true), every > 0)
    np.testing.assert_allclose(np.diagonal(zero), lengths, rtol=1e-5)


def test_an_empty_mask_and_a_still_object_are_undefined_not_zero():
    true = np.ones(FLOW_SHAPE, np.float32)
    mask = np.ones(FLOW_SHAPE[:-1], np.float32)
    mask[0], true[1] = 0.5, 0.01  # half covered is not above half
    found = flow_pairs(true, true, mask)
    assert np.isnan(found["epe_object"][0]).all() and np.isnan(object_speed(true, mask > 0.5)[0])
    assert np.isnan(found["epe_moving"][1]).all() and found["epe_object"][1, 1] == 0
    assert np.isnan(found["direction_cosine_object"][1]).all()
    assert np.isfinite(found["epe_whole"]).all()


@pytest.mark.parametrize("bad", ["shape", "nan"])
def test_flow_that_cannot_be_compared_is_refused(bad):
    true = np.zeros(FLOW_SHAPE, np.float32)
    made = true[:, :1] if bad == "shape" else np.full(FLOW_SHAPE, np.nan, np.float32)
    with pytest.raises(BrainvisError, match="flow"):
        endpoint_errors(true, made, np.ones(FLOW_SHAPE[:-1], bool))


@given(arrays.arrays(np.uint8, (2, 2, 8, 8, 3)), arrays.arrays(np.uint8, (2, 2, 8, 8, 3)))
@settings(max_examples=20, deadline=None)
def test_frame_metrics_stay_in_bounds_and_are_best_for_the_clip_itself(real, made):
    found, own = video_frames.frame_scores(real, made), video_frames.frame_scores(real, real)
    assert (np.abs(found["frame_ssim"]) <= 1 + 1e-9).all()
    assert (found["frame_psnr"] <= video_frames.PSNR_CAP).all() and (found["frame_psnr"] >= 0).all()
    assert (np.abs(found["hue_correlation"]) <= 1 + 1e-9).all()
    assert (found["hue_cosine_legacy"] >= 0).all() and (found["hue_cosine_legacy"] <= 1.0001).all()
    np.testing.assert_allclose(own["frame_ssim"], 1)
    assert (own["frame_psnr"] == video_frames.PSNR_CAP).all()
    pairs = video_frames.frame_pairs(real, made)
    for name, values in found.items():
        np.testing.assert_allclose(np.diagonal(pairs[name]), values, atol=1e-9)


def test_psnr_is_scikit_images_and_the_legacy_hue_is_no_correlation():
    rng = np.random.default_rng(0)
    real, made = rng.integers(0, 256, (2, 4, 16, 16, 3), dtype=np.uint8)
    slow = np.mean([peak_signal_noise_ratio(a, b) for a, b in zip(real, made, strict=True)])
    assert video_frames.psnr(real, made) == pytest.approx(slow)
    assert video_frames.hue_cosine_legacy(real, made) > 0.6  # of noise with other noise
    assert abs(video_frames.hue_correlation(real, made)) < 0.2


def test_clips_of_other_length_and_size_are_brought_to_the_true_ones():
    clips = np.arange(8, dtype=np.uint8)[None, :, None, None, None] * np.ones(
        (1, 8, 8, 8, 3), np.uint8
    )
    shorter = video_frames.matched(clips, 4, 8, 8)
    assert shorter[0, :, 0, 0, 0].tolist() == [0, 2, 5, 7]
    assert video_frames.matched(clips[:, :1], 3, 16, 16).shape == (1, 3, 16, 16, 3)
    assert (video_frames.matched(clips, 8, 8, 8) == clips).all()
    with pytest.raises(BrainvisError, match="clips"):
        video_frames.frame_scores(clips, shorter)
    with pytest.raises(BrainvisError, match="bytes"):
        video_frames.frame_scores(clips.astype(float), clips)


def test_frame_identification_is_the_mean_over_places_in_the_clip():
    rng = np.random.default_rng(0)
    real, made = rng.normal(size=(2, 6, 3, 5))
    made[:, 0] = real[:, 0]  # the first frame is right
    found = video_features.frame_pairs(real, made)
    assert "frame_fifty_way" not in found
    first = video_features.frame_pairs(real[:, :1], made[:, :1])["frame_two_way"].diagonal()
    assert (first == 1).all()
    rest = [
        np.mean([real[i, f] @ made[i, f] / np.linalg.norm(real[i, f]) >
                 real[k, f] @ made[i, f] / np.linalg.norm(real[k, f])
                 for k in range(6) if k != i])
        for i in range(6) for f in range(3)
    ]  # fmt: skip
    np.testing.assert_allclose(
        found["frame_two_way"].diagonal(), np.reshape(rest, (6, 3)).mean(1), atol=1e-9
    )


def test_fifty_way_needs_fifty_clips():
    vectors = np.random.default_rng(0).normal(size=(50, 8))
    found = video_features.clip_pairs(vectors, vectors)
    np.testing.assert_allclose(found["fifty_way"].diagonal(), 1)
    assert "fifty_way" not in video_features.clip_pairs(vectors[:49], vectors[:49])


def test_a_frozen_clip_is_most_consistent_and_the_gate_sees_what_it_shows():
    rng = np.random.default_rng(0)
    frozen = np.repeat(rng.normal(size=(1, 1, 6)), 4, axis=1)
    assert video_features.temporal_consistency(frozen)[0] == pytest.approx(1)
    assert video_features.temporal_consistency(rng.normal(size=(1, 9, 6)))[0] < 0.6
    gated = video_features.gated(np.array([0.9, 0.8]), np.array([0.7, 0.6]), 0.6)
    assert gated.tolist() == [0.9, 0.0]


@pytest.mark.parametrize(
    ("name", "label", "higher"),
    [
        ("epe_moving", "EPE, moving objects", False),
        ("clip_epe_object", "EPE, object, of made clips", False),
        ("hue_cosine_legacy", "hue cosine (legacy)", True),
        ("video_fifty_way", "video 50-way", True),
        ("clip_pcc_gated", "temporal consistency, gated", True),
        ("encoding_top1", "response top-1 of all", True),
    ],
)
def test_every_metric_has_a_name(name, label, higher):
    assert (describe(name).label, describe(name).higher_is_better) == (label, higher)


# The stage


def estimate(clips, name, *, size, frames):
    """Stands in for optical flow: the change of brightness, the same everywhere."""
    assert name == "dis"
    change = (
        clips.astype(np.float32).mean(axis=(2, 3, 4))[:, 1:]
        - clips.astype(np.float32).mean(axis=(2, 3, 4))[:, :-1]
    )
    step = np.array([part.mean(1) for part in np.array_split(change, frames, axis=1)]).T
    return np.broadcast_to(
        step[:, :, None, None, None], (len(clips), frames, size, size, 2)
    ).astype(np.float32)


def reader(space):
    def read(items):
        return items.reshape(len(items), -1)[:, :24].astype(np.float32) + 0.01

    return Reader(space, f"made-up {space}", 8, read)


@pytest.fixture
def run(tmp_path):
    rng = np.random.default_rng(0)
    ids = np.array([f"c{i:02d}" for i in range(12)])
    clips = rng.integers(0, 255, (12, 4, 8, 8, 3), dtype=np.uint8)
    table = pd.DataFrame({"stimulus_id": ids, "category": "cup", "caption": "a cup"})
    write_stimuli(tmp_path / "s.h5", clips[:, 0], table, dataset="made_up", kind="simulated", fps=8)
    with h5py.File(tmp_path / "s.h5", "a") as file:
        hdf5.put(file, "clips", clips)
    true = rng.normal(size=(12, 3, 4, 4, 2)).astype(np.float32)
    mask = (rng.random((12, 3, 4, 4)) > 0.4).astype(np.float32)
    mask[3] = 0
    write(tmp_path / "t.h5", "flow-targets", ids, {"flow": true, "mask": mask}, estimator="exact")
    test, paths = ids[::-1][:10], {"flow": [], "clips": []}
    rows = np.searchsorted(ids, test)
    decoded = {"nrds": true[rows] + 0.3 * rng.normal(size=true[rows].shape), "zero": 0 * true[rows]}
    made = {"splat": clips[rows], "static": np.repeat(clips[rows][:, :1], 6, axis=1)}
    for subject in ("01", "02"):
        for kind, schema, items in (("flow", "decoded-flow", decoded), ("clips", "clips", made)):
            for method, values in items.items():
                path = tmp_path / f"{subject}_{method}.h5"
                values = values if kind == "clips" else values.astype(np.float32)
                labels = {"method": method, "subject": subject, "dataset": "made_up"}
                labels |= {"split": "main", "kind": "simulated", "baseline": method == "zero"}
                write(path, schema, test, {kind: values}, **labels)
                paths[kind].append(path)
    likelihood = {"motion": 5 * np.eye(10), "image": rng.normal(size=(10, 10))}
    known = {"dataset": "made_up", "subject": "01", "kind": "simulated", "split": "main"}
    voxels = pd.DataFrame({"roi": ["MT"]})
    write_movie_scores(tmp_path / "e.h5", voxels, ids[:10], {"likelihood": likelihood}, **known)
    return {"stimuli": tmp_path / "s.h5", "targets": tmp_path / "t.h5", **paths}


def write(path, schema, ids, arrays_, **attributes):
    with hdf5.create(path, {"schema": schema, **attributes}) as file:
        hdf5.put(file, "ids", ids)
        for name, values in arrays_.items():
            hdf5.put(file, name, values)


def scored(run, folder, **changed):
    out = [folder / name for name in ("v.parquet", "v.csv", "p.csv")]
    options = {"bootstrap": 50, "permutations": 50, "null_items": 4, "baselines": ["static"]}
    readers = {"frames": reader("image-text"), "video": reader("videomae")}
    given = {**run, **options, "encoding": [folder / "e.h5"], **readers} | changed
    score_videos(**given, estimate=estimate, **dict(zip(
        ("out_table", "out_summary", "out_protocols"), out, strict=True)))  # fmt: skip
    return [tables.read(path) for path in out]


def test_the_stage_writes_tables_that_the_tools_for_images_read(run, tmp_path):
    table, summary, protocols = scored(run, tmp_path)
    assert list(table) == tables.COLUMNS
    rows = summary.set_index(["modality", "method", "metric", "subject"])
    best = rows.loc[("flow", "nrds", "epe_object", "all")]
    assert best["best_baseline"] == "zero" and best["difference_high"] < 0
    assert best["mean"] < best["chance"] and best["p"] < 0.05
    assert rows.loc[("flow", "nrds", "flow_top1", "all"), "mean"] == 1
    assert rows.loc[("video", "splat", "frame_ssim", "all"), "mean"] == 1
    assert rows.loc[("video", "static", "clip_temporal_consistency", "all"), "mean"] > 0.999999
    assert rows.loc[("video", "splat", "clip_epe_whole", "all"), "mean"] == 0
    assert rows.loc[("encoding", "motion", "encoding_top1", "01"), "mean"] == 1
    assert rows.loc[("encoding", "motion", "encoding_top1", "01"), "chance"] == 0.1
    assert bool(rows.loc[("video", "static", "frame_psnr", "all"), "baseline"])
    nan = table[(table["metric"] == "epe_object") & (table["stimulus"] == "c03")]
    assert nan["value"].isna().all() and len(nan) == 4
    assert set(protocols) == set(video_protocol.COLUMNS)
    how = protocols.set_index(["modality", "metric"])
    assert how.loc[("flow", "epe_object"), "estimator"] == "exact"
    assert how.loc[("video", "clip_epe_object"), "estimator"] == "dis, on true and made clips"
    assert set(zip(table["modality"], table["metric"], strict=True)) == set(how.index)
    part = table[(table["modality"] == "video")]
    assert "frame_ssim" in set(paired_differences(part, "splat", "static")["metric"])


def test_the_same_inputs_give_the_same_tables(run, tmp_path):
    first, second = scored(run, tmp_path), scored(run, tmp_path)
    for one, other in zip(first, second, strict=True):
        pd.testing.assert_frame_equal(one, other)


def test_metrics_of_absent_networks_say_so(run, tmp_path):
    _, _, protocols = scored(run, tmp_path, frames=None, video=None)
    status = protocols.set_index("metric")["status"]
    assert status["clip_pcc_gated"].startswith("not computed")
    assert status["video_cosine"].startswith("not computed")


def test_wrong_files_leave_nothing(run, tmp_path):
    with pytest.raises(BrainvisError, match="decoded-flow"):
        scored(run, tmp_path, flow=run["clips"])
    with pytest.raises(BrainvisError, match="scored twice"):
        scored(run, tmp_path, flow=[*run["flow"], run["flow"][0]])
    with pytest.raises(BrainvisError, match="nothing to evaluate"):
        scored(run, tmp_path, flow=[], clips=[], encoding=[])


def test_scores_do_not_depend_on_how_many_files_are_scored_at_a_time(run, tmp_path):
    one, two = (scored(run, tmp_path, threads=number) for number in (1, 2))
    for first, second in zip(one, two, strict=True):
        pd.testing.assert_frame_equal(first, second)
