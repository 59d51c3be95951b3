"""Train the shape prior of the embedded default on objects that no subject sees.

Three parts, one after the other: the autoencoder of shapes, a ridge regression from embeddings of
the objects' images to shape latents, and a diffusion prior that does the same. What is better on
one half of the held-out objects, when embeddings are as vague as a brain's, becomes the default;
the other half is what the card reports.
"""

from __future__ import annotations

import time
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
from brainvis.objects3d.shape_prior import AUTOENCODER, SETTINGS, ShapePrior
from brainvis.objects3d.truth import true_voxels

if TYPE_CHECKING:
    import torch

    from brainvis.objects3d.network import ShapeAutoencoder

_PATHS = ("stimuli", "meshes", "image_text", "out")
_CELLS = 8  # along a side of the appearance vector's grid of colours


def train(
    stimuli: Path,
    meshes: Path,
    image_text: Path,
    out: Path,
    *,
    steps: int = 300,
    batch: int = 12,
    shape: int = 128,
    color: int = 64,
    width: int = 64,
    hidden: int = 256,
    learning_rate: float = 3e-3,
    jitter: float = 0.15,
    painted: float = 2.0,
    prior_steps: int = 500,
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
        Folder of the model whose pooled vectors are the condition.
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
        Noise on latents in training, as a share of their typical spread: what is decoded from
        brains will never be exact.
    painted : float
        Weight of the colour's error.
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
    clip, low = OpenClip(image_text, (), device="cpu"), Pixels(_CELLS)
    shapes = Grids.of(true_voxels(meshes, source, workers))
    out.mkdir(parents=True, exist_ok=True)
    with seeded(seed, threads) as generator:
        model, shape_losses = _autoencoder(shapes, training, settings, generator)
        latents = _write_autoencoder(out, model, shapes)
        conditions = Conditions.of(source, clip, low, training)
        fit_regression(out, conditions, latents, training)
        prior_losses = fit_prior(out, conditions, latents, training, settings, generator)
        description = _description(clip, conditions, settings)
        files.write_json(out / CARD, description)
        seconds = time.monotonic() - started
        truth = Truth.of(meshes, source, testing, shapes, meshed)
        choosing, scores = held_out_scores(
            ShapePrior(out, device="cpu"), truth, conditions, latents, training, seed
        )
    better = max(("ridge", "diffusion"), key=lambda one: choosing[f"{one}, vague embedding"])
    files.write_json(out / CARD, description | {"route": better})
    losses = {"autoencoder": shape_losses, "prior": prior_losses}
    return write_card(
        out, source, (training, testing), meshes, settings, losses, scores, choosing, better,
        clip.name, seconds,
    )  # fmt: skip


def _description(clip: OpenClip, conditions: Any, settings: dict[str, Any]) -> dict[str, Any]:
    """Content of ``generator.json``; see `brainvis.generation.card`."""
    return {
        "backend": "shape-prior",
        "condition": {
            "space": "image-text",
            "model": clip.name,
            "tokens": 1,
            "width": conditions.pooled.shape[1],
        },
        "appearance": {"space": f"pixels {_CELLS}x{_CELLS}", "width": 3 * _CELLS**2},
        "route": "ridge",
        "defaults": {"steps": settings["default_steps"], "strength": 1.0, "guidance": 1.0},
    }


def _autoencoder(
    shapes: Grids, rows: np.ndarray, settings: dict[str, Any], generator: torch.Generator
) -> tuple[ShapeAutoencoder, list[float]]:
    """Principal components and a trained decoder; mean losses of twentieths of the training."""
    import torch

    from brainvis.objects3d.network import ShapeAutoencoder

    solid, color, near = (
        torch.from_numpy(getattr(shapes, name)[rows]) for name in ("solid", "color", "near")
    )
    names = ("shape", "color", "width", "hidden")
    model = ShapeAutoencoder(**{name: settings[name] for name in names})
    model.fit_encoder(solid, color)
    codes = torch.stack([model.encode(solid, color), model.encode(solid.flip(1), color.flip(1))], 1)
    fit = Fit(model.parameters(), settings["learning_rate"], 0.01, settings["steps"])
    average, losses = Average(model, 0.99), []
    for _ in tqdm(range(settings["steps"]), desc="shapes", unit="step", disable=None):
        chosen = torch.randint(len(rows), (settings["batch"],), generator=generator)
        mirror = torch.rand(len(chosen), generator=generator) < 0.5
        noise = torch.randn(len(chosen), model.latent, generator=generator)
        wanted = [_mirrored(part[chosen], mirror) for part in (solid, color, near)]
        made = model.decode(codes[chosen, mirror.long()] + settings["jitter"] * noise)
        losses.append(fit.step(_loss(made, wanted, settings["painted"])))
        average.update()
    average.install()
    return model.eval(), means(losses)


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


def _write_autoencoder(out: Path, model: ShapeAutoencoder, shapes: Grids) -> np.ndarray:
    """Write weights in half precision; return the latents of all shapes as stored weights give."""
    import torch
    from safetensors.torch import save_file

    from brainvis.objects3d.shape_prior import load_autoencoder

    files.write_json(out / SETTINGS, model.settings)
    halves = {name: value.detach().half() for name, value in model.state_dict().items()}
    save_file({name: value.contiguous() for name, value in halves.items()}, out / AUTOENCODER)
    with torch.inference_mode():
        solid, color = torch.from_numpy(shapes.solid), torch.from_numpy(shapes.color)
        return load_autoencoder(out).encode(solid, color).numpy()
