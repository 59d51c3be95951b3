"""Train motion modules for the embedded generator: AnimateDiff's, small (Guo et al. 2307.04725).

The image model stays as it is. Only the temporal layers between its blocks learn, to denoise the
frames of a clip together; they begin as the identity, so that before the first step the network
is the image model on every frame. A third of the clips go backwards, which is a clip as well.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from brainvis.animation.animatediff import ImageModel, motion_network
from brainvis.animation.card import CARD
from brainvis.artifacts import files
from brainvis.containers import Stimuli
from brainvis.features.inputs import channels_first
from brainvis.features.open_clip_model import OpenClip
from brainvis.foundation.autoencoder import latents
from brainvis.foundation.diffusion import weights
from brainvis.foundation.fitting import Average, Fit, means, seeded
from brainvis.foundation.image_text import held_out_rows
from brainvis.foundation.motion_card import write_card
from brainvis.foundation.motion_scores import held_out_scores
from brainvis.generation.card import read_card

if TYPE_CHECKING:
    import torch

Model = Any  # diffusers annotates its parts too loosely to be checked

_REVERSED = 1 / 3  # share of clips that go backwards


def train(
    clips: Path,
    generator: Path,
    image_text: Path,
    out: Path,
    *,
    steps: int = 160,
    batch: int = 2,
    heads: int = 4,
    learning_rate: float = 1e-3,
    limit: float = 5.0,
    average: float = 0.98,
    dropped: float = 0.3,
    noisiest: float = 0.7,
    held_out: float = 0.1,
    strengths: tuple[float, ...] = (0.08, 0.16, 0.32),
    default_steps: int = 25,
    default_guidance: float = 1.0,
    threads: int = 2,
    seed: int = 0,
) -> dict[str, Any]:
    """Train on the clips of a `Stimuli` file; write an animator's folder.

    Parameters
    ----------
    clips : Path
        Clips that no subject sees, with their exact flow.
    generator, image_text : Path
        Folders of the image model and of the model that makes its conditions.
    out : Path
        Folder to fill: ``motion_adapter/`` (float16), ``animator.json``, model card.
    steps, batch : int
    heads : int
        Of temporal attention.
    learning_rate : float
    limit : float
        See `brainvis.foundation.diffusion.weights`.
    average : float
        Of the exponential average of the weights.
    dropped : float
        Share of clips whose condition, the tokens of the first frame, is left out.
    noisiest : float
        Noise levels are drawn up to this share; refinement never begins at pure noise.
    held_out : float
        Share of clips that are only scored. The strength is chosen in one half of them, and the
        card reports the other.
    strengths : tuple of float
        Strengths to choose from; see `motion_scores.held_out_scores`.
    default_steps, default_guidance
        Written into ``animator.json`` beside the chosen strength.
    threads : int
    seed : int

    Returns
    -------
    dict
        The model card.

    Raises
    ------
    BrainvisError
        No clips or too few of them, or parts that do not fit together.
    """
    given = dict(locals())
    settings = {name: value for name, value in given.items() if name not in _PATHS}
    source, started = Stimuli.open(clips), time.monotonic()
    training, testing = held_out_rows(len(source.ids), held_out, batch, seed, clips)
    with seeded(seed, threads) as noise:
        images = ImageModel(generator, read_card(generator), "cpu")
        data = _prepare(source, training, images, OpenClip(image_text, (-1,), device="cpu"))
        adapter = build(images.unet, data[0].shape[1], heads)
        network: Any = motion_network(images.unet, adapter, out)
        losses = _fit(network, images, data, settings, noise)
        _take(adapter, network)
        adapter.half().save_pretrained(out / "motion_adapter")
        seconds = time.monotonic() - started
        _describe(out, generator, settings, settings["strengths"][0])
        scores = held_out_scores(out, source, testing, settings)
        _describe(out, generator, settings, scores["strength"])
    return write_card(
        out, source, (training, testing), settings, losses, scores, seconds, images.name
    )


_PATHS = ("clips", "generator", "image_text", "out")


def _describe(out: Path, generator: Path, settings: dict[str, Any], strength: float) -> None:
    """Write ``animator.json``; it names the image model by its path from the folder."""
    named = os.path.relpath(generator.resolve(), out.resolve())
    defaults = {
        "steps": settings["default_steps"],
        "strength": strength,
        "guidance": settings["default_guidance"],
    }
    card = {"backend": "animatediff-video2video", "generator": named, "defaults": defaults}
    files.write_json(out / CARD, card)


def build(unet: Model, frames: int, heads: int) -> Model:
    """Motion modules for a network, which change nothing yet."""
    from diffusers.models.unets.unet_motion_model import MotionAdapter
    from torch.nn.init import zeros_

    adapter = MotionAdapter(
        block_out_channels=tuple(unet.config.block_out_channels),
        motion_layers_per_block=unet.config.layers_per_block,
        motion_num_attention_heads=heads,
        motion_norm_num_groups=unet.config.norm_num_groups,
        motion_max_seq_length=max(frames, 32),
    )
    for name, value in adapter.named_parameters():
        if ".proj_out." in name:  # last of a residual branch
            zeros_(value)
    return adapter


def _prepare(
    source: Stimuli, rows: np.ndarray, images: ImageModel, clip: OpenClip
) -> tuple[torch.Tensor, torch.Tensor]:
    """Latents (n, frames, c, h, w) of clips, standardised tokens (n, tokens, width) of frame 1."""
    import torch

    codes, tokens = [], []
    for row in tqdm(rows, desc="latents and tokens", unit="clip", disable=None):
        frames = source.read("clips", slice(row, row + 1))[0].astype(np.float32) / 255
        code = latents(images.vae, channels_first(frames) * 2 - 1)
        codes.append(code * images.vae.config.scaling_factor)
        tokens.append(np.asarray(clip.extract(frames[:1])[1], np.float32)[0])
    card = read_card(images.folder)
    condition = (np.stack(tokens) - card.mean) / card.std
    return torch.stack(codes), torch.from_numpy(condition.astype(np.float32))


def _fit(
    network: Model,
    images: ImageModel,
    data: tuple[torch.Tensor, torch.Tensor],
    settings: dict[str, Any],
    generator: torch.Generator,
) -> list[float]:
    """Train the temporal layers in place; mean losses of twentieths of the training."""
    import torch

    network.requires_grad_(False)
    parts = [one for name, one in network.named_modules() if name.endswith("motion_modules")]
    learning = torch.nn.ModuleList(parts).requires_grad_(True)
    steps, losses, scheduler = settings["steps"], [], images.scheduler
    fit = Fit(learning.parameters(), settings["learning_rate"], 0.01, steps)
    mean = Average(learning, settings["average"])
    levels = round(settings["noisiest"] * len(scheduler.alphas_cumprod))
    for _ in tqdm(range(steps), desc="motion modules", unit="step", disable=None):
        clean, tokens = _draw(data, settings, generator)
        noise = torch.randn(clean.shape, generator=generator)
        times = torch.randint(max(levels, 1), (len(clean),), generator=generator)
        noisy, wanted = (
            made(clean, noise, times).transpose(1, 2)  # (b, c, f, h, w)
            for made in (scheduler.add_noise, scheduler.get_velocity)
        )
        prompt = images.prompt.expand(len(clean) * clean.shape[1], -1, -1)
        shown = {"image_embeds": [tokens[:, None]]}
        made = network(noisy, times, encoder_hidden_states=prompt, added_cond_kwargs=shown).sample
        error = (made - wanted).square().mean(dim=(1, 2, 3, 4))  # (b,)
        losses.append(fit.step((weights(scheduler, times, settings["limit"]) * error).mean()))
        mean.update()
    mean.install()
    return means(losses)


def _draw(
    data: tuple[torch.Tensor, torch.Tensor], settings: dict[str, Any], generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Latents (b, f, c, h, w) of random clips, some backwards, and tokens, some left out."""
    import torch

    codes, tokens = data
    rows = torch.randint(len(codes), (settings["batch"],), generator=generator)
    back, gone = (torch.rand(len(rows), generator=generator) < share
                  for share in (_REVERSED, settings["dropped"]))  # fmt: skip
    clean = torch.where(back.view(-1, 1, 1, 1, 1), codes[rows].flip(1), codes[rows])
    # tokens tell of the first frame, which the last is when a clip goes backwards
    return clean, tokens[rows] * (~(gone | back)).view(-1, 1, 1)


def _take(adapter: Model, network: Model) -> None:
    """Give the adapter the temporal layers of the trained network."""
    state = network.state_dict()
    adapter.load_state_dict({name: state[name] for name in adapter.state_dict()})
