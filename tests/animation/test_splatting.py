"""Forward splatting and the paths of pixels: what must hold whatever the picture."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from brainvis.animation.paths import flow_of_steps, importance, paths
from brainvis.animation.splatting import splat, splat_sum
from brainvis.errors import BrainvisError


def moved_by(x, y, size=12, batch=1):
    return torch.tensor([float(x), float(y)]).expand(batch, size, size, 2).clone()


def picture(seed=0, batch=1, size=12):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(batch, 3, size, size, generator=generator)


@given(st.integers(-5, 5), st.integers(-5, 5))
@settings(max_examples=25, deadline=None)
def test_whole_shifts_move_the_image_and_nothing_else(x, y):
    image = picture()
    made, landed = splat(image, moved_by(x, y), torch.zeros(1, 12, 12))
    wanted = torch.zeros_like(image)
    into = [slice(max(0, d), 12 + min(0, d)) for d in (y, x)]
    out_of = [slice(max(0, -d), 12 - max(0, d)) for d in (y, x)]
    wanted[:, :, into[0], into[1]] = image[:, :, out_of[0], out_of[1]]
    torch.testing.assert_close(made, wanted)
    filled = torch.zeros(1, 12, 12)
    filled[:, into[0], into[1]] = 1
    torch.testing.assert_close(landed, filled)


def test_no_motion_returns_the_frame_whatever_the_importance():
    image = picture(1)
    weight = torch.linspace(-80, 80, 144).view(1, 12, 12)
    made, landed = splat(image, moved_by(0, 0), weight)
    torch.testing.assert_close(made, image)
    torch.testing.assert_close(landed, torch.ones(1, 12, 12))


@given(st.integers(0, 10_000), st.floats(0, 2))
@settings(max_examples=25, deadline=None)
def test_mass_is_kept_inside_and_lost_outside(seed, speed):
    generator = torch.Generator().manual_seed(seed)
    values = torch.zeros(2, 2, 16, 16, dtype=torch.float64)
    values[:, :, 6:10, 6:10] = torch.rand(2, 2, 4, 4, generator=generator, dtype=torch.float64)
    flow = speed * torch.randn(2, 16, 16, 2, generator=generator, dtype=torch.float64).clamp(-2, 2)
    torch.testing.assert_close(splat_sum(values, flow).sum((2, 3)), values.sum((2, 3)))
    assert splat_sum(values, flow + 40).abs().sum() == 0
    assert splat_sum(values, flow - 4000).abs().sum() == 0


def test_half_a_pixel_is_shared_among_neighbours():
    values = torch.zeros(1, 1, 4, 4)
    values[0, 0, 1, 1] = 8
    made = splat_sum(values, moved_by(0.25, 0.5, 4))[0, 0]
    torch.testing.assert_close(made[1:3, 1:3], torch.tensor([[3.0, 1.0], [3.0, 1.0]]))


def test_what_is_important_covers_the_rest():
    image = torch.zeros(1, 3, 1, 6)
    image[..., 1], image[..., 3] = 1.0, 0.5
    flow = torch.zeros(1, 1, 6, 2)
    flow[0, 0, 1, 0] = 2  # the white pixel lands on the grey one
    for ahead, seen in ((20.0, 1.0), (-20.0, 0.5), (0.0, 0.75)):
        weight = torch.zeros(1, 1, 6)
        weight[0, 0, 1] = ahead
        made, landed = splat(image, flow, weight)
        assert made[0, :, 0, 3].tolist() == pytest.approx([seen] * 3, abs=1e-5)
        assert landed[0, 0].tolist() == [1, 0, 1, 2, 1, 1]


def test_batches_do_not_mix():
    image, flow, weight = picture(2, 3), torch.randn(3, 12, 12, 2), torch.randn(3, 12, 12)
    together = splat(image, flow, weight)
    for row in range(3):
        one = slice(row, row + 1)
        alone = splat(image[one], flow[one], weight[one])
        torch.testing.assert_close(together[0][one], alone[0])
        torch.testing.assert_close(together[1][one], alone[1])


def test_bad_displacements_are_refused():
    with pytest.raises(BrainvisError, match="one displacement for each pixel"):
        splat_sum(picture(), torch.zeros(1, 12, 11, 2))
    for bad in (torch.nan, torch.inf):
        flow = moved_by(0, 0)
        flow[0, 3, 4, 1] = bad
        with pytest.raises(BrainvisError, match="not finite"):
            splat_sum(picture(), flow)


def test_flow_is_interpolated_between_the_centres_of_equal_parts():
    flow = np.array([1.0, 2.0, 4.0]).reshape(1, 3, 1, 1, 1) * np.ones((1, 3, 1, 1, 2))
    steps = flow_of_steps(flow, 16)[0, :, 0, 0, 0]
    assert steps[[2, 7, 12]].tolist() == pytest.approx([1, 2, 4])  # centres of steps 0-4, 5-9, ...
    assert steps[:2].tolist() == [1, 1] and steps[13:].tolist() == [4, 4]
    assert (np.diff(steps) >= 0).all()
    np.testing.assert_allclose(flow_of_steps(flow[:, :1], 4), np.ones((1, 3, 1, 1, 2)))
    with pytest.raises(BrainvisError, match="two frames"):
        flow_of_steps(flow, 1)
    with pytest.raises(BrainvisError, match="moments"):
        flow_of_steps(flow[0], 4)


def test_paths_add_up_in_pixels_of_the_clip():
    flow = np.zeros((1, 3, 8, 8, 2), np.float32)
    flow[..., 0], flow[..., 1] = 0.1, -0.2
    moved = paths(flow, 6, 16, 32)  # twice as high, four times as wide as the grid
    assert moved.shape == (1, 5, 16, 32, 2)
    for step in range(5):
        wanted = torch.tensor([0.4 * (step + 1), -0.4 * (step + 1)])
        torch.testing.assert_close(moved[0, step], wanted.expand(16, 32, 2))
    flow[0, 0, 0, 0, 0] = np.nan
    with pytest.raises(BrainvisError, match="not finite"):
        paths(flow, 6, 16, 32)


def test_pixels_follow_the_flow_where_they_have_come_to():
    flow = np.zeros((1, 3, 16, 16, 2), np.float32)
    flow[:, :, :, :8, 0] = 1.0  # the left half flows to the right, the right half stands
    moved = paths(flow, 13, 16, 16)[0, -1, 8, :, 0]
    end = torch.arange(16) + moved
    assert (moved[9:] == 0).all()
    assert (end[:7] > 6).all() and (end[:9] < 9).all()  # all pile up at the edge


def test_what_moves_unlike_the_rest_is_in_front():
    flow = np.zeros((2, 3, 16, 16, 2), np.float32)
    flow[0, ..., 0] = 0.5  # the camera moves, the object is at rest
    flow[0, :, 4:8, 4:8, 0] = 0
    flow[1, ..., 1] = 0.5
    weight = importance(paths(flow, 8, 16, 16))
    assert weight[0, 5:7, 5:7].min() > 5 and weight[0, 12:].abs().max() < 1e-4
    assert weight[1].abs().max() < 1e-4
