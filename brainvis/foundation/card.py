"""The model card: what made a checkpoint, and how good it is, as JSON and as a short page."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from brainvis.artifacts import files
from brainvis.artifacts.fingerprint import fingerprint
from brainvis.artifacts.manifest import installed_versions
from brainvis.containers import Stimuli
from brainvis.features.open_clip_model import WEIGHTS

_LOSS = (
    "contrastive in both directions over the captions, category and supercategory prompts of a "
    "batch, every true pair positive (UniCL, arXiv 2204.03610), plus the squared error of a linear "
    "reading of patch pixels from tokens; part of the patches seen (FLIP, arXiv 2212.00794)"
)


def content_hash(source: Stimuli, batch: int = 512) -> str:
    """Hash of a stimulus set's pixels, and of its captions where it has any."""
    digest = hashlib.sha256()
    for start in range(0, len(source.ids), batch):
        digest.update(source.read("images", slice(start, start + batch)).tobytes())
    if "caption" in source.table:
        digest.update("\0".join(source.table["caption"].astype(str)).encode())
    return digest.hexdigest()


def data_section(source: Stimuli, training: np.ndarray, testing: np.ndarray) -> dict[str, Any]:
    """What a model was trained and scored on."""
    return {
        "dataset": str(source.attributes.get("dataset")),
        "kind": source.kind,
        "namespace": str(source.attributes.get("namespace", "")),
        "training_images": len(training),
        "held_out_images": len(testing),
        "sha256": content_hash(source),
    }


def weights_section(out: Path, name: str) -> dict[str, Any]:
    """Name, size and hash of one file of weights in a checkpoint folder."""
    path = out / name
    return {"file": name, "bytes": path.stat().st_size, "sha256": files.sha256(path)}


def versions_section(*packages: str) -> dict[str, str]:
    """Versions of Python, numpy, torch and the packages named beside them."""
    wanted = ("python", "numpy", "torch", *packages)
    return {name: version for name, version in installed_versions().items() if name in wanted}


def write(out: Path, card: dict[str, Any], page: str) -> dict[str, Any]:
    """Write ``model_card.json`` and ``README.md`` into a checkpoint folder; return the card."""
    files.write_json(out / "model_card.json", card)
    files.write_bytes(out / "README.md", page.encode())
    return json.loads((out / "model_card.json").read_text())


def write_card(
    out: Path,
    source: Stimuli,
    training: np.ndarray,
    testing: np.ndarray,
    settings: dict[str, Any],
    losses: list[dict[str, float]],
    scores: dict[str, dict[str, float]],
    seconds: float,
) -> dict[str, Any]:
    """Write the card of an image-text model; return it.

    Parameters
    ----------
    out : Path
        Folder with the finished weights.
    source : Stimuli
        What the model was trained on.
    training, testing : ndarray of int
        Rows trained on, rows scored.
    settings, losses, scores : dict or list
        Of the training.
    seconds : float
        Wall time of the training.
    """
    card = {
        "model": settings["name"],
        "data": data_section(source, training, testing),
        "code": fingerprint("brainvis.foundation.image_text"),
        "settings": settings,
        "loss": _LOSS,
        "losses": losses,
        "held_out": scores,
        "training_seconds": round(seconds, 1),
        "weights": weights_section(out, WEIGHTS),
        "versions": versions_section(),
    }
    return write(out, card, _page(card))


def _page(card: dict[str, Any]) -> str:
    data, scores, retrieval = card["data"], card["held_out"], card["held_out"]["retrieval"]
    rows = [
        ("image to caption, top-1", retrieval["image_to_text"], retrieval["image_to_text_chance"]),
        ("caption to image, top-1", retrieval["text_to_image"], retrieval["text_to_image_chance"]),
    ]
    rows += [
        (f"naming the {name} ({scores[name]['classes']})", scores[name]["accuracy"],
         scores[name]["chance"])
        for name in ("category", "supercategory") if name in scores
    ]  # fmt: skip
    table = "\n".join(f"| {name} | {found:.3f} | {chance:.3f} |" for name, found, chance in rows)
    explained = scores["reconstruction"]["explained_variance"]
    return f"""# {card["model"]}

A small CLIP made of open_clip's own parts, trained from scratch on {data["training_images"]}
{data["kind"]} images with captions ({data["dataset"]}, namespace "{data["namespace"]}"), which no
subject of any experiment sees. It stands in for a large image-text model in runs without
downloads, and knows nothing of photographs.

Scores on {data["held_out_images"]} held-out images of the same world, weights as stored:

| score | found | chance |
|---|---|---|
{table}

Patch tokens give {explained:.3f} of the pixel variance within held-out images by a linear reading.
Prompts such as "a cup" were among the training texts; movements, which a still cannot show, were
cut from the captions.

Loss: {card["loss"]}. Seed {card["settings"]["seed"]}, {card["settings"]["epochs"]} epochs,
{card["training_seconds"]:.0f} s on {card["settings"]["threads"]} threads, code {card["code"]},
data {data["sha256"][:16]}. All settings and losses are in `model_card.json`.
"""
