"""Animators without and with a network, made of tiny random components."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_animators import CONDITIONS, change_animator_card

from brainvis.animation.card import Bucket, image_model_of, read_card
from brainvis.animation.registry import open_animator
from brainvis.animation.stable_video import motion_bucket
from brainvis.animation.stage import make_animator
from brainvis.animation.warping import Splat, Static
from brainvis.errors import BrainvisError

NETWORKS = sorted(CONDITIONS)
SEEDS = np.array([3, 4])


@pytest.fixture(scope="module")
def opened(animator_folders):
    return {name: open_animator(animator_folders[name], device="cpu") for name in NETWORKS}


def tokens_for(name, seed=0, count=2):
    generator = np.random.default_rng(seed)
    return generator.standard_normal((count, *CONDITIONS[name])).astype(np.float32)


def test_static_repeats_the_frame(scene):
    first, flow = scene
    made = Static().animate(first, flow, None, frames=5, seeds=SEEDS)
    assert made.shape == (2, 5, 16, 16, 3)
    np.testing.assert_array_equal(made, np.repeat(first[:, None], 5, axis=1))


@pytest.mark.parametrize("holes", ["inpaint", "background"])
def test_splat_without_flow_is_static_and_with_a_shift_is_the_shift(holes, scene):
    first, flow = scene
    still = Splat(holes).animate(first, 0 * flow, None, frames=4, seeds=SEEDS)
    np.testing.assert_allclose(still, np.repeat(first[:, None], 4, axis=1), atol=1e-6)
    shift = np.zeros_like(flow)
    shift[..., 0] = 0.5  # of the 8 grid: one pixel a step
    made = Splat(holes).animate(first, shift, None, frames=4, seeds=SEEDS)
    for step in range(1, 4):
        np.testing.assert_allclose(made[:, step, :, step:], first[:, :, :-step], atol=1e-5)
        assert np.isfinite(made).all() and made[:, step, :, :step].max() < 0.95


@pytest.mark.parametrize("holes", ["inpaint", "background"])
def test_a_moving_square_covers_the_ground_and_uncovers_it(holes, scene):
    first, _ = scene
    flow = np.zeros((2, 3, 16, 16, 2), np.float32)
    flow[:, :, 3:13, 2:16, 0] = 0.5  # wide enough for the whole way of the square
    made = Splat(holes).animate(first, flow, None, frames=9, seeds=SEEDS)
    last = made[0, -1]
    assert np.abs(last[6:10, 8:12] - (0.9, 0.1, 0.1)).max() < 0.1  # 4 pixels further
    red = last[..., 0] - last[..., 1]
    assert red[6:10, 7:13].mean() > 0.7 and red[:2].max() < 0.05
    assert (made >= 0).all() and (made <= 1).all()


def test_splat_does_not_depend_on_the_batch(scene):
    first, flow = scene
    flow = flow + np.random.default_rng(0).normal(0, 0.2, flow.shape).astype(np.float32)
    together = Splat().animate(first, flow, None, frames=6, seeds=SEEDS)
    for row in (0, 1):
        one = slice(row, row + 1)
        alone = Splat().animate(first[one], flow[one], None, frames=6, seeds=SEEDS[one])
        np.testing.assert_allclose(together[one], alone, atol=1e-6)


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_make_clips_that_belong_to_their_row_and_seed(name, opened, scene):
    first, flow = scene
    tokens, animator = tokens_for(name), opened[name]
    made = animator.animate(first, flow, tokens, frames=4, seeds=SEEDS)
    assert made.shape == (2, 4, 16, 16, 3) and made.dtype == np.float32
    assert made.min() >= 0 and made.max() <= 1 and made.std() > 0
    one = slice(1, 2)
    alone = animator.animate(first[one], flow[one], tokens[one], frames=4, seeds=SEEDS[one])
    np.testing.assert_array_equal(made[one], alone)
    other = animator.animate(first[one], flow[one], tokens[one], frames=4, seeds=np.array([9]))
    assert np.abs(other - alone).mean() > 1e-4
    changed = animator.animate(first[one], flow[one], -tokens[one], frames=4, seeds=SEEDS[one])
    assert np.abs(changed - alone).mean() > 1e-5


@pytest.mark.parametrize("name", ["refiner", "sparse"])
def test_without_tokens_the_condition_is_left_out(name, opened, scene):
    first, flow = scene
    made = opened[name].animate(first[:1], flow[:1], None, frames=3, seeds=SEEDS[:1])
    given = opened[name].animate(
        first[:1], flow[:1], tokens_for(name)[:1], frames=3, seeds=SEEDS[:1]
    )
    assert np.abs(made - given).mean() > 1e-5


def test_refinement_begins_at_the_splatted_clip(animator_folders, opened, scene):
    first, flow = scene
    splatted = Splat().animate(first, flow, None, frames=4, seeds=SEEDS)

    def refined(**settings):
        animator = open_animator(animator_folders["refiner"], device="cpu", **settings)
        return animator.animate(first, flow, None, frames=4, seeds=SEEDS)

    np.testing.assert_allclose(refined(strength=0.0), splatted, atol=1e-6)
    changes = [np.abs(refined(strength=s) - splatted).mean() for s in (0.25, 1.0)]
    assert 0 < changes[0] < changes[1]


def test_sparse_control_and_the_bucket_read_what_they_are_given(opened, scene):
    first, flow = scene
    sparse = opened["sparse"]
    one = sparse.animate(first[:1], flow[:1], None, frames=3, seeds=SEEDS[:1])
    other = sparse.animate(1 - first[:1], flow[:1], None, frames=3, seeds=SEEDS[:1])
    assert np.abs(one - other).mean() > 1e-5
    video, tokens = opened["stable-video"], tokens_for("stable-video")[:1]
    slow = video.animate(first[:1], 0 * flow[:1], tokens, frames=3, seeds=SEEDS[:1])
    fast = video.animate(first[:1], 9 * flow[:1], tokens, frames=3, seeds=SEEDS[:1])
    assert np.abs(slow - fast).mean() > 1e-6


def test_motion_bucket_grows_with_the_path_over_the_clip():
    flow = np.zeros((3, 32, 32, 2), np.float32)
    assert motion_bucket(flow, 16, Bucket()) == 20
    flow[..., 0] = 0.32  # a hundredth of the image a step
    assert motion_bucket(flow, 11, Bucket(still=20, per_width=400)) == 60
    assert motion_bucket(100 * flow, 11, Bucket()) == 255


def test_motion_modules_of_zeros_leave_the_image_model_as_it_is(copied_animators):
    folder = copied_animators / "refiner"
    path = folder / "motion_adapter/diffusion_pytorch_model.safetensors"
    weights = {
        key: torch.zeros_like(value) if ".proj_out." in key else value
        for key, value in load_file(path).items()
    }
    save_file(weights, path, metadata={"format": "pt"})
    animator = open_animator(folder, device="cpu")
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(1, 4, 3, 8, 8, generator=generator)
    tokens, time = torch.randn(1, 1, 5, 24, generator=generator), torch.tensor([400])
    prompt = animator.images.prompt.expand(3, -1, -1)
    with torch.inference_mode():
        clip = animator.unet(
            latents, time, prompt, added_cond_kwargs={"image_embeds": [tokens]}
        ).sample
        frames = animator.images.unet(
            latents[0].transpose(0, 1),
            time,
            prompt,
            added_cond_kwargs={"image_embeds": [tokens.expand(3, -1, -1, -1)]},
        ).sample
    torch.testing.assert_close(clip[0].transpose(0, 1), frames, atol=1e-5, rtol=1e-4)


def test_arguments_that_do_not_fit_are_refused(opened, scene):
    first, flow = scene
    bad = first.copy()
    bad[0, 0, 0, 0] = np.nan
    cases = (
        ((first[..., :2], flow, None, 4), "first: needs colour images"),
        ((first, flow[0], None, 4), "flow: needs clips"),
        ((first, flow[:1], None, 4), "flow: needs one for each of 2"),
        ((first, flow, None, 1), "frames: a clip needs two"),
        ((bad, flow, None, 4), "first: holds values"),
        ((first, flow, tokens_for("refiner")[:, :3], 4), "tokens: takes 5 tokens of width 24"),
    )
    for (image, motion, tokens, frames), words in cases:
        with pytest.raises(BrainvisError, match=words):
            opened["refiner"].animate(image, motion, tokens, frames=frames, seeds=SEEDS)
    with pytest.raises(BrainvisError, match="image_encoder: needs a decoded embedding"):
        opened["stable-video"].animate(first, flow, None, frames=4, seeds=SEEDS)


def test_want_of_memory_is_one_line(opened, scene, monkeypatch):
    first, flow = scene

    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(opened["refiner"], "_clip", full)
    with pytest.raises(BrainvisError, match="do not fit in memory"):
        opened["refiner"].animate(first, flow, None, frames=4, seeds=SEEDS)


@pytest.mark.parametrize(
    ("name", "gone"),
    [
        ("refiner", "motion_adapter"),
        ("sparse", "controlnet"),
        ("stable-video", "unet"),
        ("stable-video", "vae"),
    ],
)
def test_missing_and_pickled_parts_are_one_error(name, gone, copied_animators):
    folder = copied_animators / name
    path = folder / gone
    weights = path / "diffusion_pytorch_model.safetensors"
    weights.rename(path / "diffusion_pytorch_model.bin")
    with pytest.raises(BrainvisError, match="pickle") as raised:
        open_animator(folder, device="cpu")
    assert "\n" not in str(raised.value)
    shutil.rmtree(path)
    with pytest.raises(BrainvisError, match=f"{gone}: component is missing"):
        open_animator(folder, device="cpu")


def test_parts_of_another_model_are_one_error(copied_animators):
    path = copied_animators / "refiner/motion_adapter/config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config | {"block_out_channels": [16, 64]}))
    with pytest.raises(BrainvisError, match="do not fit the architecture"):
        open_animator(copied_animators / "refiner", device="cpu")
    shutil.copytree(
        copied_animators / "sparse/controlnet", copied_animators / "stable-video/controlnet"
    )
    change_animator_card(
        copied_animators / "stable-video", condition={"space": "clip-h", "width": 17}
    )
    with pytest.raises(BrainvisError, match="cross_attention_dim is 16 instead of 17"):
        open_animator(copied_animators / "stable-video", device="cpu")
    change_animator_card(copied_animators / "sparse", generator="../nowhere")
    with pytest.raises(BrainvisError, match="nowhere: no such generator folder"):
        open_animator(copied_animators / "sparse", device="cpu")


def test_motion_modules_for_another_network_are_refused(copied_animators):
    from diffusers import MotionAdapter

    folder = copied_animators / "refiner"
    shutil.rmtree(folder / "motion_adapter")
    adapter = MotionAdapter(
        block_out_channels=(16, 16), motion_layers_per_block=1, motion_num_attention_heads=2,
        motion_norm_num_groups=8,
    )  # fmt: skip
    adapter.save_pretrained(folder / "motion_adapter")
    with pytest.raises(BrainvisError, match=r"motion modules do not fit.*\(16, 16\)"):
        open_animator(folder, device="cpu")


def test_cards_are_checked(copied_animators):
    folder = copied_animators / "refiner"
    assert image_model_of(folder) == (copied_animators / "generator").resolve()
    assert image_model_of(copied_animators / "stable-video") is None
    for changes, words in (
        ({"backend": "other"}, "backend"),
        ({"generator": None}, "needs the folder of its image model"),
        ({"defaults": {"steps": 0}}, r"defaults.steps"),
        ({"defaults": {"steps": 4, "strength": 2.0}}, r"defaults.strength"),
        ({"backend": "stable-video-diffusion"}, "needs a condition"),
    ):
        before = (folder / "animator.json").read_text()
        change_animator_card(folder, **changes)
        with pytest.raises(BrainvisError, match=words) as raised:
            read_card(folder)
        assert "\n" not in str(raised.value)
        (folder / "animator.json").write_text(before)
    with pytest.raises(BrainvisError, match=r"defaults.strength"):
        read_card(folder, strength=1.5)
    with pytest.raises(BrainvisError, match="no such animator folder"):
        read_card(folder / "nowhere")
    with pytest.raises(BrainvisError, match="unknown animator"):
        make_animator("magic")
