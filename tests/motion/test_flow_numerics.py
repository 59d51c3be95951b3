"""Codebook, summaries, ridge, posterior and the head's training."""

import numpy as np
import pytest
import torch
from motion_world import CLIPS, SIZE, planted

from brainvis.errors import BrainvisError
from brainvis.motion.codebook import fit_codebook, nearest
from brainvis.motion.components import FlowComponents
from brainvis.motion.decode import derangement, validation_segments
from brainvis.motion.learn import Pairs, fields_of, painted, real_flow
from brainvis.motion.linear import fit_ridge
from brainvis.motion.network import FlowHead, Sizes, expected_flow
from brainvis.motion.patches import object_shares
from brainvis.motion.posterior import Library
from brainvis.motion.summary import paint, summarise

SEGMENTS = np.arange(CLIPS) // 6


def test_a_codebook_finds_planted_vectors():
    true = np.array([[1.0, 0], [-1, 0], [0, 1], [0, 0]], dtype=np.float32)
    flow = np.random.default_rng(0).choice(true, size=(20, 1, 4, 4))
    found = fit_codebook(flow + np.random.default_rng(1).normal(0, 0.01, flow.shape), 4)
    assert np.abs(found[nearest(true, found)] - true).max() < 0.02
    assert sorted(nearest(true, found)) == [0, 1, 2, 3]
    with pytest.raises(BrainvisError, match="codewords"):
        fit_codebook(np.zeros((4, 1, 4, 4, 2)), 4)


def test_a_summary_recovers_what_was_painted():
    world = planted()
    rng = np.random.default_rng(2)
    wanted = rng.normal(size=(5, 6)).astype(np.float32)
    mask = np.repeat(world["mask"][:5, :1], 3, axis=1)
    flow = np.stack([paint(w, m[0]) for w, m in zip(wanted, mask, strict=True)])
    found = summarise(np.repeat(flow[:, None], 3, axis=1), mask)
    np.testing.assert_allclose(found, wanted, atol=1e-3)
    empty = summarise(np.ones((1, 3, SIZE, SIZE, 2)), np.zeros((1, 3, SIZE, SIZE)))
    np.testing.assert_allclose(empty, [[0, 0, 1, 1, 0, 0]], atol=1e-3)


def test_ridge_recovers_velocity_and_leaves_segments_out():
    world = planted()
    model = fit_ridge(world["responses"], world["velocity"], SEGMENTS)
    error = np.square(model.left_out - world["velocity"]).mean() / world["velocity"].var()
    assert error < 0.1
    changed = world["velocity"].copy()
    changed[SEGMENTS == 3] += 5  # no prediction of a segment depends on its own targets
    other = fit_ridge(world["responses"], changed, SEGMENTS)
    same = model.alpha == other.alpha
    np.testing.assert_allclose(
        other.left_out[SEGMENTS == 3][:, same], model.left_out[SEGMENTS == 3][:, same], atol=1e-4
    )
    assert not np.allclose(other.left_out[SEGMENTS == 2], model.left_out[SEGMENTS == 2])
    with pytest.raises(BrainvisError, match="folds"):
        fit_ridge(world["responses"], world["velocity"], np.zeros(CLIPS))
    with pytest.raises(BrainvisError, match="finite"):
        fit_ridge(np.full((4, 2), np.nan), np.zeros((4, 1)), np.arange(4))


def test_the_posterior_finds_the_clip_itself_and_averages():
    world = planted()
    library = Library.fit(world["responses"], world["flow"], SEGMENTS, components=20)
    log = library.log_posterior(world["responses"][:7])
    np.testing.assert_allclose(np.exp(log).sum(axis=1), 1)
    found = library.decode(world["responses"], 1)
    own = np.linalg.norm(found - world["flow"], axis=-1).mean()
    assert own < 0.5 * np.linalg.norm(world["flow"], axis=-1).mean()
    average = library.decode(world["responses"][:3], 10)
    assert average.shape == (3, *world["flow"].shape[1:])
    noise = np.random.default_rng(0).normal(size=(CLIPS, 1))
    with pytest.raises(BrainvisError, match="no voxel"):
        Library.fit(np.zeros_like(noise), world["flow"], SEGMENTS, components=20)


def test_motion_is_moved_onto_another_object():
    world = planted()
    summary = summarise(world["flow"], world["mask"])
    cells = np.tile(np.arange(SIZE * SIZE), (2, 1))
    frames, brains = np.array([0, 1]), np.array([5, 6])
    fields = fields_of(world["mask"][frames, 0])
    found = painted(fields, summary[brains], cells, 2.0, 3)  # (2, cells, frames, 2)
    inside = world["mask"][frames, 0].reshape(2, -1) > 0
    for k in range(2):
        wanted = np.broadcast_to(world["velocity"][brains[k]], (16, 2))
        np.testing.assert_allclose(found[k, inside[k], 0], wanted, atol=1e-2)
        np.testing.assert_allclose(found[k, ~inside[k], 0], 0, atol=1e-2)
    gone = np.rint(world["velocity"][5] * 4)  # cells, after two flow frames of two steps
    place = np.argwhere(np.linalg.norm(found[0, :, 2].reshape(SIZE, SIZE, 2), axis=-1) > 0.02)
    moved = np.argwhere(world["mask"][0, 0] > 0) + gone[::-1]
    kept = moved[((moved >= 0) & (moved < SIZE)).all(axis=1)].astype(int)
    assert {tuple(k) for k in kept} <= {tuple(p) for p in place}


def test_real_flow_is_read_at_the_cells():
    world = planted()
    none = np.zeros(0)
    pairs = Pairs(none, none, none, world["flow"], world["mask"], none, none, none, 2.0, none, none)
    cells = np.tile(np.arange(SIZE * SIZE), (2, 1))
    real = real_flow(pairs, np.array([0, 1]), cells)
    np.testing.assert_array_equal(real[0, :, 1].reshape(SIZE, SIZE, 2), world["flow"][0, 1])


def test_objects_are_found_in_first_frames_never_seen():
    world = planted()
    mask = world["mask"][:, 0]
    noise = np.random.default_rng(0).normal(size=(CLIPS, SIZE * SIZE, 3))
    patches = (mask.reshape(CLIPS, -1, 1) * 2 + noise * 0.3).astype(np.float32)
    own, other = object_shares(patches[:48], mask[:48], patches[48:], SEGMENTS[:48], 0)
    assert ((own > 0.5) == (mask[:48] > 0.5)).mean() > 0.95
    assert ((other > 0.5) == (mask[48:] > 0.5)).mean() > 0.95
    changed = mask[:48].copy()
    changed[SEGMENTS[:48] == 0] = 0  # a segment's own masks do not enter its prediction
    again, _ = object_shares(patches[:48], changed, patches[48:], SEGMENTS[:48], 0)
    np.testing.assert_array_equal(again[SEGMENTS[:48] == 0], own[SEGMENTS[:48] == 0])
    assert not np.allclose(again, own)


def test_a_clip_is_decoded_alike_in_any_batch():
    torch.manual_seed(0)
    patches, hint = torch.randn(6, 9, 3), torch.randn(6, 9, 7)
    code, book = torch.randn(6, 4), torch.randn(5, 2)
    head = FlowHead(Sizes(patch=3, code=4, codewords=5, width=8, hidden=8), book)
    whole = expected_flow(head, patches, hint, code, book)
    assert whole.shape == (6, 3, 9, 2)
    order = torch.tensor([3, 1, 5])
    found = expected_flow(head, patches[order], hint[order], code[order], book)
    np.testing.assert_array_equal(found.numpy(), whole[order].numpy())
    assert whole.abs().max() <= book.abs().max()


def test_an_untrained_head_gives_the_painted_flow():
    side = torch.linspace(-2, 2, 17)
    book = torch.stack(torch.meshgrid(side, side, indexing="xy"), dim=-1).reshape(-1, 2)
    head = FlowHead(Sizes(patch=3, code=4, codewords=len(book), width=8, hidden=8), book)
    hint = torch.rand(2, 9, 7) * 2 - 1
    flow = expected_flow(head, torch.randn(2, 9, 3), hint, torch.randn(2, 4), book)
    wanted = hint[..., :-1].unflatten(-1, (3, 2)).transpose(1, 2)
    np.testing.assert_allclose(flow.numpy(), wanted.numpy(), atol=0.05)


def test_components_shuffles_and_segments():
    flow = planted()["flow"]
    space = FlowComponents.fit(flow, 59)
    np.testing.assert_allclose(space.restore(space.project(flow)), flow, atol=1e-4)
    for count in (2, 5, 48):
        order = derangement(count, 0)
        assert sorted(order) == list(range(count))
        assert (order != np.arange(count)).all()
    held = validation_segments(SEGMENTS, 0.1, 0)
    assert held.sum() == 6
    assert len(np.unique(SEGMENTS[held])) == 1
    with pytest.raises(BrainvisError, match="two training segments"):
        validation_segments(np.zeros(4), 0.1, 0)
