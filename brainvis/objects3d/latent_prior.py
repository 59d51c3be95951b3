"""From a decoded embedding to a shape latent: ridge regression, or a small diffusion prior.

The diffusion prior is diffusers' `PriorTransformer` on a sequence of condition, time, noisy latent
and query, predicting the clean latent as the prior of DALL-E 2 does (Ramesh et al. 2022,
2204.06125). The condition is the pooled embedding and, where given, a low-level appearance vector
beside it; both are standardised, and zeros stand for what is not given.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers.models.transformers.prior_transformer import PriorTransformer
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from torch import Tensor, nn

from brainvis.errors import BrainvisError
from brainvis.features.checkpoint import load_weights
from brainvis.features.diffusers_parts import load_model, load_scheduler

REGRESSION = "regression.safetensors"


class Regression(nn.Module):
    """Linear maps to latents from the pooled vector alone and from both vectors, and their scales.

    Parameters
    ----------
    pooled, appearance, latent : int
        Lengths of the vectors.
    """

    def __init__(self, pooled: int, appearance: int, latent: int) -> None:
        super().__init__()
        self.pooled_mean: Tensor
        self.pooled_std: Tensor
        self.appearance_mean: Tensor
        self.appearance_std: Tensor
        self.pooled = nn.Linear(pooled, latent)
        self.both = nn.Linear(pooled + appearance, latent)
        for name, width in (("pooled", pooled), ("appearance", appearance)):
            self.register_buffer(f"{name}_mean", torch.zeros(width))
            self.register_buffer(f"{name}_std", torch.ones(width))

    def condition(self, pooled: Tensor, appearance: Tensor | None) -> Tensor:
        """Standardised (b, pooled + appearance), zeros where no appearance is given."""
        first = (pooled - self.pooled_mean) / self.pooled_std
        if appearance is None:
            second = first.new_zeros(len(first), len(self.appearance_mean))
        else:
            second = (appearance - self.appearance_mean) / self.appearance_std
        return torch.cat([first, second], dim=1)

    def forward(self, pooled: Tensor, appearance: Tensor | None) -> Tensor:
        """Latents (b, latent) of the vectors as decoded."""
        given = self.condition(pooled, appearance)
        return self.pooled(given[:, : pooled.shape[1]]) if appearance is None else self.both(given)


def load_regression(folder: Path, pooled: int, appearance: int, latent: int) -> Regression:
    """The regression of a shape prior's folder.

    Raises
    ------
    BrainvisError
        Missing, damaged or mismatching weights.
    """
    path = folder / REGRESSION
    if not path.is_file():
        raise BrainvisError("no such file", file=path, remedy="copy the whole checkpoint folder")
    model = Regression(pooled, appearance, latent)
    load_weights(model.half(), path)
    return model.float().eval().requires_grad_(False)


def build(condition: int, latent: int, heads: int, layers: int) -> Any:
    """A `PriorTransformer` with random weights, of width 32 * heads."""
    return PriorTransformer(
        num_attention_heads=heads,
        attention_head_dim=32,
        num_layers=layers,
        embedding_dim=latent,
        num_embeddings=1,
        additional_embeddings=3,  # condition, time, query
        encoder_hid_proj_type=None,
        embedding_proj_dim=condition,
        clip_embed_dim=latent,
    )


def schedule() -> Any:
    """Noise levels of the prior: cosine (Nichol & Dhariwal 2021, 2102.09672)."""
    return DDIMScheduler(
        beta_schedule="squaredcos_cap_v2",
        prediction_type="sample",
        clip_sample=False,
        timestep_spacing="trailing",
        set_alpha_to_one=True,
    )


def load_prior(folder: Path) -> tuple[Any, Any]:
    """Network and noise schedule of a shape prior's folder.

    Raises
    ------
    BrainvisError
        Missing, damaged or mismatching files.
    """
    return load_model(folder, "prior", PriorTransformer), load_scheduler(folder)


def sample(
    network: Any,
    scheduler: Any,
    condition: Tensor,
    noise: Tensor,
    steps: int,
    guidance: float = 1.0,
) -> Tensor:
    """Latents drawn for standardised conditions.

    Parameters
    ----------
    network, scheduler
        From `load_prior`.
    condition : tensor, (b, c)
    noise : tensor, (b, latent)
        Standard normal: where denoising starts.
    steps : int
    guidance : float
        Weight of classifier-free guidance; 1 and less is none (Ho & Salimans, 2207.12598).

    Returns
    -------
    tensor, (b, latent)
    """
    scheduler.set_timesteps(steps)
    latents = noise
    for time in scheduler.timesteps:
        clean = network(latents, time, condition).predicted_image_embedding
        if guidance > 1:
            bare = network(latents, time, torch.zeros_like(condition)).predicted_image_embedding
            clean = bare + guidance * (clean - bare)
        latents = scheduler.step(clean, time, latents).prev_sample
    return latents
