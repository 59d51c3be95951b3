"""Tiny autoencoder, diffusion model and visual network: learn, repeat themselves, load anywhere."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

from brainvis.containers import Stimuli, write_stimuli
from brainvis.errors import BrainvisError
from brainvis.features.visual_network import VisualNetwork, layers
from brainvis.foundation import autoencoder, diffusion, image_text, visual
from brainvis.generation.registry import open_generator

COLORS = {"red": (230, 40, 40), "green": (40, 200, 60), "blue": (50, 60, 230), "white": (240,) * 3}
AUTOENCODER = {"steps": 40, "channels": (8, 16), "held_out": 0.25, "threads": 1}
DIFFUSION = {
    "steps": 25, "batch": 16, "channels": (16, 32), "width": 16, "heads": 2, "held_out": 0.25,
    "scored": 3, "default_steps": 2, "vague_components": 8, "threads": 1,
}  # fmt: skip
VISUAL = {
    "epochs": 6, "plan": (8, "M", 8, "M", 16, "M", 16, "M", 16, "M"), "batch": 16,
    "held_out": 0.25, "threads": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    """64 coloured squares and discs on grey noise."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:32, :32]
    images = rng.integers(90, 130, (64, 32, 32, 3), dtype=np.uint8)
    rows = []
    for number, image in enumerate(images):
        color = list(COLORS)[number % 4]
        shape = ("square", "disc")[number // 4 % 2]
        row, column = rng.integers(10, 22, 2)
        square, disc = np.maximum(abs(y - row), abs(x - column)), np.hypot(y - row, x - column)
        image[(square if shape == "square" else disc) < 8] = COLORS[color]
        rows.append((f"p{number:02d}", shape, color, f"a {color} {shape} on grey"))
    table = pd.DataFrame(rows, columns=["stimulus_id", "category", "color", "caption"])
    path = tmp_path_factory.mktemp("pool") / "pool.h5"
    write_stimuli(path, images, table, dataset="placeholder", kind="simulated")
    return path


@pytest.fixture(scope="module")
def parts(pool, tmp_path_factory):
    """Folders of an autoencoder and an image-text model, and the autoencoder's card."""
    folder = tmp_path_factory.mktemp("parts")
    card = autoencoder.train(pool, folder / "autoencoder", **AUTOENCODER)
    image_text.train(
        pool, folder / "image_text", epochs=2, size=32, width=32, layers=1, text_width=32,
        text_layers=1, context=12, dimensions=16, batch=16, held_out=0.25,
    )  # fmt: skip
    return folder / "autoencoder", folder / "image_text", card


@pytest.fixture(scope="module")
def generator(pool, parts, tmp_path_factory):
    out = tmp_path_factory.mktemp("generator") / "generator"
    return out, diffusion.train(pool, *parts[:2], out, **DIFFUSION)


@pytest.fixture(scope="module")
def network(pool, tmp_path_factory):
    out = tmp_path_factory.mktemp("visual") / "visual"
    return out, visual.train(pool, out, **VISUAL)


def weights_of(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*.safetensors"))}


def test_autoencoder_learns_and_its_latents_have_unit_variance(parts, pool):
    folder, _, card = parts
    assert card["losses"][-1] < 0.6 * card["losses"][0]
    assert card["held_out"]["psnr"] > card["held_out"]["psnr_of_the_mean_image"]
    model = autoencoder.open_autoencoder(folder)
    images = torch.from_numpy(Stimuli.open(pool).images()).permute(0, 3, 1, 2) * 2 - 1
    scaled = autoencoder.latents(model, images) * model.config.scaling_factor
    assert scaled.shape == (64, 4, 16, 16)
    assert float(scaled.std()) == pytest.approx(1, abs=0.1)
    assert f"{card['held_out']['psnr']:.1f} dB" in (folder / "README.md").read_text()


def test_generator_learns_and_its_card_tells_all(generator, parts):
    out, card = generator
    assert card["losses"][-1] < 0.8 * card["losses"][0]
    assert json.loads((out / "model_card.json").read_text()) == card
    assert card["parts"]["autoencoder"]["held_out"] == parts[2]["held_out"]
    assert {"true tokens", "no tokens"} < set(card["held_out"])
    for entry in card["weights"]:
        assert (out / entry["file"]).stat().st_size == entry["bytes"]
    assert "16 held-out images with a peak" in (out / "README.md").read_text().replace("\n", " ")


def test_generator_opens_as_any_other_and_follows_its_tokens(generator):
    made = open_generator(generator[0], device="cpu")
    assert (made.tokens, made.width, made.size, made.space) == (16, 32, 32, "image-text")
    tokens = np.random.default_rng(0).standard_normal((2, 16, 32)).astype(np.float32)
    seeds = np.array([5, 5])  # same noise, other tokens
    first, second = made.generate(tokens, None, strength=1.0, seeds=seeds)
    assert np.abs(first - second).mean() > 1e-4


def test_folder_loads_in_diffusers_itself(generator):
    from diffusers import StableDiffusionImg2ImgPipeline

    absent = ("text_encoder", "tokenizer", "safety_checker", "feature_extractor", "image_encoder")
    pipe = StableDiffusionImg2ImgPipeline.from_pretrained(
        generator[0], local_files_only=True, **dict.fromkeys(absent)
    )
    pipe.load_ip_adapter(
        str(generator[0]), subfolder="", weight_name="ip_adapter.safetensors",
        image_encoder_folder=None, local_files_only=True,
    )  # fmt: skip
    pipe.set_progress_bar_config(disable=True)
    zeros = torch.zeros(1, 1, pipe.unet.config.cross_attention_dim)
    drawn = pipe(
        prompt_embeds=zeros, negative_prompt_embeds=zeros, image=torch.zeros(1, 3, 32, 32),
        ip_adapter_image_embeds=[torch.zeros(2, 1, 16, 32)], strength=1.0,
        num_inference_steps=2, guidance_scale=2.0, output_type="np",
    ).images  # fmt: skip
    assert drawn.shape == (1, 32, 32, 3) and np.isfinite(drawn).all()


def test_stored_network_predicts_what_the_trained_one_did(parts, tmp_path):
    from brainvis.foundation.diffusion_network import build, predict, schedule, write_parts

    torch.manual_seed(1)
    model = build((16, 32), 16, 2, (4, 16, 16), 32)
    for value in model.parameters():  # residual branches begin at zero, which would hide them
        value.data.add_(0.05 * torch.randn_like(value))
    noisy, times, tokens = torch.randn(2, 4, 16, 16), torch.tensor([3, 900]), torch.randn(2, 16, 32)
    shutil.copytree(parts[0], tmp_path / "g")
    write_parts(tmp_path / "g", model, autoencoder.open_autoencoder(parts[0]), schedule())
    card = {"backend": "stable-diffusion-img2img",
            "condition": {"space": "x", "tokens": 16, "width": 32},
            "defaults": {"steps": 2, "strength": 1.0, "guidance": 1.0}}  # fmt: skip
    (tmp_path / "g" / "generator.json").write_text(json.dumps(card))
    stored = open_generator(tmp_path / "g", device="cpu")._img2img.unet
    with torch.no_grad():
        before, after = (predict(one.eval(), noisy, times, tokens) for one in (model, stored))
        others = predict(stored, noisy, times, -tokens)
    torch.testing.assert_close(after, before, atol=0.02 * float(before.std()), rtol=0.02)
    assert (others - after).abs().mean() > 5 * (before - after).abs().mean()


def test_visual_network_learns_and_gives_five_levels(network, pool):
    out, card = network
    assert card["losses"][-1] < 0.9 * card["losses"][0]
    assert card["held_out"]["color"]["accuracy"] > 1.5 * card["held_out"]["color"]["chance"]
    opened = VisualNetwork(out, device="cpu")
    images = torch.rand(2, 3, 32, 48).requires_grad_()
    levels = opened.levels(images)
    assert [tuple(one.shape) for one in levels] == [
        (2, channels, 32 >> depth, 48 >> depth) for depth, channels in enumerate((8, 8, 16, 16, 16))
    ]
    assert (
        opened.channels == (8, 8, 16, 16, 16)
        and min(one.detach().min().item() for one in levels) == 0
    )
    levels[-1].sum().backward()
    assert images.grad is not None and images.grad.abs().sum() > 0
    stages = opened.stages(Stimuli.open(pool).images(slice(0, 3)))
    assert [one.shape[-1] for one in stages] == [32, 16, 8, 4, 2]


def test_torchvisions_own_weights_load_as_they_are_named(tmp_path):
    from torchvision.models.vgg import cfgs

    torch.manual_seed(0)
    real = layers(cfgs["A"], batch_norm=True).eval()
    state = {f"features.{name}": value for name, value in real.state_dict().items()}
    save_file(state | {"classifier.0.weight": torch.ones(3, 3)}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text('{"architecture": "vgg", "layers": "A"}')
    opened = VisualNetwork(tmp_path, device="cpu")
    images = torch.rand(1, 3, 32, 32)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    with torch.no_grad():
        expected = real[:28]((images - mean.view(3, 1, 1)) / std.view(3, 1, 1))  # before pool 5
    torch.testing.assert_close(opened.levels(images)[4], expected)
    assert opened.channels == (64, 128, 256, 512, 512)


@pytest.mark.parametrize("what", ["autoencoder", "generator", "visual"])
def test_same_seed_same_weights_and_torchs_state_left_alone(what, pool, parts, tmp_path):
    short = {"generator": {**DIFFUSION, "steps": 2}, "visual": {**VISUAL, "epochs": 1},
             "autoencoder": {**AUTOENCODER, "steps": 2}}[what]  # fmt: skip
    module = {"autoencoder": autoencoder, "generator": diffusion, "visual": visual}[what]
    others = parts[:2] if what == "generator" else ()
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    module.train(pool, *others, tmp_path / "a", **short)
    assert torch.equal(torch.rand(3), expected)
    module.train(pool, *others, tmp_path / "b", **short)
    module.train(pool, *others, tmp_path / "c", seed=3, **short)
    first, second, third = (weights_of(tmp_path / name) for name in "abc")
    assert first == second and first != third


@pytest.mark.parametrize("gone", ["vae", "unet", "scheduler", "ip_adapter.safetensors"])
def test_missing_part_is_one_error(generator, tmp_path, gone):
    folder = shutil.copytree(generator[0], tmp_path / "g")
    path = folder / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(BrainvisError, match=gone.split(".")[0]) as raised:
        open_generator(folder, device="cpu")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("what", ["vae", "unet", "adapter", "visual"])
def test_damaged_weights_are_one_error(generator, network, tmp_path, what):
    source = network[0] if what == "visual" else generator[0]
    folder = shutil.copytree(source, tmp_path / "g")
    inside = (
        "ip_adapter.safetensors"
        if what == "adapter"
        else f"{what}/diffusion_pytorch_model.safetensors"
    )
    path = folder / ("model.safetensors" if what == "visual" else inside)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(BrainvisError) as raised:
        VisualNetwork(folder) if what == "visual" else open_generator(folder, device="cpu")
    assert "\n" not in str(raised.value) and str(folder) in str(raised.value)


def test_visual_weights_of_another_plan_are_one_error(network, tmp_path):
    folder = shutil.copytree(network[0], tmp_path / "v")
    config = json.loads((folder / "config.json").read_text())
    for plan, words in (
        ([8, "M", 8, "M", 16, "M", 16, "M", 24, "M"], "features.16.weight is"),
        ([8, "M", 8, "M"], "needs 5 stages"),
        ("Z", "needs 5 stages"),
    ):
        (folder / "config.json").write_text(json.dumps(config | {"layers": plan}))
        with pytest.raises(BrainvisError, match=words):
            VisualNetwork(folder)
    (folder / "config.json").write_text(json.dumps(config | {"architecture": "alexnet"}))
    with pytest.raises(BrainvisError, match="architecture is unknown"):
        VisualNetwork(folder)
    assert len(load_file(folder / "model.safetensors"))  # the weights themselves are sound


def test_too_few_images_and_nothing_to_name_are_one_error(pool, parts, tmp_path):
    with pytest.raises(BrainvisError, match="too few for one batch of 60"):
        autoencoder.train(pool, tmp_path / "a", **{**AUTOENCODER, "batch": 60})
    with pytest.raises(BrainvisError, match="too few for one batch of 60"):
        diffusion.train(pool, *parts[:2], tmp_path / "g", **{**DIFFUSION, "batch": 60})
    source, path = Stimuli.open(pool), tmp_path / "nameless.h5"
    table = source.table.drop(columns=["category", "color"])
    write_stimuli(path, source.read("images"), table, dataset="placeholder", kind="simulated")
    with pytest.raises(BrainvisError, match="has nothing to name"):
        visual.train(path, tmp_path / "v", **VISUAL)
