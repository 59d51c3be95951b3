"""Coarse flow, estimators and the stage of flow targets."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from motion_world import add_clips
from scipy.ndimage import gaussian_filter, shift

from brainvis.containers import write_stimuli
from brainvis.errors import BrainvisError
from brainvis.motion.estimate import estimate, estimator
from brainvis.motion.files import FlowTargets
from brainvis.motion.grid import coarse_flow, coarse_mask
from brainvis.motion.targets import make_targets, moving


@given(st.floats(-4, 4), st.floats(-4, 4), st.integers(3, 15))
def test_a_uniform_flow_stays_uniform_in_units_of_the_grid(x, y, steps):
    flow = np.broadcast_to(np.array([x, y], np.float32), (1, steps, 16, 16, 2))
    found = coarse_flow(flow, 8, 3)
    assert found.shape == (1, 3, 8, 8, 2)
    np.testing.assert_allclose(found, np.broadcast_to([x / 2, y / 2], found.shape), atol=1e-5)


def test_cells_and_moments_are_averaged():
    flow = np.zeros((1, 6, 4, 4, 2), dtype=np.float32)
    flow[0, :2, :2, 0, 0] = 4.0  # half a cell, first third of the clip
    found = coarse_flow(flow, 2, 3)
    assert found[0, 0, 0, 0].tolist() == [1.0, 0.0]  # 4 px, half covered, half as many cells
    assert np.count_nonzero(found) == 1
    mask = np.zeros((1, 7, 4, 4), dtype=bool)
    mask[0, :, :2, 0] = True
    assert coarse_mask(mask, 2, 3)[0, :, 0, 0].tolist() == [0.5, 0.5, 0.5]


def moving_noise(velocity, frames=5, side=48):
    picture = gaussian_filter(np.random.default_rng(0).normal(size=(side, side)), 2)
    picture = 127 + 100 * picture / np.abs(picture).max()
    film = [shift(picture, np.multiply(velocity[::-1], t), mode="mirror") for t in range(frames)]
    return np.repeat(np.stack(film)[None, ..., None], 3, axis=-1).astype(np.uint8)


@pytest.mark.parametrize("name", ["dis", "farneback"])
def test_estimators_see_a_planted_shift(name):
    found = estimate(moving_noise((2.0, -1.0)), name, size=24, frames=2)
    inside = found[0, :, 6:-6, 6:-6].reshape(-1, 2)
    np.testing.assert_allclose(np.median(inside, axis=0), [1.0, -0.5], atol=0.08)


def test_raft_runs_from_a_local_file_and_refuses_other_weights(tmp_path):
    import torch
    from safetensors.torch import save_file
    from torchvision.models.optical_flow import raft_small

    torch.manual_seed(0)
    save_file(raft_small(weights=None).state_dict(), tmp_path / "raft.safetensors")
    clip = moving_noise((1.0, 0.0), frames=2, side=32)
    method = estimator("raft", tmp_path / "raft.safetensors")
    method.updates = 1
    assert method(clip[0]).shape == (1, 32, 32, 2)
    assert np.isfinite(method(clip[0])).all()
    save_file({"a": torch.zeros(2)}, tmp_path / "other.safetensors")
    for path in ("other.safetensors", "missing.safetensors"):
        with pytest.raises(BrainvisError, match=path):
            estimator("raft", tmp_path / path)
    with pytest.raises(BrainvisError, match="weights"):
        estimator("raft")


def test_bad_clips_and_estimators_are_refused():
    with pytest.raises(BrainvisError, match="too short"):
        estimate(moving_noise((1.0, 0.0), frames=3), "dis", size=24)
    with pytest.raises(BrainvisError, match="too short"):
        estimate(moving_noise((1.0, 0.0), frames=1), "dis", size=24)
    with pytest.raises(BrainvisError, match="uint8"):
        estimate(np.zeros((1, 4, 8, 8, 3)), "dis")
    with pytest.raises(BrainvisError, match="estimator"):
        estimator("guess")
    with pytest.raises(BrainvisError, match="divide"):
        coarse_flow(np.zeros((1, 3, 10, 10, 2), np.float32), 4, 3)
    with pytest.raises(BrainvisError, match="not finite"):
        coarse_flow(np.full((1, 3, 8, 8, 2), np.nan, np.float32), 4, 3)


def write_films(path, *, empty=False):
    films = np.concatenate([moving_noise((1.0, 0.0), frames=4, side=32) for _ in range(3)])
    names = pd.DataFrame({"stimulus_id": ["a", "b", "c"]})
    write_stimuli(path, films[:, 0], names, dataset="films", kind="simulated", fps=8)
    flow = np.zeros((3, 3, 32, 32, 2), dtype=np.float16)
    flow[..., 0] = 1
    mask = np.zeros((3, 4, 32, 32), dtype=bool)
    mask[:, :, 8:16, 8:16] = not empty
    add_clips(path, clips=films, flow=flow, mask=mask)


def test_targets_record_what_they_are(tmp_path):
    write_films(tmp_path / "stimuli.h5")
    for name in ("exact", "dis"):
        make_targets(tmp_path / "stimuli.h5", tmp_path / f"{name}.h5", estimator=name, size=16)
        found = FlowTargets.open(tmp_path / f"{name}.h5")
        assert found.attributes["estimator"] == name
        assert (found.attributes["size"], found.attributes["steps"]) == (16, 3)
        assert "object mask" in str(found.attributes["mask"])
        assert found.flow(np.array(["c", "a"])).shape == (2, 3, 16, 16, 2)
        assert found.mask().max() == 1
    exact = FlowTargets.open(tmp_path / "exact.h5").flow()
    np.testing.assert_allclose(exact, np.broadcast_to([0.5, 0], exact.shape))


def test_an_empty_mask_and_missing_flow_are_refused(tmp_path):
    write_films(tmp_path / "stimuli.h5", empty=True)
    with pytest.raises(BrainvisError, match="clip a, 3 in all"):
        make_targets(tmp_path / "stimuli.h5", tmp_path / "out.h5", size=16)
    names = pd.DataFrame({"stimulus_id": ["a"]})
    write_stimuli(
        tmp_path / "plain.h5",
        np.zeros((1, 16, 16, 3), np.uint8),
        names,
        dataset="x",
        kind="simulated",
    )
    with pytest.raises(BrainvisError, match="clips"):
        make_targets(tmp_path / "plain.h5", tmp_path / "out.h5")
    add_clips(tmp_path / "plain.h5", clips=np.zeros((1, 4, 16, 16, 3), np.uint8))
    with pytest.raises(BrainvisError, match="no exact flow"):
        make_targets(tmp_path / "plain.h5", tmp_path / "out.h5")
    make_targets(tmp_path / "plain.h5", tmp_path / "out.h5", estimator="dis", size=8)
    assert "median flow" in str(FlowTargets.open(tmp_path / "out.h5").attributes["mask"])


def test_moving_cells_are_those_that_leave_the_median():
    flow = np.zeros((1, 1, 8, 8, 2))
    flow[..., 0] = 1.0  # a camera pan
    flow[0, 0, 2:4, 2:4, 0] = 1.5
    assert moving(flow).sum() == 4
