"""The contract of image generators, for every backend, on tiny random weights."""

import json

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from tiny_generators import change_card
from transformers import CLIPTextConfig, CLIPTextModel

from brainvis.errors import BrainvisError
from brainvis.features.diffusers_parts import memory_for
from brainvis.generation.base import steps_from_start
from brainvis.generation.registry import open_generator

BACKENDS = ["stable-diffusion", "stable-diffusion-pooled", "kandinsky", "unclip"]


@pytest.fixture(scope="module")
def generators(folders):
    return {name: open_generator(folders[name], device="cpu") for name in BACKENDS}


@pytest.fixture(params=BACKENDS)
def generator(request, generators):
    return generators[request.param]


def conditions(generator, count=3, seed=0):
    rng = np.random.default_rng(seed)
    shape = (count, generator.tokens, generator.width)
    start = rng.random((count, generator.size, generator.size, 3), dtype=np.float32)
    return rng.standard_normal(shape, dtype=np.float32), start, np.arange(count) + 7


def test_images_have_the_stated_shape_and_range(generator):
    tokens, start, seeds = conditions(generator)
    for given_start in (start, None):
        made = generator.generate(tokens, given_start, strength=0.5, seeds=seeds)
        assert made.shape == (3, 16, 16, 3) and made.dtype == np.float32
        assert made.min() >= 0 and made.max() <= 1 and made.std() > 0
    assert generator.size == 16 and generator.space == "image-text" and "@" in generator.name


def test_same_seed_same_image_other_seed_another(generator):
    tokens, start, seeds = conditions(generator)
    for given_start in (start, None):
        one = generator.generate(tokens, given_start, strength=0.5, seeds=seeds)
        two = generator.generate(tokens, given_start, strength=0.5, seeds=seeds)
        other = generator.generate(tokens, given_start, strength=0.5, seeds=seeds + 1)
        np.testing.assert_array_equal(one, two)
        assert np.abs(one - other).mean() > 1e-4


def test_an_image_does_not_depend_on_its_batch(generator):
    tokens, start, seeds = conditions(generator)
    for given_start in (start, None):
        together = generator.generate(tokens, given_start, strength=0.75, seeds=seeds)
        for i in range(3):
            own = None if given_start is None else given_start[i : i + 1]
            alone = generator.generate(
                tokens[i : i + 1], own, strength=0.75, seeds=seeds[i : i + 1]
            )
            np.testing.assert_allclose(together[i], alone[0], atol=2e-5)


def test_images_depend_on_tokens_and_on_the_start(generator):
    tokens, start, seeds = conditions(generator)
    others, another, _ = conditions(generator, seed=1)
    made = generator.generate(tokens, start, strength=0.75, seeds=seeds)
    by_tokens = generator.generate(others, start, strength=0.75, seeds=seeds)
    by_start = generator.generate(tokens, another, strength=0.75, seeds=seeds)
    assert np.abs(made - by_tokens).mean() > 1e-4
    assert np.abs(made - by_start).mean() > 1e-3


def test_strength_zero_is_the_autoencoder_and_strength_moves_away_from_it(generator):
    tokens, start, seeds = conditions(generator)
    none = generator.generate(tokens, start, strength=0, seeds=seeds)
    others = generator.generate(-tokens, start, strength=0, seeds=seeds + 5)
    np.testing.assert_array_equal(none, others)
    with torch.inference_mode():
        pixels = torch.from_numpy(start).permute(0, 3, 1, 2)
        seen = generator._decode(generator._encode(pixels)).permute(0, 2, 3, 1) / 2 + 0.5
    np.testing.assert_allclose(none, seen.clamp(0, 1).numpy(), atol=1e-5)
    little, much = (
        np.abs(generator.generate(tokens, start, strength=s, seeds=seeds) - none).mean()
        for s in (0.25, 1.0)
    )
    assert 0 < little < much


def test_a_start_of_another_size_is_resized(generator):
    tokens, _, seeds = conditions(generator)
    start = np.full((3, 40, 28, 3), 0.3, np.float32)
    small = np.full((3, 16, 16, 3), 0.3, np.float32)
    one = generator.generate(tokens, start, strength=0.5, seeds=seeds)
    two = generator.generate(tokens, small, strength=0.5, seeds=seeds)
    np.testing.assert_allclose(one, two, atol=1e-4)


def test_guidance_one_has_no_unconditional_side(generator, folders, generators):
    name = next(key for key, one in generators.items() if one is generator)
    plain = open_generator(folders[name], guidance=1.0, device="cpu")
    tokens, start, seeds = conditions(generator)
    one = plain.generate(tokens, start, strength=0.75, seeds=seeds)
    guided = generator.generate(tokens, start, strength=0.75, seeds=seeds)
    assert one.shape == guided.shape and np.abs(one - guided).mean() > 1e-4


def test_inputs_that_do_not_fit_are_refused(generator):
    tokens, start, seeds = conditions(generator)
    nan = tokens.copy()
    nan[0, 0, 0] = np.nan
    cases = [
        ({"tokens": tokens[..., :-1]}, rf"width {generator.width} .*found \(3, .*23\)"),
        ({"tokens": tokens[:, 0]}, "tokens of width"),
        ({"tokens": nan}, "not finite"),
        ({"seeds": seeds[:2]}, "one seed per image"),
        ({"start": start[:2]}, "one colour image"),
        ({"start": start[..., :1]}, "one colour image"),
        ({"start": start * np.nan}, "not finite"),
        ({"strength": 1.5}, "strength: is out of range"),
    ]
    for change, words in cases:
        values = {"tokens": tokens, "start": start, "strength": 0.5, "seeds": seeds, **change}
        with pytest.raises(BrainvisError, match=words):
            generator.generate(**values)


def test_want_of_memory_names_the_batch(generator, monkeypatch):
    tokens, start, seeds = conditions(generator)

    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(generator, "_decode", full)
    with pytest.raises(BrainvisError, match=r"^batch: .*found 3.*smaller batch"):
        generator.generate(tokens, start, strength=0.5, seeds=seeds)


def test_cpu_memory_is_known_by_its_words_and_other_errors_pass():
    with pytest.raises(BrainvisError, match="batch"), memory_for(4):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9")
    with pytest.raises(RuntimeError, match="shapes"), memory_for(4):
        raise RuntimeError("shapes cannot be multiplied")


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 60), st.floats(0, 1))
def test_steps_from_start_stay_within_all_steps(steps, strength):
    assert 0 <= steps_from_start(steps, strength) <= steps
    assert steps_from_start(steps, 1.0) == steps and steps_from_start(steps, 0.0) == 0


@pytest.mark.parametrize("name", BACKENDS)
def test_pickled_weights_are_refused_with_the_command_that_converts_them(name, copied):
    folder = copied(name)
    (folder / "unet/diffusion_pytorch_model.safetensors").rename(
        folder / "unet/diffusion_pytorch_model.bin"
    )
    with pytest.raises(BrainvisError, match=r"unet: .*pickle.*save_file\(torch\.load"):
        open_generator(folder)


@pytest.mark.parametrize("name", BACKENDS)
def test_missing_components_are_named(name, copied):
    folder = copied(name)
    (folder / "unet").rename(folder / "elsewhere")
    with pytest.raises(BrainvisError, match=r"unet: component is missing.*elsewhere"):
        open_generator(folder)


def test_a_single_pickled_checkpoint_is_refused_too(copied):
    folder = copied("unclip")
    (folder / "vae").rename(folder.parent / "vae")
    (folder / "unclip6.ckpt").write_bytes(b"pickle")
    with pytest.raises(BrainvisError, match=r"unclip6\.ckpt.*convert"):
        open_generator(folder)


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize("damage", ["missing", "shape", "truncated"])
def test_weights_that_do_not_fit_their_settings_are_refused(name, damage, copied):
    folder = copied(name)
    path = folder / "unet/diffusion_pytorch_model.safetensors"
    weights = load_file(path)
    if damage == "missing":
        del weights["conv_in.weight"]
    if damage == "shape":
        weights["conv_in.weight"] = weights["conv_in.weight"][:, :3].contiguous()
    save_file(weights, path)
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(BrainvisError, match=r"unet.*(conv_in.weight|cannot be loaded)"):
        open_generator(folder)


@pytest.mark.parametrize("name", BACKENDS)
def test_a_width_that_the_pipeline_does_not_take_is_refused(name, copied):
    folder = copied(name)
    change_card(folder, "condition", width=25)
    with pytest.raises(BrainvisError, match=r"says width 25.*found 24"):
        open_generator(folder)


@pytest.mark.parametrize(
    ("part", "change", "words"),
    [
        (None, {"backend": "dall-e"}, "backend: unknown backend.*dall-e.*sdxl-unclip"),
        (None, {"defaults": 3}, "defaults: is not an object"),
        ("condition", {"tokens": 0}, "tokens: is not a count"),
        ("condition", {"width": "24"}, "width: is not a count"),
        ("condition", {"space": 3}, "space: is not a name"),
        ("condition", {"mean": [0.0] * 23}, "mean: needs one number, or one for each of 24"),
        ("condition", {"std": 0}, "std: needs .* above 0"),
        ("condition", {"std": "wide"}, "std: needs one number"),
        ("defaults", {"steps": 2.5}, "steps: is not a count"),
        ("defaults", {"strength": 2}, "strength: is out of range"),
        ("defaults", {"guidance": None}, "guidance: is not a number"),
    ],
)
def test_a_card_with_a_bad_entry_is_refused(part, change, words, copied):
    folder = copied("kandinsky")
    change_card(folder, part, **change)
    with pytest.raises(BrainvisError, match=words):
        open_generator(folder)


@pytest.mark.parametrize("name", BACKENDS)
def test_the_condition_is_brought_to_the_scale_of_training(name, copied, generators):
    folder, plain = copied(name), generators[name]
    std = np.linspace(0.5, 2, plain.width)
    change_card(folder, "condition", mean=3.0, std=std.tolist())
    tokens, start, seeds = conditions(plain)
    wanted = plain.generate(tokens, start, strength=0.5, seeds=seeds)
    scaled = (tokens * std + 3).astype(np.float32)
    made = open_generator(folder, device="cpu").generate(scaled, start, strength=0.5, seeds=seeds)
    np.testing.assert_allclose(made, wanted, atol=1e-4)


def test_cards_that_are_no_cards_are_refused(copied, tmp_path):
    with pytest.raises(BrainvisError, match="no such generator folder"):
        open_generator(tmp_path / "nowhere")
    path = copied("kandinsky") / "generator.json"
    for text, words in (("{", "not JSON"), ("[]", "no settings"), ("{}", "entry is missing")):
        path.write_text(text)
        with pytest.raises(BrainvisError, match=words):
            open_generator(path.parent)
    path.unlink()
    with pytest.raises(BrainvisError, match="no such file"):
        open_generator(path.parent)


def test_settings_out_of_range_are_refused(folders):
    with pytest.raises(BrainvisError, match="steps: is out of range"):
        open_generator(folders["unclip"], steps=0)
    with pytest.raises(BrainvisError, match="guidance: is out of range"):
        open_generator(folders["unclip"], guidance=-1.0)


def test_a_class_that_is_no_scheduler_is_refused(copied):
    folder = copied("unclip")
    (folder / "scheduler/scheduler_config.json").write_text('{"_class_name": "UNet2DModel"}')
    with pytest.raises(BrainvisError, match=r"no scheduler of diffusers.*UNet2DModel"):
        open_generator(folder)


def test_a_component_of_another_class_is_refused(copied):
    folder = copied("unclip")
    path = folder / "vae/config.json"
    path.write_text(path.read_text().replace("AutoencoderKL", "VQModel"))
    with pytest.raises(BrainvisError, match=r"is no AutoencoderKL.*found VQModel"):
        open_generator(folder)


@pytest.mark.parametrize("damage", ["gone", "strange", "short", "pickled"])
def test_adapters_that_do_not_fit_are_refused(damage, copied):
    folder = copied("stable-diffusion")
    path = folder / "ip_adapter.safetensors"
    weights = load_file(path)
    path.unlink()
    if damage == "strange":
        save_file({"something": torch.zeros(1)}, path)
    if damage == "short":
        save_file({k: v for k, v in weights.items() if not k.startswith("ip_adapter.3")}, path)
    if damage == "pickled":
        (folder / "ip_adapter.bin").write_bytes(b"pickle")
    words = {
        "gone": "ip_adapter.safetensors: IP-Adapter is missing",
        "strange": "no image projection",
        "short": "cannot be loaded.*ip_adapter|ip_adapter.*cannot be loaded",
        "pickled": "pickle.*ip_adapter.bin",
    }
    with pytest.raises(BrainvisError, match=words[damage]):
        open_generator(folder)


def test_pooled_adapter_takes_one_token(copied):
    folder = copied("stable-diffusion-pooled")
    change_card(folder, "condition", tokens=4)
    with pytest.raises(BrainvisError, match="says 4 tokens"):
        open_generator(folder)


def test_an_unclip_network_without_size_condition_is_refused(copied):
    folder = copied("unclip")
    UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=24,
        attention_head_dim=2,
        norm_num_groups=8,
    ).save_pretrained(folder / "unet")
    with pytest.raises(BrainvisError, match="size and crop"):
        open_generator(folder)


def test_kandinsky_reads_its_embedding_of_an_empty_image(copied):
    folder = copied("kandinsky")
    plain = open_generator(folder, device="cpu")
    tokens, start, seeds = conditions(plain)
    before = plain.generate(tokens, start, strength=0.75, seeds=seeds)
    save_file({"embedding": torch.randn(24)}, folder / "negative.safetensors")
    after = open_generator(folder, device="cpu").generate(tokens, start, strength=0.75, seeds=seeds)
    assert np.abs(before - after).mean() > 1e-5
    save_file({"embedding": torch.randn(23)}, folder / "negative.safetensors")
    with pytest.raises(BrainvisError, match=r"needs one tensor embedding \(24,\)"):
        open_generator(folder)


def test_a_text_encoder_gives_the_empty_prompt(copied):
    folder = copied("stable-diffusion")
    (folder / "tokenizer").mkdir()
    vocabulary = {"<|startoftext|>": 0, "<|endoftext|>": 1, "a</w>": 2}
    special = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>"}
    settings = special | {"unk_token": "<|endoftext|>", "pad_token": "<|endoftext|>"}
    (folder / "tokenizer/vocab.json").write_text(json.dumps(vocabulary))
    (folder / "tokenizer/merges.txt").write_text("#version: 0.2\n")
    (folder / "tokenizer/tokenizer_config.json").write_text(json.dumps(settings))
    sizes = {"hidden_size": 12, "intermediate_size": 16, "max_position_embeddings": 7}
    depth = {"vocab_size": 3, "num_hidden_layers": 1, "num_attention_heads": 2}
    ends = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    encoder = CLIPTextModel(CLIPTextConfig(**sizes, **depth, **ends)).eval()
    encoder.save_pretrained(folder / "text_encoder")
    generator = open_generator(folder, device="cpu")
    with torch.inference_mode():
        wanted = encoder(torch.tensor([[0, 1, 1, 1, 1, 1, 1]])).last_hidden_state
    torch.testing.assert_close(generator._prompt, wanted)
    tokens, start, seeds = conditions(generator)
    made = generator.generate(tokens, start, strength=0.5, seeds=seeds)
    assert made.shape == (3, 16, 16, 3)
    (folder / "tokenizer/vocab.json").unlink()
    (folder / "tokenizer/tokenizer_config.json").unlink()
    with pytest.raises(BrainvisError, match="tokenizer: cannot be loaded"):
        open_generator(folder, device="cpu")
