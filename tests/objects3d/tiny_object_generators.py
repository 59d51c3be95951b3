"""Writes tiny object generators with random weights, a folder for each backend."""

import json

import torch
from diffusers import HeunDiscreteScheduler, PriorTransformer
from diffusers.pipelines.shap_e.renderer import ShapERenderer
from safetensors.torch import save_file

from brainvis.objects3d import latent_prior
from brainvis.objects3d.network import ShapeAutoencoder

POOLED, APPEARANCE, COMPONENTS, HIDDEN = 12, 6, 5, 8


def write_card(folder, backend, tokens, width, **more):
    card = {
        "backend": backend,
        "condition": {"space": "image-text", "tokens": tokens, "width": width},
        "defaults": {"steps": 2, "strength": 1.0, "guidance": 1.0},
        **more,
    }
    (folder / "generator.json").write_text(json.dumps(card))


def halves(model):
    return {name: value.detach().half().contiguous() for name, value in model.state_dict().items()}


def tiny_autoencoder():
    """Decodes to a ball, larger or smaller by its latent, dark or bright."""
    model = ShapeAutoencoder(shape=4, color=3, width=8, hidden=16)
    axis = (torch.arange(16) - 7.5) / 16 * 1.1
    x, y, z = torch.meshgrid(axis, axis, axis, indexing="ij")
    model.shape_mean.copy_((0.8 - (x**2 + y**2 + z**2).sqrt()).clamp(0, 1).flatten())
    for name in ("shape_axes", "color_axes"):
        value = getattr(model, name)
        value.copy_(0.3 * torch.randn(value.shape) / len(value) ** 0.5)
    return model


def write_shape_prior(folder, pooled=POOLED, appearance=APPEARANCE, tokens=1):
    torch.manual_seed(0)
    model = tiny_autoencoder()
    (folder / "autoencoder.json").write_text(json.dumps(model.settings))
    save_file(halves(model), folder / "autoencoder.safetensors")
    sizes = tokens * pooled, COMPONENTS, appearance, model.latent, HIDDEN
    regression = latent_prior.Regression(*sizes)
    regression.tokens_axes.normal_()
    save_file(halves(regression), folder / "regression.safetensors")
    network = latent_prior.build(COMPONENTS + appearance, model.latent, heads=1, layers=1)
    network.half().save_pretrained(folder / "prior")
    latent_prior.schedule().save_pretrained(folder / "scheduler")
    write_card(
        folder,
        "shape-prior",
        tokens,
        pooled,
        route="diffusion",
        appearance={"width": appearance},
        regression={"components": COMPONENTS, "hidden": HIDDEN},
    )


def write_shap_e(folder, backend, tokens):
    """Components as in diffusers' own fast tests, random."""
    torch.manual_seed(0)
    PriorTransformer(
        num_attention_heads=2, attention_head_dim=16, embedding_dim=16, num_embeddings=32,
        embedding_proj_dim=POOLED, num_layers=1, clip_embed_dim=32, additional_embeddings=0,
        norm_in_type="layer", embedding_proj_norm_type="layer", encoder_hid_proj_type=None,
        added_emb_type=None,
    ).save_pretrained(folder / "prior")  # fmt: skip
    ShapERenderer(
        param_shapes=((8, 93), (8, 8), (8, 8), (8, 8)), d_latent=16, d_hidden=8, n_output=12
    ).save_pretrained(folder / "shap_e_renderer")
    HeunDiscreteScheduler(
        beta_schedule="exp", num_train_timesteps=1024, prediction_type="sample",
        use_karras_sigmas=True, clip_sample=True, clip_sample_range=1.0,
    ).save_pretrained(folder / "scheduler")  # fmt: skip
    write_card(folder, backend, tokens, POOLED)


WRITERS = {
    "shape-prior": write_shape_prior,
    "shap-e-text": lambda folder: write_shap_e(folder, "shap-e-text", 1),
    "shap-e-image": lambda folder: write_shap_e(folder, "shap-e-image", 5),
}
