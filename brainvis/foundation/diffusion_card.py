"""The generator's model card: what made it, and how near its images come."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from brainvis.artifacts.fingerprint import fingerprint
from brainvis.containers import Stimuli
from brainvis.features.diffusers_parts import WEIGHTS
from brainvis.foundation import card as cards
from brainvis.generation.stable_diffusion import ADAPTER


def write_card(
    out: Path,
    source: Stimuli,
    rows: tuple[np.ndarray, np.ndarray],
    settings: dict[str, Any],
    losses: list[float],
    scores: dict[str, dict[str, float]],
    seconds: float,
    parts: dict[str, Any],
) -> dict[str, Any]:
    """Write ``model_card.json`` and ``README.md`` of a generator; return the card.

    Parameters
    ----------
    out : Path
        Folder with the finished weights.
    source : Stimuli
    rows : pair of ndarray of int
        Rows trained on, rows never trained on.
    settings, losses, scores : dict or list
        Of the training.
    seconds : float
        Wall time of the training.
    parts : dict
        Card of the autoencoder, name of the image-text model.
    """
    card = {
        "model": "generator",
        "data": cards.data_section(source, *rows),
        "code": fingerprint("brainvis.foundation.diffusion"),
        "settings": settings,
        "losses": losses,
        "held_out": scores,
        "training_seconds": round(seconds, 1),
        "weights": [
            cards.weights_section(out, name)
            for name in (f"vae/{WEIGHTS}", f"unet/{WEIGHTS}", ADAPTER)
        ],
        "parts": parts,
        "versions": cards.versions_section("diffusers", "transformers"),
    }
    return cards.write(out, card, _page(card))


def _page(card: dict[str, Any]) -> str:
    data, settings, autoencoder = card["data"], card["settings"], card["parts"]["autoencoder"]
    table = "\n".join(
        f"| {name} | {one['pixel_correlation']:.3f} | {one['ssim']:.3f} | {one['two_way']:.3f} |"
        for name, one in card["held_out"].items()
    )
    images = next(iter(card["held_out"].values()))["images"]
    return f"""# generator

A small latent diffusion model in the layout of diffusers: AutoencoderKL, UNet2DConditionModel and
an IP-Adapter that reads the patch tokens of the image-text model ({card["parts"]["image_text"]}).
Trained from scratch on {data["training_images"]} {data["kind"]} images ({data["dataset"]},
namespace "{data["namespace"]}") which no subject of any experiment sees; it knows nothing of
photographs.

`generator.json` says what it takes and how it is used; `brainvis.generation.registry` opens it.

{images} held-out images of the same world against what was drawn for them, weights as stored,
{settings["default_steps"]} steps, guidance {settings["default_guidance"]:g}:

| condition | pixel correlation | SSIM | two-way identification (chance 0.5) |
|---|---|---|---|
{table}

Vague tokens are the best linear guess at tokens from noisy measurements of their principal
components, as tokens decoded from a brain would be; half of the conditions in training were such
guesses. Coarse images have 8 x 8 pixels; from them the drawing starts at a strength of
{settings["default_strength"]:g}. Identification is by the pooled vector of the image-text model.

The autoencoder alone returns {autoencoder["held_out"]["images"]} held-out images with a peak
signal-to-noise ratio of {autoencoder["held_out"]["psnr"]:.1f} dB and SSIM
{autoencoder["held_out"]["ssim"]:.3f}: no drawn image can be expected to do better.

Seed {settings["seed"]}, {settings["steps"]} steps of {settings["batch"]} images,
{card["training_seconds"]:.0f} s on {settings["threads"]} threads (autoencoder
{autoencoder["training_seconds"]:.0f} s), code {card["code"]}, data {data["sha256"][:16]}. All
settings and losses are in `model_card.json`.
"""
