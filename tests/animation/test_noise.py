"""Noise that moves with the flow stays white and belongs to its seed."""

import torch

from brainvis.animation.noise import carried_noise


def drawn(moved, seed=0, importance=None):
    height, width = moved.shape[1:3]
    weight = torch.zeros(height, width) if importance is None else importance
    return carried_noise(moved, weight, 4, torch.Generator().manual_seed(seed))


def test_noise_goes_where_the_picture_goes():
    moved = torch.zeros(2, 8, 8, 2)
    moved[0, ..., 0], moved[1, ..., 0], moved[1, ..., 1] = 1.2, 2.4, -1
    noise = drawn(moved)
    assert noise.shape == (4, 3, 8, 8)
    torch.testing.assert_close(noise[:, 1, :, 1:], noise[:, 0, :, :-1])
    torch.testing.assert_close(noise[:, 2, :-1, 2:], noise[:, 0, 1:, :-2])
    assert (noise[:, 1, :, 0] != noise[:, 0, :, 0]).all()  # fresh where nothing landed
    assert torch.equal(drawn(moved), noise) and not torch.equal(drawn(moved, 1), noise)


def test_noise_stays_white_where_much_lands():
    generator = torch.Generator().manual_seed(3)
    noise = drawn(3 * torch.randn(5, 32, 32, 2, generator=generator))
    for step in range(6):
        assert abs(float(noise[:, step].std()) - 1) < 0.05
        assert abs(float(noise[:, step].mean())) < 0.06


def test_the_noise_of_what_is_in_front_is_kept():
    moved, weight = torch.zeros(1, 1, 4, 2), torch.zeros(1, 4)
    moved[0, 0, 0, 0] = 2
    for ahead, source in ((1.0, 0), (-1.0, 2)):
        weight[0, 0] = ahead
        noise = drawn(moved, importance=weight)
        torch.testing.assert_close(noise[:, 1, 0, 2], noise[:, 0, 0, source])
