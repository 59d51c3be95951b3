"""Train the image-text model of the embedded default: a small CLIP of open_clip's own parts.

Loss: for captions, category prompts and supercategory prompts alike, contrastive over the images
and the distinct texts of a batch, in both directions, every image that a text is true of counting
as positive (UniCL, Yang et al. 2022, arXiv 2204.03610); plus the squared error of a linear reading
of each patch's pixels from its final token, which keeps place and colour in the tokens. While
training, the image tower sees a random share of the patches (FLIP, Li et al. 2022, arXiv
2212.00794), which halves its cost.
"""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from brainvis.containers import Stimuli
from brainvis.errors import BrainvisError
from brainvis.features.inputs import channels_first, patches, squared, standardised
from brainvis.features.open_clip_model import CONFIG, MERGES, WEIGHTS, build, local_tokenizer
from brainvis.foundation.augment import patch_sampler, varied
from brainvis.foundation.card import write_card
from brainvis.foundation.evaluation import held_out_scores
from brainvis.foundation.losses import naming_loss
from brainvis.foundation.wording import Wording, shows_writing, used_merges, write_merges

if TYPE_CHECKING:
    import torch

Model = Any  # open_clip annotates its towers too loosely to be checked

MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)


def train(
    stimuli: Path,
    out: Path,
    *,
    epochs: int = 20,
    width: int = 128,
    layers: int = 5,
    patch: int = 8,
    size: int = 64,
    text_width: int = 128,
    text_layers: int = 2,
    context: int = 24,
    dimensions: int = 128,
    batch: int = 32,
    learning_rate: float = 1e-3,
    weight_decay: float = 0.1,
    reconstruction: float = 0.5,
    seen_patches: float = 0.5,
    held_out: float = 0.1,
    name: str = "image_text",
    threads: int = 1,
    seed: int = 0,
) -> dict[str, Any]:
    """Train on the images and captions of a `Stimuli` file and write a checkpoint folder.

    Parameters
    ----------
    stimuli : Path
        Images that no subject sees, with captions and categories.
    out : Path
        Folder to fill: settings, safetensors weights (float16), tokenizer merges, model card.
    epochs, batch : int
    width, layers, patch, size : int
        Of the image tower: token width, blocks, patch and image side in pixels.
    text_width, text_layers, context : int
        Of the text tower: token width, blocks, tokens of a caption.
    dimensions : int
        Of the shared embedding.
    learning_rate, weight_decay : float
        Of AdamW; one-cycle schedule.
    reconstruction : float
        Weight of the pixel term.
    seen_patches : float
        Share of the patches that the image tower sees while training.
    held_out : float
        Share of images that are only scored, never trained on; no choice depends on them.
    name : str
        Of the model, in its card.
    threads : int
        Of torch; the sums depend on their number in the last digits. One is fastest where other
        work shares the cores.
    seed : int

    Returns
    -------
    dict
        The model card: settings, scores on held-out images, losses by epoch, seconds.

    Raises
    ------
    BrainvisError
        Too few stimuli for one batch of training images, or captions that are missing.
    """
    import torch

    settings = {name: value for name, value in locals().items() if name not in _NOT_SETTINGS}
    source, started = Stimuli.open(stimuli), time.monotonic()
    training, testing = held_out_rows(len(source.ids), held_out, batch, seed, stimuli)
    wording = Wording.of(source.table)
    out.mkdir(parents=True, exist_ok=True)
    # the held-out captions stay out of the tokenizer as well
    spoken = [wording.texts[number] for number in np.unique(wording.true_of[training])]
    architecture = _write_settings(out, settings, spoken)
    texts = local_tokenizer(out, architecture["text_cfg"])(wording.texts)
    images = channels_first(source.images())
    may_flip = torch.tensor([not shows_writing(caption) for caption in source.table["caption"]])
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = build(architecture, out / CONFIG)
            reader = torch.nn.Linear(width, 3 * patch * patch)
        data = _Data(squared(images, size), may_flip, texts, torch.from_numpy(wording.true_of))
        losses = _fit(model, reader, data, training, settings)
        _write_weights(model, out / WEIGHTS)
        seconds = time.monotonic() - started
        scores = held_out_scores(out, source, testing, reader)
    finally:
        torch.set_num_threads(before)
    return write_card(out, source, training, testing, settings, losses, scores, seconds)


_NOT_SETTINGS = {"stimuli", "out", "torch"}


class _Data:
    """Everything a batch is cut from."""

    def __init__(
        self,
        images: torch.Tensor,  # (n, 3, size, size) in [0, 1]
        may_flip: torch.Tensor,  # (n,) bool
        texts: torch.Tensor,  # (t, context) token numbers
        true_of: torch.Tensor,  # (n, kinds) text numbers
    ) -> None:
        self.images, self.may_flip, self.texts, self.true_of = images, may_flip, texts, true_of


def held_out_rows(
    count: int, share: float, batch: int, seed: int, path: Path
) -> tuple[np.ndarray, np.ndarray]:
    """Rows to train on and rows that are only scored, disjoint, each in increasing order."""
    order = np.random.default_rng([seed, 1]).permutation(count)
    testing = max(1, round(share * count))
    if not 0 < share < 1 or count - testing < batch:
        raise BrainvisError(
            f"too few for one batch of {batch} besides a held-out share of {share:g}",
            file=path,
            field="images",
            found=count,
            remedy="give more images or a smaller batch",
        )
    return np.sort(order[testing:]), np.sort(order[:testing])


def _write_settings(out: Path, settings: dict[str, Any], texts: list[str]) -> dict[str, Any]:
    """Write tokenizer and architecture as open_clip reads them; return the architecture."""
    merges = used_merges(texts)
    write_merges(out / MERGES, merges)
    architecture = {
        "embed_dim": settings["dimensions"],
        "vision_cfg": {
            "image_size": settings["size"],
            "patch_size": settings["patch"],
            "width": settings["width"],
            "layers": settings["layers"],
            "head_width": 32,
            "pool_type": "avg",  # so that the loss reaches every patch token
        },
        "text_cfg": {
            "context_length": settings["context"],
            "vocab_size": 512 + len(merges) + 2,  # bytes, bytes at word ends, merges, start and end
            "width": settings["text_width"],
            "heads": settings["text_width"] // 32,
            "layers": settings["text_layers"],
        },
    }
    preprocess = {"mean": MEAN, "std": STD, "interpolation": "bicubic", "resize_mode": "shortest"}
    content = {"model_cfg": architecture, "preprocess_cfg": preprocess}
    (out / CONFIG).write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")
    return architecture


def _fit(
    model: Model,
    reader: torch.nn.Linear,
    data: _Data,
    training: np.ndarray,
    settings: dict[str, Any],
) -> list[dict[str, float]]:
    """Train in place; mean losses of every epoch."""
    import torch

    generator = torch.Generator().manual_seed(settings["seed"])
    per_epoch = len(training) // settings["batch"]
    optimizer = _optimizer(model, reader, settings)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings["learning_rate"], settings["epochs"] * per_epoch, pct_start=0.1
    )
    rows, history = torch.from_numpy(training), []
    model.train()
    model.visual.patch_dropout = patch_sampler(settings["seen_patches"], generator)
    for _ in tqdm(range(settings["epochs"]), desc="image-text model", unit="epoch", disable=None):
        order = rows[torch.randperm(len(rows), generator=generator)]
        total = np.zeros(2)
        for chosen in order[: per_epoch * settings["batch"]].split(settings["batch"]):
            contrast, error = _losses(model, reader, data, chosen, generator)
            optimizer.zero_grad()
            (contrast + settings["reconstruction"] * error).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            with torch.no_grad():
                model.logit_scale.clamp_(0, math.log(100))
            total += contrast.item(), error.item()
        contrast, error = total / per_epoch
        history.append({"contrastive": round(contrast, 4), "reconstruction": round(error, 4)})
    model.visual.patch_dropout = torch.nn.Identity()
    model.eval()
    return history


def _optimizer(
    model: Model, reader: torch.nn.Linear, settings: dict[str, Any]
) -> torch.optim.Optimizer:
    """AdamW that decays matrices alone, as CLIP does."""
    import torch

    parameters = [*model.parameters(), *reader.parameters()]
    matrices = [one for one in parameters if one.ndim >= 2]
    others = [one for one in parameters if one.ndim < 2]
    groups = [
        {"params": matrices, "weight_decay": settings["weight_decay"]},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings["learning_rate"], betas=(0.9, 0.98))


def _losses(
    model: Model,
    reader: torch.nn.Linear,
    data: _Data,
    chosen: torch.Tensor,
    generator: torch.Generator,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Contrastive loss and pixel error of one batch."""
    from torch.nn.functional import mse_loss

    raw = varied(data.images[chosen], data.may_flip[chosen], generator)
    images = standardised(raw, MEAN, STD)
    made = model.forward_intermediates(
        images, image_indices=1, normalize_intermediates=True, image_output_fmt="NLC"
    )
    tokens = made["image_intermediates"][-1]  # (b, seen, width)
    side = math.isqrt(reader.out_features // 3)
    seen = model.visual.patch_dropout.seen[:, :, None].expand(-1, -1, reader.out_features)
    error = mse_loss(reader(tokens), patches(images, side).gather(1, seen))
    naming = naming_loss(model, made["image_features"], data.texts, data.true_of[chosen])
    return naming, error


def _write_weights(model: Model, path: Path) -> None:
    from safetensors.torch import save_file

    halves = {
        name: value.detach().half().contiguous() for name, value in model.state_dict().items()
    }
    save_file(halves, path)
