"""The shipped motion modules, opened as any user would open them."""

import json

import numpy as np
import pytest

from brainvis.animation.registry import open_animator
from brainvis.animation.warping import Splat
from brainvis.artifacts.files import sha256


@pytest.fixture(scope="module")
def shipped(repository):
    return repository / "data" / "foundation" / "motion"


def test_card_describes_the_file_beside_it_and_both_sides_of_refinement(shipped):
    card = json.loads((shipped / "model_card.json").read_text())
    weights = shipped / card["weights"]["file"]
    assert sha256(weights) == card["weights"]["sha256"] and weights.stat().st_size < 3e6
    assert card["data"]["namespace"] == "film" and card["data"]["kind"] == "simulated"
    reported, page = card["held_out"]["reported"], (shipped / "README.md").read_text()
    for name in ("splatted with the true flow", "splatted, then refined"):
        assert f"| {name} | {reported[name]['epe']:.3f} |" in page
    assert ("does not help" in page) is not card["held_out"]["helps"]


def test_it_refines_a_splatted_clip_and_keeps_what_was_splatted(shipped):
    animator = open_animator(shipped, device="cpu")
    assert animator.name.startswith("motion@") and animator.size == 64
    rng = np.random.default_rng(0)
    first = rng.random((1, 8, 8, 3)).repeat(8, axis=1).repeat(8, axis=2).astype(np.float32)
    flow = np.zeros((1, 3, 32, 32, 2), np.float32)
    flow[..., 0] = 0.25
    seeds = np.array([1])
    made = animator.animate(first, flow, None, frames=8, seeds=seeds)
    thrown = Splat().animate(first, flow, None, frames=8, seeds=seeds)
    assert 1e-4 < np.abs(made - thrown).mean() < 0.15
    np.testing.assert_array_equal(made, animator.animate(first, flow, None, frames=8, seeds=seeds))
