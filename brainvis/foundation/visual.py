"""Train the small visual network of the embedded default: torchvision's VGG layers, five stages.

It learns to name what a picture shows: category and supercategory, and where the table has them
colour, texture and background, each from the averaged last activations by one linear map. Its
activations before the pools are the visual features that images are inverted from.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from brainvis.artifacts import files
from brainvis.artifacts.fingerprint import fingerprint
from brainvis.containers import Stimuli
from brainvis.errors import BrainvisError
from brainvis.features.inputs import channels_first, standardised
from brainvis.features.visual_network import CONFIG, WEIGHTS, VisualNetwork, layers, stored
from brainvis.foundation import card as cards
from brainvis.foundation.augment import varied
from brainvis.foundation.fitting import Fit, means, seeded
from brainvis.foundation.image_text import MEAN, STD, held_out_rows
from brainvis.foundation.wording import shows_writing

if TYPE_CHECKING:
    import torch

NAMED = ("category", "supercategory", "color", "texture", "background")
_PLAN = (16, 16, "M", 32, 32, "M", 64, 64, "M", 96, 96, "M", 128, 128, "M")
_BATCH = 128


def train(
    stimuli: Path,
    out: Path,
    *,
    epochs: int = 8,
    plan: Sequence[int | str] = _PLAN,
    batch: int = 32,
    learning_rate: float = 3e-3,
    weight_decay: float = 0.05,
    held_out: float = 0.1,
    threads: int = 2,
    seed: int = 0,
) -> dict[str, Any]:
    """Train on the images of a `Stimuli` file; write a folder for `VisualNetwork`.

    Parameters
    ----------
    stimuli : Path
        Images that no subject sees, with captions and at least one column of `NAMED`.
    out : Path
        Folder to fill: config.json, float16 safetensors weights, model card.
    epochs, batch : int
    plan : sequence
        Channels of the convolutions and "M" for pools, as in ``torchvision.models.vgg.cfgs``.
    learning_rate, weight_decay : float
    held_out : float
        Share of images that are only scored; the same as for the other models of that seed.
    threads : int
    seed : int

    Returns
    -------
    dict
        The model card.

    Raises
    ------
    BrainvisError
        Too few images for one batch, or nothing to name.
    """
    settings = {name: value for name, value in locals().items() if name not in ("stimuli", "out")}
    settings["plan"] = list(plan)
    source, started = Stimuli.open(stimuli), time.monotonic()
    training, testing = held_out_rows(len(source.ids), held_out, batch, seed, stimuli)
    labels, names = _labels(source.table, stimuli)
    images = channels_first(source.images())
    may_flip = [not shows_writing(caption) for caption in source.table["caption"]]
    with seeded(seed, threads) as generator:
        import torch

        model = _namer(plan, [len(said) for said in names.values()])
        data = (images[training], torch.tensor(may_flip)[training], labels[training])
        losses = _fit(model, data, settings, generator)
        _write(out, model, settings | {"size": images.shape[-1]}, names)
        seconds = time.monotonic() - started
        usual = labels[training].mode(dim=0).values
        scores = _held_out_scores(out, images[testing], labels[testing], names, usual)
    return _write_card(out, source, (training, testing), settings, losses, scores, seconds)


def _labels(table: pd.DataFrame, path: Path) -> tuple[torch.Tensor, dict[str, list[str]]]:
    """Class numbers (n, columns) and the names of the classes of each column."""
    import torch

    names, numbers = {}, []
    for column in NAMED:
        if column in table and len(set(table[column])) > 1:
            said, number = np.unique(table[column].astype(str), return_inverse=True)
            names[column] = [str(one) for one in said]
            numbers.append(number)
    if not names:
        raise BrainvisError(
            "has nothing to name", file=path, field="table", found=list(table.columns)[:8],
            remedy=f"add a column of {', '.join(NAMED)} with two values or more",
        )  # fmt: skip
    return torch.from_numpy(np.stack(numbers, axis=1)), names


def _namer(plan: Sequence[int | str], sizes: Sequence[int]) -> torch.nn.Module:
    """VGG layers and one linear map from their averaged output to the classes of all columns."""
    import torch

    class Namer(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = layers(plan, batch_norm=True)
            width = [one for one in plan if one != "M"][-1]
            self.classifier = torch.nn.Linear(int(width), sum(sizes))

        def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
            """Logits of every column: (b, 3, height, width) to (b, classes) each."""
            seen = self.features(standardised(images, MEAN, STD)).mean(dim=(2, 3))
            return self.classifier(seen).split(list(sizes), dim=1)

    return Namer()


def _fit(
    model: Any,
    data: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    settings: dict[str, Any],
    generator: torch.Generator,
) -> list[float]:
    """Train in place; mean losses of twentieths of the training."""
    import torch
    from torch.nn.functional import cross_entropy

    images, may_flip, labels = data
    per_epoch = len(images) // settings["batch"]
    steps, losses = settings["epochs"] * per_epoch, []
    fit = Fit(model.parameters(), settings["learning_rate"], settings["weight_decay"], steps)
    model.train()
    for _ in tqdm(range(settings["epochs"]), desc="visual network", unit="epoch", disable=None):
        order = torch.randperm(len(images), generator=generator)
        for chosen in order[: per_epoch * settings["batch"]].split(settings["batch"]):
            logits = model(varied(images[chosen], may_flip[chosen], generator))
            parts = [cross_entropy(one, labels[chosen, at]) for at, one in enumerate(logits)]
            losses.append(fit.step(torch.stack(parts).mean()))
    return means(losses)


def _write(out: Path, model: Any, settings: dict[str, Any], names: dict[str, list[str]]) -> None:
    import torch
    from safetensors.torch import save_file

    out.mkdir(parents=True, exist_ok=True)
    halves = {
        name: value.detach().half() if torch.is_floating_point(value) else value
        for name, value in model.state_dict().items()
    }
    save_file({name: value.contiguous() for name, value in halves.items()}, out / WEIGHTS)
    description = {
        "architecture": "vgg",
        "layers": settings["plan"],
        "batch_norm": True,
        "size": settings["size"],
        "mean": MEAN,
        "std": STD,
        "classes": names,
    }
    files.write_json(out / CONFIG, description)


def _held_out_scores(
    out: Path,
    images: torch.Tensor,
    labels: torch.Tensor,
    names: dict[str, list[str]],
    usual: torch.Tensor,
) -> dict[str, dict[str, float]]:
    """Accuracy of every column with the stored weights, beside always saying the most usual."""
    import torch

    network, head = VisualNetwork(out, device="cpu"), stored(out / WEIGHTS)
    weight, bias = head["classifier.weight"].float(), head["classifier.bias"].float()
    with torch.inference_mode():
        seen = torch.cat([network.output(part).mean(dim=(2, 3)) for part in images.split(_BATCH)])
        logits = (seen @ weight.T + bias).split([len(said) for said in names.values()], dim=1)
    return {
        name: {
            "accuracy": float((logits[at].argmax(dim=1) == labels[:, at]).float().mean()),
            "chance": float((labels[:, at] == usual[at]).float().mean()),
            "classes": len(said),
        }
        for at, (name, said) in enumerate(names.items())
    }


def _write_card(
    out: Path,
    source: Stimuli,
    rows: tuple[np.ndarray, np.ndarray],
    settings: dict[str, Any],
    losses: list[float],
    scores: dict[str, dict[str, float]],
    seconds: float,
) -> dict[str, Any]:
    card = {
        "model": "visual",
        "data": cards.data_section(source, *rows),
        "code": fingerprint("brainvis.foundation.visual"),
        "settings": settings,
        "losses": losses,
        "held_out": scores,
        "training_seconds": round(seconds, 1),
        "weights": cards.weights_section(out, WEIGHTS),
        "versions": cards.versions_section("torchvision"),
    }
    table = "\n".join(
        f"| {name} ({one['classes']:.0f}) | {one['accuracy']:.3f} | {one['chance']:.3f} |"
        for name, one in scores.items()
    )
    page = f"""# visual

The convolutional layers of torchvision's VGG, small, trained from scratch to name what
{len(rows[0])} {source.kind} images show, which no subject of any experiment sees. Its activations
before the five pools stand in for those of VGG-16 in runs without downloads.

Naming on {len(rows[1])} held-out images, weights as stored; chance is always saying what is most
usual among the training images:

| named (classes) | accuracy | chance |
|---|---|---|
{table}

Seed {settings["seed"]}, {settings["epochs"]} epochs, {seconds:.0f} s on {settings["threads"]}
threads, code {card["code"]}, data {card["data"]["sha256"][:16]}. All settings and losses are in
`model_card.json`.
"""
    return cards.write(out, card, page)
