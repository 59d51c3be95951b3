"""Delayed features stay inside their run."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainvis.encoding.delays import by_delay, delayed
from brainvis.errors import BrainvisError


@given(
    st.lists(st.integers(1, 7), min_size=1, max_size=4),
    st.lists(st.integers(-5, 9), min_size=1, max_size=4, unique=True),
    st.booleans(),
)
def test_every_entry_is_the_feature_of_that_time_or_zero(lengths, delays, shuffled):
    runs = np.repeat(np.arange(len(lengths)), lengths)
    if shuffled:  # rows of runs interleaved, each run still in order of time
        runs = np.random.default_rng(0).permutation(runs)
    X = np.arange(1, 2 * len(runs) + 1, dtype=np.float32).reshape(-1, 2)
    blocks = delayed(X, delays, runs).reshape(len(X), len(delays), 2)
    for run in np.unique(runs):
        rows = np.flatnonzero(runs == run)
        for t, row in enumerate(rows):
            for d, delay in enumerate(delays):
                inside = 0 <= t - delay < len(rows)
                expected = X[rows[t - delay]] if inside else np.zeros(2)
                np.testing.assert_array_equal(blocks[row, d], expected)


def test_recovers_a_finite_impulse_response():
    rng = np.random.default_rng(0)
    X, runs = rng.standard_normal((200, 3)), np.repeat([0, 1], 100)
    response = rng.standard_normal((4, 3, 5))  # delays x features x voxels
    Y = sum(
        np.concatenate([np.vstack([np.zeros((d, 5)), X[runs == r][: 100 - d] @ h]) for r in (0, 1)])
        for d, h in enumerate(response, start=1)
    )
    coef = np.linalg.lstsq(delayed(X, [1, 2, 3, 4], runs), Y, rcond=None)[0]
    np.testing.assert_allclose(by_delay(coef, 4), response, atol=1e-10)


@pytest.mark.parametrize("delays", [[], [1, 1], [1.5]])
def test_bad_delays(delays):
    with pytest.raises(BrainvisError, match="delays"):
        delayed(np.zeros((5, 2)), delays)


def test_bad_shapes():
    with pytest.raises(BrainvisError, match="runs"):
        delayed(np.zeros((5, 2)), [1], np.zeros(4))
    with pytest.raises(BrainvisError, match="divide"):
        by_delay(np.zeros((5, 2)), 2)
