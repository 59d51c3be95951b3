"""From decoded tokens to a shape latent: a small regression network, or a diffusion prior.

Both see the same condition: principal components of the image's tokens, and where given a
low-level appearance vector beside them; zeros stand for what is not given. The regression is linear
plus what two hidden layers add; it guesses the mean of all shapes that fit. The diffusion prior is
diffusers' `PriorTransformer` on a sequence of condition, time, noisy latent and query, predicting
the clean latent as the prior of DALL-E 2 does (Ramesh et al. 2022, 2204.06125); it draws one shape.
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
    """The condition of tokens and appearance, and the mean latent that it stands for.

    Parameters
    ----------
    tokens : int
        Numbers in all tokens of an image together.
    components : int
        Principal components that stand for them.
    appearance, latent : int
        Lengths of the vectors.
    hidden : int
        Width of the hidden layers.
    dropout : float
        While it trains.
    """

    tokens_mean: Tensor
    tokens_axes: Tensor
    tokens_spread: Tensor
    appearance_mean: Tensor
    appearance_std: Tensor

    def __init__(
        self,
        tokens: int,
        components: int,
        appearance: int,
        latent: int,
        hidden: int,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.register_buffer("tokens_mean", torch.zeros(tokens))
        self.register_buffer("tokens_axes", torch.zeros(tokens, components))
        self.register_buffer("tokens_spread", torch.ones(()))
        self.register_buffer("appearance_mean", torch.zeros(appearance))
        self.register_buffer("appearance_std", torch.ones(appearance))
        self.linear = nn.Linear(components + appearance, latent)
        self.bent = nn.Sequential(
            nn.Linear(components + appearance, hidden), nn.GELU(), nn.Dropout(dropout),
            nn.Linear(hidden, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, latent),
        )  # fmt: skip

    def condition(self, tokens: Tensor, appearance: Tensor | None) -> Tensor:
        """Components of flat tokens (b, tokens), then appearance or zeros: (b, components + a)."""
        first = (tokens - self.tokens_mean) @ self.tokens_axes / self.tokens_spread
        if appearance is None:
            second = first.new_zeros(len(first), len(self.appearance_mean))
        else:
            second = (appearance - self.appearance_mean) / self.appearance_std
        return torch.cat([first, second], dim=1)

    def forward(self, condition: Tensor) -> Tensor:
        """Latents (b, latent) of conditions (b, components + a)."""
        return self.linear(condition) + self.bent(condition)


def load_regression(
    folder: Path, tokens: int, components: int, appearance: int, latent: int, hidden: int
) -> Regression:
    """The regression of a shape prior's folder; sizes as `Regression` takes them.

    Raises
    ------
    BrainvisError
        Missing, damaged or mismatching weights.
    """
    path = folder / REGRESSION
    if not path.is_file():
        raise BrainvisError("no such file", file=path, remedy="copy the whole checkpoint folder")
    model = Regression(tokens, components, appearance, latent, hidden)
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
