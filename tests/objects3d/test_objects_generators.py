"""Every backend on tiny random weights: conditions matter, seeds repeat, bad input is named."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_object_generators import APPEARANCE, POOLED, write_shape_prior

from brainvis.errors import BrainvisError
from brainvis.objects3d.marching import as_solid_as_expected, meshed
from brainvis.objects3d.registry import open_object_generator
from brainvis.objects3d.shape_prior import ShapePrior

TOKENS = {"shape-prior": 1, "shap-e-text": 1, "shap-e-image": 5}


@pytest.fixture(scope="module")
def opened(object_folders):
    made = {}
    for name, folder in object_folders.items():
        made[name] = open_object_generator(folder, device="cpu")
        if name != "shape-prior":
            made[name].size = 16  # of the grid, for speed
    return made


def condition(name, rows=2, seed=0):
    shape = (rows, TOKENS[name], POOLED)
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def same(first, second):
    return np.array_equal(first.vertices, second.vertices) and np.array_equal(
        first.colors, second.colors
    )


@pytest.mark.parametrize("name", TOKENS)
def test_an_object_follows_its_condition_and_its_seed_not_its_batch(opened, name):
    generator, given = opened[name], condition(name)
    both = generator.generate(given, np.array([1, 2]))
    alone = generator.generate(given[1:], np.array([2]))[0]
    assert same(both[1], alone)
    other = generator.generate(condition(name, 1, 9), np.array([2]))[0]
    assert not same(alone, other)
    assert not same(alone, generator.generate(given[1:], np.array([3]))[0])
    for one in both:
        assert one.status == "ok"
        assert one.vertices.dtype == np.float32 and one.colors.dtype == np.uint8
        assert one.to_trimesh().is_watertight
        assert np.abs(one.vertices).max() < 0.56


@pytest.mark.parametrize("name", TOKENS)
def test_bad_conditions_are_named(opened, name):
    generator, given = opened[name], condition(name)
    with pytest.raises(BrainvisError, match="decode the space 'image-text'"):
        generator.generate(given[..., :-1], np.arange(2))
    with pytest.raises(BrainvisError, match="one seed per object"):
        generator.generate(given, np.arange(3))
    given[1, 0, 0] = np.nan
    with pytest.raises(BrainvisError, match="not finite"):
        generator.generate(given, np.arange(2))


def test_a_field_without_a_surface_is_an_empty_object(opened, monkeypatch):
    for field in (np.full((8, 8, 8), -1.0), np.full((8, 8, 8), 1.0), np.zeros((8, 8, 8))):
        assert meshed(field, 1.0, lambda points: points).status == "empty"
    with pytest.raises(BrainvisError, match="not finite"):
        meshed(np.full((8, 8, 8), np.nan), 1.0, lambda points: points)
    for name in ("shap-e-text", "shap-e-image"):
        monkeypatch.setattr(
            opened[name], "_field", lambda points, wanted: -torch.ones(len(points), 1)
        )
        made = opened[name].generate(condition(name), np.arange(2))
        assert [one.status for one in made] == ["empty", "empty"]
    prior = opened["shape-prior"]
    with torch.no_grad():
        before = prior.autoencoder.solid.bias.clone()
        prior.autoencoder.solid.bias.fill_(-50)
        statuses = [one.status for one in prior.decode(np.zeros((2, prior.latent), np.float32))]
        prior.autoencoder.solid.bias.copy_(before)
    assert statuses == ["empty", "empty"]


def test_marching_cubes_close_surfaces_at_the_border_and_turn_them_outwards():
    axis = np.linspace(-1, 1, 20)
    x, y, z = np.meshgrid(axis, axis, axis, indexing="ij")
    ball = meshed(0.7 - np.sqrt(x**2 + y**2 + z**2), 1.05, lambda points: (points + 1) / 2)
    assert ball.to_trimesh().volume == pytest.approx(4 / 3 * np.pi * 0.7**3, rel=0.05)
    right = ball.vertices[:, 0].argmax()
    assert ball.vertices[right, 0] == pytest.approx(0.7, abs=0.06)
    assert ball.colors[right, 0] == pytest.approx(255 * 0.85, abs=8)
    cut = meshed(x + 0.3, 1.0, lambda points: points * 0)  # solid up to the border of its grid
    assert cut.to_trimesh().is_watertight and cut.to_trimesh().volume > 0


def test_text_conditions_are_of_unit_length_and_guidance_compares_with_zeros(opened):
    pipeline, vector = opened["shap-e-text"].pipeline, torch.arange(1.0, POOLED + 1)[None]
    given = []
    for factor in (1, 3):
        pipeline.injected = factor * vector
        given.append(pipeline._encode_prompt("", None, 1, True))
    assert torch.allclose(*given, atol=1e-5)
    assert given[0][0].abs().max() == 0 and given[0][1].square().mean() == pytest.approx(1)
    images = opened["shap-e-image"].pipeline
    images.injected = torch.ones(1, 5, POOLED)
    both = images._encode_image(None, None, 1, True)
    assert both.shape == (2, 5, POOLED) and both[0].abs().max() == 0
    assert images._encode_image(None, None, 1, False).shape == (1, 5, POOLED)


def test_guidance_and_steps_can_be_set(object_folders):
    for name in ("shap-e-image", "shape-prior"):
        given, seeds = condition(name, 1), np.array([0])
        made = []
        for guidance in (1.0, 4.0):
            generator = open_object_generator(
                object_folders[name], guidance=guidance, steps=3, device="cpu"
            )
            generator.size = 16 if name != "shape-prior" else 64
            made.append(generator.generate(given, seeds)[0])
        assert not same(*made), name


def test_appearance_counts_for_the_shape_prior_alone(opened):
    prior, given = opened["shape-prior"], condition("shape-prior")[:, 0]
    low = np.random.default_rng(1).random((2, APPEARANCE)).astype(np.float32)
    for route in ("regression", "diffusion"):
        without = prior.latents(given, np.arange(2), None, route)
        with_ = prior.latents(given, np.arange(2), low, route)
        assert without.shape == (2, prior.latent) and not np.array_equal(without, with_)
    with pytest.raises(BrainvisError, match="appearance of 6"):
        prior.generate(given, np.arange(2), low[:, :3])
    with pytest.raises(BrainvisError, match="one condition"):
        opened["shap-e-text"].generate(given, np.arange(2), low)
    with pytest.raises(BrainvisError, match="unknown route"):
        prior.latents(given, np.arange(2), route="guess")
    assert prior.decode(np.zeros((0, prior.latent), np.float32)) == []
    assert prior.latents(given[:0], np.arange(0)).shape == (0, prior.latent)
    with pytest.raises(BrainvisError, match="latents of 7"):
        prior.decode(np.zeros((1, 3)))


@given(st.integers(0, 10_000), st.floats(-6, 4))
@settings(max_examples=20, deadline=None)
def test_as_much_is_solid_as_is_expected(seed, offset):
    logits = (2 * np.random.default_rng(seed).normal(size=(6, 6, 6)) + offset).astype(np.float32)
    expected = (1 / (1 + np.exp(-logits.astype(float)))).sum()
    found = as_solid_as_expected(logits)
    assert abs((found > 0).sum() - expected) <= 0.5 + 1e-3 or not 0.5 < expected < 215.5
    assert np.allclose(found - found.max(), logits - logits.max(), atol=1e-5)  # moved as a whole


def test_an_unsure_field_is_an_object_and_a_sure_one_stays():
    axis = np.linspace(-1, 1, 16)
    x, y, z = np.meshgrid(axis, axis, axis, indexing="ij")
    ball = (20 * (0.6 - np.sqrt(x**2 + y**2 + z**2))).astype(np.float32)
    assert np.array_equal(as_solid_as_expected(ball) > 0, ball > 0)
    unsure = 0.1 * ball - 1.5  # nowhere more likely solid than not
    assert not (unsure > 0).any() and (as_solid_as_expected(unsure) > 0).sum() > 50
    nothing = np.full((4, 4, 4), -30, np.float32)
    assert np.array_equal(as_solid_as_expected(nothing), nothing)


def test_the_shape_prior_takes_as_many_tokens_as_its_card_says(tmp_path):
    write_shape_prior(tmp_path, tokens=3)
    prior = open_object_generator(tmp_path, device="cpu")
    given = np.random.default_rng(0).normal(size=(2, 3, POOLED)).astype(np.float32)
    for route in ("regression", "diffusion"):
        found = prior.latents(given, np.arange(2), None, route)
        turned = prior.latents(given[:, ::-1], np.arange(2), None, route)
        assert found.shape == (2, prior.latent) and not np.allclose(found, turned)
    with pytest.raises(BrainvisError, match="takes 3 tokens of width 12"):
        prior.generate(given[:, :2], np.arange(2))


def test_meshes_are_encoded_whatever_the_batch(opened, monkeypatch):
    prior = opened["shape-prior"]
    shapes = prior.decode(np.random.default_rng(0).normal(size=(3, prior.latent)))
    whole = prior.encode(shapes)
    monkeypatch.setattr("brainvis.objects3d.shape_prior._BATCH", 2)
    assert prior.encode(shapes) == pytest.approx(whole, abs=1e-5)
    assert whole.shape == (3, prior.latent) and np.isfinite(whole).all()


WRONG = {"space": "s", "tokens": 2, "width": POOLED}


@pytest.mark.parametrize(
    ("name", "file", "change", "message"),
    [
        ("shape-prior", "generator.json", {"route": "guess"}, "route"),
        ("shape-prior", "generator.json", {"backend": "other"}, "unknown backend of objects"),
        ("shape-prior", "generator.json", {"appearance": {"width": 5}}, "do not fit"),
        ("shape-prior", "generator.json", {"regression": {"components": 0}}, "sizes of a regr"),
        ("shape-prior", "generator.json", {"regression": {"components": 4, "hidden": 8}}, "fit"),
        ("shape-prior", "autoencoder.json", {"hidden": 20}, "do not fit the architecture"),
        ("shape-prior", "autoencoder.json", {"depth": 20}, "no shape autoencoder"),
        ("shap-e-text", "prior/config.json", {"embedding_proj_dim": 10}, "has shape"),
        ("shap-e-text", "generator.json", {"condition": WRONG}, "one pooled vector"),
        ("shap-e-image", "generator.json", {"condition": WRONG | {"width": 9}}, "says width 9"),
    ],
)
def test_damaged_folders_are_named(copied_object, name, file, change, message):
    folder = copied_object(name)
    path = folder / file
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(BrainvisError, match=message):
        open_object_generator(folder, device="cpu")


@pytest.mark.parametrize("name", TOKENS)
def test_missing_and_truncated_weights_are_named(copied_object, name):
    folder = copied_object(name)
    weights = sorted(folder.rglob("*.safetensors"))
    weights[-1].write_bytes(weights[-1].read_bytes()[:100])
    with pytest.raises(BrainvisError, match=r"damaged|truncated"):
        open_object_generator(folder, device="cpu")
    for one in weights:
        one.unlink()
    with pytest.raises(BrainvisError):
        open_object_generator(folder, device="cpu")
    with pytest.raises(BrainvisError, match="no such generator folder"):
        ShapePrior(folder / "gone")
