"""The shape prior's model card: what made it, and how near its objects come."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from brainvis.artifacts import files
from brainvis.artifacts.fingerprint import fingerprint
from brainvis.containers import Stimuli
from brainvis.features.diffusers_parts import WEIGHTS
from brainvis.foundation import card as cards
from brainvis.foundation.shape_latents import VAGUE
from brainvis.objects3d.latent_prior import REGRESSION
from brainvis.objects3d.shape_prior import AUTOENCODER


def write_card(
    out: Path,
    source: Stimuli,
    rows: tuple[np.ndarray, np.ndarray],
    meshes: Path,
    settings: dict[str, Any],
    losses: dict[str, list[float]],
    scores: dict[str, dict[str, float]],
    choosing: dict[str, float],
    route: str,
    image_text: str,
    seconds: float,
) -> dict[str, Any]:
    """Write ``model_card.json`` and ``README.md`` of a shape prior; return the card.

    Parameters
    ----------
    out : Path
        Folder with the finished weights.
    source : Stimuli
    rows : pair of ndarray of int
        Rows trained on, rows never trained on.
    meshes : Path
        Folder of the meshes.
    settings, losses, scores, choosing : dict
        Of the training, see `brainvis.foundation.shape`.
    route : str
        The default from embeddings to latents.
    image_text : str
        Name of the model of the embeddings.
    seconds : float
        Wall time of the training.
    """
    names = (AUTOENCODER, REGRESSION, f"prior/{WEIGHTS}")
    card = {
        "model": "shape",
        "data": cards.data_section(source, *rows) | {"meshes_sha256": _hash(meshes, source.ids)},
        "code": fingerprint("brainvis.foundation.shape"),
        "settings": settings,
        "losses": losses,
        "held_out": scores,
        "choosing_iou": choosing,
        "route": route,
        "training_seconds": round(seconds, 1),
        "weights": [cards.weights_section(out, name) for name in names],
        "parts": {"image_text": image_text},
        "versions": cards.versions_section("diffusers", "scikit-image", "trimesh"),
    }
    return cards.write(out, card, _page(card))


def _hash(meshes: Path, ids: np.ndarray) -> str:
    digest = hashlib.sha256()
    for one in ids:
        digest.update(files.sha256(meshes / f"{one}.ply").encode())
    return digest.hexdigest()


def _page(card: dict[str, Any]) -> str:
    data, settings, scores = card["data"], card["settings"], card["held_out"]
    table = "\n".join(
        f"| {name} | {one['iou']:.3f} | {one['chamfer']:.4f} | {one['color_error']:.3f} "
        f"| {one['empty']:.2f} |"
        for name, one in scores.items()
    )
    some = next(iter(scores.values()))
    return f"""# shape

A small generator of coloured objects: an autoencoder of shapes (principal components of coarse
grids, {settings["shape"]} of solidity and {settings["color"]} of colour; a convolutional decoder to
64 x 64 x 64 voxels, which marching cubes turn into a closed mesh), and two ways from principal
components of an image's tokens ({card["parts"]["image_text"]}) to its latent: a regression with two
hidden layers, and a diffusion prior (diffusers' PriorTransformer, {settings["default_steps"]}
steps). Trained from scratch on
{data["training_images"]} {data["kind"]} objects ({data["dataset"]}, namespace
"{data["namespace"]}") which no subject of any experiment sees; it knows nothing else of the world.

Shapes are in the viewer's axes (x right, y away, z up), centred, the longest side of the box 1.
`generator.json` says what the generator takes; `brainvis.objects3d.registry` opens it.

{some["objects"]} held-out objects, weights as stored: volumetric IoU at 64^3; Chamfer distance
(mean distance to the nearest of 2048 points, both directions averaged, not squared) of
{some["meshes"]} meshes; mean absolute error of colours in [0, 1] at the true surface; share of
empty objects.

| latent from | IoU | Chamfer | colour error | empty |
|---|---|---|---|---|
{table}

Vague tokens are the best linear guess from noisy measurements of their principal components
(noise variance {VAGUE:g} of the strongest), as tokens decoded from a brain would be. The
appearance is the mean colour of the cells of an 8 x 8 grid. Default: {card["route"]}, because its
IoU from vague tokens is the higher one on the other {data["held_out_images"] - some["objects"]}
held-out objects (regression {card["choosing_iou"]["regression, vague tokens"]:.3f}, diffusion
{card["choosing_iou"]["diffusion, vague tokens"]:.3f}).

Seed {settings["seed"]}, {settings["steps"]} and {settings["prior_steps"]} steps,
{card["training_seconds"]:.0f} s on {settings["threads"]} threads, code {card["code"]}, data
{data["sha256"][:16]}. All settings and losses are in `model_card.json`.
"""
