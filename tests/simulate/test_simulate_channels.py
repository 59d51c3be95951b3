"""Channels: energies follow their stimuli, files round-trip, odd input gives one clear error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import write_toy_stimuli
from hypothesis import given, settings
from hypothesis import strategies as st

from brainvis.artifacts import hdf5
from brainvis.containers import Stimuli, write_stimuli
from brainvis.errors import BrainvisError
from brainvis.simulate import energy, shape
from brainvis.simulate.channels import read_channels, stimulus_channels, write_channels
from brainvis.simulate.semantics import semantic_features


def grating(angle: float, cycles: float, phase: float = 0.0, side: int = 64) -> np.ndarray:
    """A grating whose stripes' normal points at `angle` (degrees, counter-clockwise)."""
    down, right = np.mgrid[:side, :side] / side
    turn = np.deg2rad(angle)
    wave = np.cos(2 * np.pi * cycles * (right * np.cos(turn) - down * np.sin(turn)) - phase)
    return np.repeat((0.5 + 0.4 * wave)[..., None], 3, axis=-1).astype(np.float32)


@pytest.mark.parametrize("turn", range(6))
@pytest.mark.parametrize(("scale", "cycles"), [(0, 16), (1, 8), (2, 4)])
def test_gabor_energy_peaks_at_the_gratings_orientation_and_scale(turn, scale, cycles):
    image = grating(-30 * turn, cycles)  # the filter's angle runs clockwise, rows go down
    response = energy.gabor_energy(image[None])[0].mean(axis=(1, 2))
    assert response.argmax() == 6 * scale + turn


def test_gabor_energy_ignores_phase_but_not_contrast():
    shifted = np.stack([grating(0, 8, phase) for phase in (0, 1, 2)])
    inner = energy.gabor_energy(shifted)[:, 6, 4:12, 4:12].mean(axis=(1, 2))
    assert np.ptp(inner) < 0.02 * inner.mean()
    faint = energy.gabor_energy(0.5 + 0.5 * (shifted[:1] - 0.5))[0, 6, 4:12, 4:12].mean()
    assert faint == pytest.approx(inner[0] / 2, rel=1e-3)


def test_colour_drives_its_own_opponent_channel_where_it_is():
    image = np.full((1, 64, 64, 3), 0.5, np.float32)
    image[0, :16, 48:] = [1, 0, 0]  # red, upper right
    maps = dict(zip(energy.OPPONENTS, energy.opponent_maps(image)[0], strict=True))
    assert maps["red"][:4, 12:].min() == pytest.approx(1.0)
    assert maps["red"][4:].max() == 0 and maps["green"].max() == 0


@pytest.mark.parametrize("direction", range(0, 360, 45))
def test_motion_energy_peaks_at_the_direction_of_drift(direction):
    filters = energy.motion_filters(16, 8)
    clip = np.stack([grating(direction, 4, 2 * np.pi * t / 6) for t in range(16)])
    response = energy.motion_energy(clip[None], filters)[0]
    matched = (filters.cycles == 4) & (filters.hertz > 1)
    by_direction = {d: response[matched & (filters.direction == d)].mean() for d in
                    np.unique(filters.direction)}  # fmt: skip
    assert max(by_direction, key=by_direction.__getitem__) == direction
    assert by_direction[direction] > 5 * by_direction[(direction + 180) % 360]


@given(seed=st.integers(0, 2**16), factor=st.sampled_from([1, 2, 3]))
@settings(max_examples=15, deadline=None)
def test_shrinking_keeps_the_mean(seed, factor):
    images = np.random.default_rng(seed).random((2, 8 * factor, 8 * factor, 3), dtype=np.float32)
    small = energy.shrink(images, 8)
    assert small.shape == (2, 8, 8, 3)
    np.testing.assert_allclose(small.mean(axis=(1, 2)), images.mean(axis=(1, 2)), rtol=1e-4)


def test_shape_descriptors_tell_a_disc_from_a_bar_and_survive_an_empty_mask():
    down, right = np.mgrid[:64, :64] / 32 - 1
    disc, bar = np.hypot(down, right) < 0.5, (np.abs(down) < 0.1) & (np.abs(right) < 0.8)
    values = shape.shape_descriptors(np.stack([disc, bar, np.zeros_like(disc)]))
    found = {name: values[:, i] for i, name in enumerate(shape.NAMES)}
    assert found["eccentricity"][0] < 0.1 and found["eccentricity"][1] > 0.95
    assert found["compactness"][0] > 0.85 and found["compactness"][1] < 0.6
    assert found["contour_2"][1] > 10 * found["contour_2"][0]
    assert not values[2].any()


def test_contour_harmonics_do_not_change_with_place_and_size():
    down, right = np.mgrid[:96, :96] - 48
    star = []
    for x, y, radius in ((0, 0, 30), (10, -6, 20)):
        lobes = 1 + 0.3 * np.cos(3 * np.arctan2(down - y, right - x))
        star.append(np.hypot(down - y, right - x) < radius * lobes)
    large, small = shape.shape_descriptors(np.stack(star))
    third = shape.NAMES.index("contour_3")
    assert small[third] == pytest.approx(large[third], rel=0.1)
    assert large[7:13].argmax() == 2


def test_silhouettes_find_the_object_on_a_plain_ground():
    image = np.full((1, 64, 64, 3), 0.2, np.float32)
    image[0, 20:40, 10:50] = 0.8
    found = shape.silhouettes(image)[0]
    assert found[20:40, 10:50].all() and found.sum() == 20 * 40
    assert not shape.silhouettes(np.zeros((1, 8, 8, 3), np.float32)).any()


def test_semantic_features_leave_out_constants_text_and_viewing():
    table = pd.DataFrame({"stimulus_id": ["a", "b", "c"], "category": ["x", "y", "x"],
                          "supercategory": ["p", "p", "p"], "caption": ["", "", ""],
                          "size": [1.0, np.nan, 3.0], "camera_pan": [1.0, 2.0, 3.0],
                          "flat": [1, 1, 1]})  # fmt: skip
    values, names = semantic_features(table)
    assert names == ["category:x", "category:y", "supercategory:p", "attribute:size"]
    np.testing.assert_allclose(values[:, 3], [-1, 0, 1])
    assert values[:, 0].tolist() == [1, 0, 1]


def test_channels_round_trip(tmp_path: Path):
    write_toy_stimuli(tmp_path / "s.h5", 10)
    computed = stimulus_channels(Stimuli.open(tmp_path / "s.h5"))
    write_channels(tmp_path / "s.h5", tmp_path / "c.h5")
    stored = read_channels(tmp_path / "c.h5")
    for name in ("ids", "gabor", "opponent", "motion", "shape", "semantic"):
        np.testing.assert_array_equal(getattr(stored, name), getattr(computed, name))
        assert getattr(stored, name).dtype.kind in "Uf"
    assert stored.names == computed.names
    np.testing.assert_array_equal(stored.filters["x"], computed.filters["x"])


def test_stimuli_without_clips_or_masks_still_have_channels(tmp_path: Path):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"stimulus_id": ["a", "b"], "category": ["x", "y"],
                          "supercategory": ["p", "q"], "caption": ["", ""]})  # fmt: skip
    images = rng.integers(0, 255, (2, 80, 80, 3)).astype(np.uint8)  # no multiple of 64
    write_stimuli(tmp_path / "s.h5", images, table, dataset="toy", kind="simulated")
    write_channels(tmp_path / "s.h5", tmp_path / "c.h5")
    channels = read_channels(tmp_path / "c.h5")
    assert channels.gabor.shape == (2, 18, 16, 16)
    assert np.isfinite(channels.motion).all()


def test_reading_something_else_is_one_clear_error(tmp_path: Path):
    with hdf5.create(tmp_path / "x.h5", {"schema": "stimuli"}):
        pass
    with pytest.raises(BrainvisError, match="is not a channels file"):
        read_channels(tmp_path / "x.h5")
