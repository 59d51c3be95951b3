"""Train the image autoencoder of the embedded generator: diffusers' own AutoencoderKL, small.

Loss: absolute and squared error of the pixels plus a light Kullback-Leibler term (Rombach et al.
2022, arXiv 2112.10752). The network starts as a nearly linear map that keeps the variance of its
input: residual branches at zero (Zhang et al. 2019, arXiv 1901.09321), the other weights by
fan-in, latents almost without noise. In the few hundred steps that a small budget holds, that
start is worth several decibels.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from brainvis.artifacts.fingerprint import fingerprint
from brainvis.containers import Stimuli
from brainvis.features.diffusers_parts import WEIGHTS, load_model
from brainvis.features.inputs import channels_first
from brainvis.foundation import card as cards
from brainvis.foundation.fitting import Fit, means, seeded
from brainvis.foundation.image_text import held_out_rows

if TYPE_CHECKING:
    import torch

Model = Any  # diffusers annotates its parts too loosely to be checked

_BATCH = 64  # images in one pass without gradients
_QUIET = -6.0  # log variance of latents at the start
_SCALED = 512  # training images whose latents set the scale


def train(
    stimuli: Path,
    out: Path,
    *,
    steps: int = 1400,
    batch: int = 8,
    channels: Sequence[int] = (16, 32, 64),
    latent_channels: int = 4,
    squared: float = 4.0,
    divergence: float = 2e-4,
    learning_rate: float = 3e-3,
    held_out: float = 0.1,
    threads: int = 2,
    seed: int = 0,
) -> dict[str, Any]:
    """Train on the images of a `Stimuli` file; write a folder that diffusers loads.

    Parameters
    ----------
    stimuli : Path
        Images that no subject sees.
    out : Path
        Folder to fill: ``vae/`` as diffusers saves it (float16), model card.
    steps, batch : int
    channels : sequence of int
        Of the resolutions, finest first; each but the last halves the side.
    latent_channels : int
        Stable Diffusion's pipelines take four.
    squared : float
        Weight of the squared error beside the absolute one; it keeps rare colours.
    divergence : float
        Weight of the Kullback-Leibler term, per latent number.
    learning_rate : float
    held_out : float
        Share of images that are only scored; the same images as for the image-text model of the
        same seed.
    threads : int
    seed : int

    Returns
    -------
    dict
        The model card.

    Raises
    ------
    BrainvisError
        Too few images for one batch.
    """
    settings = {name: value for name, value in locals().items() if name not in ("stimuli", "out")}
    source, started = Stimuli.open(stimuli), time.monotonic()
    training, testing = held_out_rows(len(source.ids), held_out, batch, seed, stimuli)
    images = channels_first(source.images()) * 2 - 1  # the range that diffusers gives its decoders
    with seeded(seed, threads) as generator:
        model = build(channels, latent_channels, images.shape[-1])
        losses = _fit(model, images[training], settings, generator)
        some = latents(model, images[training[:_SCALED]])
        model.register_to_config(scaling_factor=1 / float(some.std()))
        model.half().save_pretrained(out / "vae")
        seconds = time.monotonic() - started
        scores = held_out_scores(open_autoencoder(out), images[testing])
    return _write_card(out, source, (training, testing), settings, losses, scores, seconds)


def open_autoencoder(folder: Path) -> Model:
    """The autoencoder in ``vae/`` of a checkpoint folder.

    Raises
    ------
    BrainvisError
        Missing, pickled, damaged or mismatching files.
    """
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

    return load_model(folder, "vae", AutoencoderKL)


def build(channels: Sequence[int], latent_channels: int, size: int) -> Model:
    """An AutoencoderKL as small as diffusers allows, at its nearly linear start."""
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from torch.nn.init import kaiming_normal_, zeros_

    shape: dict[str, Any] = {
        "down_block_types": ("DownEncoderBlock2D",) * len(channels),
        "up_block_types": ("UpDecoderBlock2D",) * len(channels),
        "block_out_channels": tuple(channels),
    }
    model = AutoencoderKL(
        **shape,
        layers_per_block=1,
        latent_channels=latent_channels,
        norm_num_groups=8,
        sample_size=size,
    )
    for name, value in model.named_parameters():
        if ".conv2." in name or ".to_out." in name:  # last of a residual branch
            zeros_(value)
        elif value.ndim >= 2:
            kaiming_normal_(value, nonlinearity="linear")
        elif "norm" not in name:
            zeros_(value)
    spread: Any = model.quant_conv  # its second half gives the log variance of the latents
    spread.weight.data[latent_channels:] = 0
    spread.bias.data[latent_channels:] = _QUIET
    return model


def latents(model: Model, images: torch.Tensor) -> torch.Tensor:
    """Most likely latents, unscaled: (n, 3, height, width) in [-1, 1] to (n, c, h, w)."""
    import torch

    model.eval()
    with torch.inference_mode():
        parts = [model.encode(part).latent_dist.mode() for part in images.split(_BATCH)]
    return torch.cat(parts).clone()


def held_out_scores(model: Model, images: torch.Tensor) -> dict[str, float]:
    """Peak signal-to-noise ratio and structural similarity of images sent through the model.

    Parameters
    ----------
    model : Model
    images : tensor, (n, 3, height, width)
        In [-1, 1].
    """
    import torch

    from brainvis.evaluate.metrics import mean_squared_error, ssim

    with torch.inference_mode():
        parts = [model.decode(code).sample for code in latents(model, images).split(_BATCH)]
    real, made = (_channels_last(one) for one in (images, torch.cat(parts)))
    flat = np.broadcast_to(real.mean(axis=0), real.shape)
    return {
        "psnr": float(-10 * np.log10(mean_squared_error(real, made)).mean()),
        "ssim": float(ssim(real, made).mean()),
        "psnr_of_the_mean_image": float(-10 * np.log10(mean_squared_error(real, flat)).mean()),
        "images": len(images),
    }


def _channels_last(images: torch.Tensor) -> np.ndarray:
    return (images / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).numpy()


def _fit(
    model: Model,
    images: torch.Tensor,
    settings: dict[str, Any],
    generator: torch.Generator,
) -> list[float]:
    """Train in place; mean losses of twentieths of the training."""
    import torch

    steps, losses = settings["steps"], []
    fit = Fit(model.parameters(), settings["learning_rate"], 0.01, steps)
    model.train()
    for _ in tqdm(range(steps), desc="autoencoder", unit="step", disable=None):
        chosen = torch.randint(len(images), (settings["batch"],), generator=generator)
        mirrored = torch.rand(len(chosen), 1, 1, 1, generator=generator) < 0.5
        shown = torch.where(mirrored, images[chosen].flip(-1), images[chosen])
        posterior = model.encode(shown).latent_dist
        made = model.decode(posterior.sample(generator)).sample
        error = (made - shown).abs().mean() + settings["squared"] * (made - shown).square().mean()
        divergence = posterior.kl().mean() / posterior.mean[0].numel()
        losses.append(fit.step(error + settings["divergence"] * divergence))
    return means(losses)


def _write_card(
    out: Path,
    source: Stimuli,
    rows: tuple[np.ndarray, np.ndarray],
    settings: dict[str, Any],
    losses: list[float],
    scores: dict[str, float],
    seconds: float,
) -> dict[str, Any]:
    made = {
        "model": "autoencoder",
        "data": cards.data_section(source, *rows),
        "code": fingerprint("brainvis.foundation.autoencoder"),
        "settings": settings,
        "losses": losses,
        "held_out": scores,
        "training_seconds": round(seconds, 1),
        "weights": cards.weights_section(out, f"vae/{WEIGHTS}"),
        "versions": cards.versions_section("diffusers"),
    }
    page = f"""# autoencoder

diffusers' AutoencoderKL, small, trained from scratch on {len(rows[0])} {source.kind} images that
no subject of any experiment sees. {scores["images"]} held-out images come back with a peak
signal-to-noise ratio of {scores["psnr"]:.1f} dB (the mean image: {
        scores["psnr_of_the_mean_image"]:.1f} dB) and SSIM {scores["ssim"]:.3f}.

Seed {settings["seed"]}, {seconds:.0f} s on {settings["threads"]} threads, code {made["code"]}, data
{made["data"]["sha256"][:16]}. All settings and losses are in `model_card.json`.
"""
    return cards.write(out, made, page)
