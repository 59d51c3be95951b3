"""Train the small video network of the embedded default: transformers' own VideoMAE.

It learns by masked autoencoding (Tong et al. 2022, arXiv 2203.12602): the same patches are hidden
in all frames (tubes), and their pixels, normalised patch by patch, are predicted from the others.
What is stored is the encoder alone, as ``VideoMAEModel`` saves it, so that the feature space
``transformers`` opens it like any published checkpoint.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from brainvis.artifacts import files
from brainvis.artifacts.fingerprint import fingerprint
from brainvis.containers import Stimuli
from brainvis.errors import BrainvisError
from brainvis.features.inputs import IMAGENET_MEAN, IMAGENET_STD
from brainvis.features.transformers_model import TransformersVision
from brainvis.foundation import card as cards
from brainvis.foundation.fitting import Fit, means, seeded
from brainvis.foundation.image_text import held_out_rows

if TYPE_CHECKING:
    import torch

WEIGHTS = "model.safetensors"
PROBED = ("velocity_x", "velocity_y", "speed", "object_red", "object_green", "object_blue")
_SHIFT = 6  # pixels that a clip is moved at most
_PENALTIES = np.logspace(-2, 6, 17)


def train(
    stimuli: Path,
    out: Path,
    *,
    steps: int = 800,
    batch: int = 8,
    width: int = 128,
    layers: int = 4,
    heads: int = 4,
    patch: int = 8,
    masked: float = 0.9,
    learning_rate: float = 1.5e-3,
    weight_decay: float = 0.05,
    held_out: float = 0.1,
    threads: int = 2,
    seed: int = 0,
) -> dict[str, Any]:
    """Train on the clips of a `Stimuli` file; write a folder for the feature kind ``transformers``.

    Parameters
    ----------
    stimuli : Path
        Clips that no subject sees, with columns of `PROBED`.
    out : Path
        Folder to fill: config.json, float32 safetensors weights, preprocessor_config.json, card.
    steps, batch : int
    width, layers, heads, patch : int
        Of the encoder; the decoder is half as wide and has two layers.
    masked : float
        Share of patches that are hidden.
    learning_rate, weight_decay : float
    held_out : float
        Share of clips that are only scored.
    threads, seed : int

    Returns
    -------
    dict
        The model card.

    Raises
    ------
    BrainvisError
        No clips, clips that are no squares of whole patches, too few for one batch.
    """
    settings = {name: value for name, value in locals().items() if name not in ("stimuli", "out")}
    source, started = Stimuli.open(stimuli), time.monotonic()
    training, testing = held_out_rows(len(source.ids), held_out, batch, seed, stimuli)
    clips = _clips(source, patch)
    with seeded(seed, threads) as generator:
        model = _autoencoder(clips.shape, settings)
        losses = _fit(model, clips[training], settings, generator)
        kept = _held_out_share(model, clips[testing], masked, generator)
        _write(out, model, clips.shape[-1])
        seconds = time.monotonic() - started
    scores = {"masked_pixels_explained": kept, **_probes(out, source, training, testing)}
    return _write_card(out, source, (training, testing), settings, losses, scores, seconds)


def _clips(source: Stimuli, patch: int) -> torch.Tensor:
    """All clips as (n, frames, 3, side, side) uint8."""
    import torch

    clips = torch.from_numpy(np.moveaxis(source.read("clips"), -1, 2).copy())
    frames, height, width = clips.shape[1], *clips.shape[3:]
    if height != width or height % patch or frames % 2:
        raise BrainvisError(
            f"needs square clips of whole {patch}-pixel patches and an even number of frames",
            file=source.path,
            field="clips",
            found=tuple(clips.shape),
        )
    return clips


def _autoencoder(shape: torch.Size, settings: dict[str, Any]) -> Any:
    from transformers import VideoMAEConfig, VideoMAEForPreTraining

    width = settings["width"]
    return VideoMAEForPreTraining(
        VideoMAEConfig(
            image_size=shape[-1],
            num_frames=shape[1],
            patch_size=settings["patch"],
            tubelet_size=2,
            hidden_size=width,
            num_hidden_layers=settings["layers"],
            num_attention_heads=settings["heads"],
            intermediate_size=4 * width,
            decoder_hidden_size=width // 2,
            decoder_num_hidden_layers=2,
            decoder_num_attention_heads=max(1, settings["heads"] // 2),
            decoder_intermediate_size=2 * width,
        )
    )


def _fit(
    model: Any, clips: torch.Tensor, settings: dict[str, Any], generator: torch.Generator
) -> list[float]:
    """Train in place; mean losses of twentieths of the training."""
    import torch

    steps, losses = settings["steps"], []
    fit = Fit(model.parameters(), settings["learning_rate"], settings["weight_decay"], steps)
    model.train()
    for _ in tqdm(range(steps), desc="video network", unit="step", disable=None):
        chosen = torch.randint(len(clips), (settings["batch"],), generator=generator)
        shown = prepared(varied(clips[chosen], generator))
        hidden = tubes(model.config, len(shown), settings["masked"], generator)
        losses.append(fit.step(model(shown, bool_masked_pos=hidden).loss))
    return means(losses)


def varied(clips: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Clips mirrored, reversed in time and moved by a few pixels at random, each as a whole.

    Parameters
    ----------
    clips : tensor, (b, frames, 3, side, side)
    generator : torch.Generator
    """
    import torch

    side = clips.shape[-1]
    coins = torch.rand(len(clips), 2, generator=generator) < 0.5
    moves = torch.randint(-_SHIFT, _SHIFT + 1, (len(clips), 2), generator=generator)
    made = []
    for clip, (mirror, back), move in zip(clips, coins.tolist(), moves.tolist(), strict=True):
        clip = clip.flip(-1) if mirror else clip
        clip = clip.flip(0) if back else clip
        rows, columns = ((torch.arange(side) + step).clamp(0, side - 1) for step in move)
        made.append(clip[:, :, rows][..., columns])
    return torch.stack(made)


def prepared(clips: torch.Tensor) -> torch.Tensor:
    """Clips of bytes as VideoMAE wants them: float32, ImageNet's mean and deviation."""
    import torch

    mean, std = (torch.tensor(one).view(3, 1, 1) for one in (IMAGENET_MEAN, IMAGENET_STD))
    return (clips.float() / 255 - mean) / std


def tubes(config: Any, count: int, masked: float, generator: torch.Generator) -> torch.Tensor:
    """Which tokens are hidden: as many patches in every clip, the same in all of its frames.

    Returns
    -------
    tensor, (count, tokens) bool
        Tokens in order of time, then of rows.
    """
    import torch

    patches = (config.image_size // config.patch_size) ** 2
    order = torch.rand(count, patches, generator=generator).argsort(dim=1)
    hidden = order < min(patches - 1, max(1, round(masked * patches)))
    return hidden.repeat(1, config.num_frames // config.tubelet_size)


def _held_out_share(
    model: Any, clips: torch.Tensor, masked: float, generator: torch.Generator
) -> float:
    """Share of the variance inside hidden patches that is predicted; 0 for their mean."""
    import torch

    model.eval()
    with torch.inference_mode():
        hidden = tubes(model.config, len(clips), masked, generator)
        return 1 - float(model(prepared(clips), bool_masked_pos=hidden).loss)


def _write(out: Path, model: Any, side: int) -> None:
    model.videomae.save_pretrained(out)
    inputs = {"image_mean": IMAGENET_MEAN, "image_std": IMAGENET_STD}
    size = {"height": side, "width": side}
    kind = {"image_processor_type": "VideoMAEImageProcessor"}
    files.write_json(out / "preprocessor_config.json", {**kind, **inputs, "size": size})


def _probes(
    out: Path, source: Stimuli, training: np.ndarray, testing: np.ndarray
) -> dict[str, float]:
    """Correlation of a linear reading of the stored network's pooled vector with attributes."""
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    network = TransformersVision(out, layers=(), device="cpu")
    parts = np.array_split(np.arange(len(source.ids)), max(1, len(source.ids) // 16))
    seen = [network.extract(source.read("clips", rows) / np.float32(255))[0] for rows in parts]
    x, found = np.concatenate(seen), {}
    for name in PROBED:
        if name not in source.table:
            continue
        y = source.table[name].to_numpy(dtype=float)
        probe = make_pipeline(StandardScaler(), RidgeCV(_PENALTIES)).fit(x[training], y[training])
        said = probe.predict(x[testing])
        found[f"{name}_r"] = float(np.corrcoef(said, y[testing])[0, 1])
    return found


def _write_card(
    out: Path,
    source: Stimuli,
    rows: tuple[np.ndarray, np.ndarray],
    settings: dict[str, Any],
    losses: list[float],
    scores: dict[str, float],
    seconds: float,
) -> dict[str, Any]:
    card = {
        "model": "video",
        "data": cards.data_section(source, *rows),
        "code": fingerprint("brainvis.foundation.video_model"),
        "settings": settings,
        "losses": losses,
        "held_out": scores,
        "training_seconds": round(seconds, 1),
        "weights": cards.weights_section(out, WEIGHTS),
        "versions": cards.versions_section("transformers"),
    }
    probes = "\n".join(
        f"| {name.removesuffix('_r')} | {value:.3f} |"
        for name, value in scores.items()
        if name.endswith("_r")
    )
    page = f"""# video

VideoMAE of the transformers library, small ({settings["layers"]} layers of width
{settings["width"]}), trained from scratch by masked autoencoding on {len(rows[0])}
{source.kind} clips that no subject of any experiment sees. Only the encoder is stored.

On {len(rows[1])} held-out clips it predicts {scores["masked_pixels_explained"]:.3f} of the variance
inside hidden patches (0: their mean). Correlation with attributes of held-out clips, read linearly
from the mean token (chance 0):

| attribute | r |
|---|---|
{probes}

Seed {settings["seed"]}, {settings["steps"]} steps of {settings["batch"]} clips, {seconds:.0f} s on
{settings["threads"]} threads, code {card["code"]}, data {card["data"]["sha256"][:16]}. All settings
and losses are in `model_card.json`.
"""
    return cards.write(out, card, page)
