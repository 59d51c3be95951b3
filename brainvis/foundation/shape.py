"""Train the shape prior of the embedded default on objects that no subject sees.

Latents are principal components of shapes. A regression learns to guess them from the tokens of
objects' images, a diffusion prior to draw them, and the decoder to draw shapes from true latents as
well as from guesses, for what is decoded from brains is always a guess. What is better on one half
of the held-out objects, when tokens are as vague as a brain's, becomes the default; the other half
is what the card reports.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from brainvis.artifacts import files
from brainvis.containers import Stimuli
from brainvis.features.open_clip_model import OpenClip
from brainvis.features.pixels import Pixels
from brainvis.foundation.fitting import Average, Fit, means, seeded
from brainvis.foundation.image_text import held_out_rows
from brainvis.foundation.shape_card import write_card
from brainvis.foundation.shape_latents import Conditions, fit_prior, fit_regression
from brainvis.foundation.shape_scores import Grids, Truth, held_out_scores
from brainvis.generation.card import CARD
from brainvis.objects3d.latent_prior import REGRESSION
from brainvis.objects3d.shape_prior import AUTOENCODER, ROUTES, SETTINGS, ShapePrior
from brainvis.objects3d.truth import true_voxels

if TYPE_CHECKING:
    import torch

    from brainvis.objects3d.network import ShapeAutoencoder

_PATHS = ("stimuli", "meshes", "image_text", "out")
_BATCH = 64
_CELLS = 8  # along a side of the appearance vector's grid of colours


def train(
    stimuli: Path,
    meshes: Path,
    image_text: Path,
    out: Path,
    *,
    steps: int = 600,
    batch: int = 12,
    shape: int = 128,
    color: int = 64,
    width: int = 64,
    hidden: int = 256,
    learning_rate: float = 3e-3,
    jitter: float = 0.15,
    guessed: float = 0.5,
    painted: float = 2.0,
    components: int = 256,
    regression_steps: int = 2000,
    regression_hidden: int = 768,
    regression_dropout: float = 0.3,
    regression_rate: float = 2e-3,
    prior_steps: int = 1000,
    prior_batch: int = 128,
    prior_layers: int = 4,
    prior_heads: int = 4,
    prior_learning_rate: float = 1e-3,
    default_steps: int = 20,
    held_out: float = 0.1,
    meshed: int = 16,
    workers: int = 2,
    threads: int = 2,
    seed: int = 0,
) -> dict[str, Any]:
    """Train on the objects of a `Stimuli` file; write a generator folder.

    Parameters
    ----------
    stimuli, meshes : Path
        Objects that no subject sees: their images, and the folder of their meshes.
    image_text : Path
        Folder of the model whose tokens are the condition.
    out : Path
        Folder to fill; see `brainvis.objects3d.shape_prior`.
    steps, batch : int
        Of the autoencoder's decoder.
    shape, color : int
        Lengths of the two parts of the latent.
    width, hidden : int
        Of the decoder; see `brainvis.objects3d.network.ShapeAutoencoder`.
    learning_rate : float
    jitter : float
        Noise on latents in the decoder's training, as a share of their typical spread.
    guessed : float
        Share of the decoder's steps on guesses of the regression.
    painted : float
        Weight of the colour's error.
    components : int
        Principal components of tokens that are the condition.
    regression_steps, regression_hidden, regression_dropout, regression_rate
        Of the regression; its batch is the prior's.
    prior_steps, prior_batch, prior_layers, prior_heads : int
        Of the diffusion prior.
    prior_learning_rate : float
    default_steps : int
        Denoising steps, written into ``generator.json``.
    held_out : float
        Share of objects that are only scored.
    meshed : int
        Held-out objects whose meshes are compared, besides the grids of all.
    workers, threads : int
        Processes that voxelise, threads of torch.
    seed : int

    Returns
    -------
    dict
        The model card.

    Raises
    ------
    BrainvisError
        Too few objects for one batch, missing or unusable meshes.
    """
    given = dict(locals())
    settings = {name: value for name, value in given.items() if name not in _PATHS}
    source, started = Stimuli.open(stimuli), time.monotonic()
    training, testing = held_out_rows(len(source.ids), held_out, batch, seed, stimuli)
    clip, low = OpenClip(image_text, (-1,), device="cpu"), Pixels(_CELLS)
    shapes = Grids.of(true_voxels(meshes, source, workers))
    out.mkdir(parents=True, exist_ok=True)
    with seeded(seed, threads) as generator:
        model = _encoder(shapes, training, settings)
        latents = _latents(model, shapes)
        conditions = Conditions.of(source, clip, low, training, components)
        regression, guess_losses = fit_regression(
            conditions, latents, training, settings, generator
        )
        shape_losses = _fit_decoder(
            model, shapes, latents, training, settings, generator,
            lambda rows, mirror: regression(conditions.varied(rows, mirror, generator)),
        )  # fmt: skip
        write_halves(model, out / AUTOENCODER)
        write_halves(regression, out / REGRESSION)
        files.write_json(out / SETTINGS, model.settings)
        prior_losses = fit_prior(out, conditions, latents, training, settings, generator)
        description = _description(clip, conditions, settings)
        files.write_json(out / CARD, description)
        seconds = time.monotonic() - started
        truth = Truth.of(meshes, source, testing, shapes, meshed)
        choosing, scores = held_out_scores(
            ShapePrior(out, device="cpu"), truth, conditions, latents[:, 0].numpy(), training, seed
        )
    better = max(ROUTES, key=lambda one: choosing[f"{one}, vague tokens"])
    files.write_json(out / CARD, description | {"route": better})
    losses = {"decoder": shape_losses, "regression": guess_losses, "prior": prior_losses}
    return write_card(
        out, source, (training, testing), meshes, settings, losses, scores, choosing, better,
        clip.name, seconds,
    )  # fmt: skip


def _description(
    clip: OpenClip, conditions: Conditions, settings: dict[str, Any]
) -> dict[str, Any]:
    """Content of ``generator.json``; see `brainvis.generation.card`."""
    tokens, width = conditions.tokens
    return {
        "backend": "shape-prior",
        "condition": {
            "space": "image-text", "model": clip.name, "tokens": tokens, "width": width
        },
        "appearance": {"space": f"pixels {_CELLS}x{_CELLS}", "width": 3 * _CELLS**2},
        "regression": {
            "components": conditions.scale.tokens_axes.shape[1],
            "hidden": settings["regression_hidden"],
        },
        "route": "regression",
        "defaults": {"steps": settings["default_steps"], "strength": 1.0, "guidance": 1.0},
    }  # fmt: skip


def _encoder(shapes: Grids, rows: np.ndarray, settings: dict[str, Any]) -> ShapeAutoencoder:
    """Principal components of training shapes, as they are stored, and a fresh decoder."""
    import torch

    from brainvis.objects3d.network import ShapeAutoencoder

    names = ("shape", "color", "width", "hidden")
    model = ShapeAutoencoder(**{name: settings[name] for name in names})
    model.fit_encoder(torch.from_numpy(shapes.solid[rows]), torch.from_numpy(shapes.color[rows]))
    return model.half().float()


def _latents(model: ShapeAutoencoder, shapes: Grids) -> torch.Tensor:
    """Latents of all shapes and of their mirror images, (n, 2, latent)."""
    import torch

    solid, color = torch.from_numpy(shapes.solid), torch.from_numpy(shapes.color)
    with torch.no_grad():
        return torch.cat(
            [
                torch.stack([model.encode(a, b), model.encode(a.flip(1), b.flip(1))], dim=1)
                for a, b in zip(solid.split(_BATCH), color.split(_BATCH), strict=True)
            ]
        )


def _fit_decoder(
    model: ShapeAutoencoder,
    shapes: Grids,
    latents: torch.Tensor,
    rows: np.ndarray,
    settings: dict[str, Any],
    generator: torch.Generator,
    guess: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
) -> list[float]:
    """Train the decoder on noisy true latents and on guesses; mean losses of twentieths."""
    import torch

    fit = Fit(model.parameters(), settings["learning_rate"], 0.01, settings["steps"])
    average, losses = Average(model, 0.99), []
    for _ in tqdm(range(settings["steps"]), desc="shapes", unit="step", disable=None):
        drawn = torch.randint(len(rows), (settings["batch"],), generator=generator)
        chosen = torch.from_numpy(rows)[drawn]
        mirror = torch.randint(2, (len(chosen),), generator=generator)
        with torch.no_grad():
            guessed = guess(chosen, mirror)
        true = latents[chosen, mirror]
        noisy = true + settings["jitter"] * torch.randn(true.shape, generator=generator)
        told = torch.rand(len(chosen), 1, generator=generator) < settings["guessed"]
        wanted = [
            _mirrored(torch.from_numpy(getattr(shapes, name)[chosen.numpy()]), mirror.bool())
            for name in ("solid", "color", "near")
        ]
        made = model.decode(torch.where(told, guessed, noisy))
        losses.append(fit.step(_loss(made, wanted, settings["painted"])))
        average.update()
    average.install()
    model.eval()
    return means(losses)


def _mirrored(grid: torch.Tensor, mirror: torch.Tensor) -> torch.Tensor:
    """Grids (b, x, ...) of which some have left and right changed."""
    import torch

    return torch.where(mirror.view(-1, *(1,) * (grid.ndim - 1)), grid.flip(1), grid)


def _loss(
    made: tuple[torch.Tensor, torch.Tensor], wanted: list[torch.Tensor], painted: float
) -> torch.Tensor:
    """Cross-entropy of solidity, and absolute error of colours at the surface."""
    from torch.nn.functional import binary_cross_entropy_with_logits

    solid, color, near = wanted
    shape = binary_cross_entropy_with_logits(made[0], solid.float() / 255, reduction="mean")
    error = (made[1] - color.permute(0, 4, 1, 2, 3).float() / 255).abs().mean(dim=1)  # (b, x, y, z)
    return 10 * shape + painted * (error * near).sum() / near.sum().clamp(min=1)


def write_halves(model: torch.nn.Module, path: Path) -> None:
    """Write weights and buffers in half precision."""
    from safetensors.torch import save_file

    halves = {name: value.detach().half() for name, value in model.state_dict().items()}
    save_file({name: value.contiguous() for name, value in halves.items()}, path)
