"""Contrastive loss per scale: against a plain loop, at chance, in training."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from interaction_world import POOLED, World

from brainvis.decoding.contrast import contrast
from brainvis.errors import BrainvisError

SCALES = ((3, 2, 2), (2, 1, 3))
LENGTH = 12 + 6


def activations(images: int, seed: int) -> torch.Tensor:
    return torch.randn(images, 1, LENGTH, generator=torch.Generator().manual_seed(seed))


def looped(found: torch.Tensor, wanted: torch.Tensor) -> float:
    """The same, place by place."""
    losses, first = [], 0
    for channels, height, width in SCALES:
        size = channels * height * width
        pairs = [
            [x[image, 0, first : first + size].numpy().reshape(channels, height, width)[:, i, j]
             for image in range(len(x)) for i in range(height) for j in range(width)]
            for x in (found, wanted)
        ]  # fmt: skip
        products = np.array([[a @ b for b in pairs[1]] for a in pairs[0]]) / np.sqrt(channels)
        own = np.diag(products)
        losses.append(np.mean(np.log(np.exp(products).sum(1)) - own))
        first += size
    return float(np.mean(losses))


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 5), st.integers(0, 99))
def test_it_equals_a_loop_over_places(images, seed):
    found, wanted = activations(images, seed), activations(images, seed + 100)
    assert float(contrast(found, wanted, SCALES)) == pytest.approx(looped(found, wanted), rel=1e-4)


def test_nothing_decoded_is_chance_and_the_truth_is_told_apart():
    wanted = 4 * activations(6, 0)
    chance = np.mean([np.log(6 * 4), np.log(6 * 3)])
    assert float(contrast(torch.zeros_like(wanted), wanted, SCALES)) == pytest.approx(chance)
    others = wanted.roll(1, dims=0)  # the activations of another image
    assert contrast(wanted, wanted, SCALES) < contrast(others, wanted, SCALES)


def test_some_places_stand_for_all_of_them():
    wanted = activations(40, 0)
    torch.manual_seed(0)
    assert float(contrast(0 * wanted, wanted, SCALES, places=50)) == pytest.approx(np.log(50))


def test_vectors_of_another_length_are_refused():
    with pytest.raises(BrainvisError, match=r"18 numbers of its scales.*found 17"):
        contrast(activations(2, 0)[..., :-1], activations(2, 0)[..., :-1], SCALES)


def test_training_with_it_gives_another_network(untrained: World, tmp_path):
    folders = []
    for weight in (0.0, 0.5):
        out = tmp_path / str(weight)
        out.mkdir()
        scales = {"toy": ((POOLED, 1, 1),)}
        folders.append(
            untrained.train(
                out / "network", out / "voxels.h5", epochs=1, contrast=weight, scales=scales
            )
        )
    plain, contrasted = (folder / "interaction.safetensors" for folder in folders)
    assert plain.read_bytes() != contrasted.read_bytes()
