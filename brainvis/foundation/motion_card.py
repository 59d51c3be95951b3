"""The motion modules' model card: what made them, and what refinement does to clips."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from brainvis.artifacts.fingerprint import fingerprint
from brainvis.containers import Stimuli
from brainvis.features.diffusers_parts import WEIGHTS
from brainvis.foundation import card as cards


def write_card(
    out: Path,
    source: Stimuli,
    rows: tuple[np.ndarray, np.ndarray],
    settings: dict[str, Any],
    losses: list[float],
    scores: dict[str, Any],
    seconds: float,
    generator: str,
) -> dict[str, Any]:
    """Write ``model_card.json`` and ``README.md`` of motion modules; return the card.

    Parameters
    ----------
    out : Path
        Folder with the finished weights.
    source : Stimuli
    rows : pair of ndarray of int
        Rows trained on, rows never trained on.
    settings, losses, scores : dict or list
        Of the training; scores as in `motion_scores.held_out_scores`.
    seconds : float
        Wall time of the training.
    generator : str
        Name of the image model.
    """
    digest = hashlib.sha256()
    for row in range(len(source.ids)):
        digest.update(source.read("clips", slice(row, row + 1)).tobytes())
    card = {
        "model": "motion",
        "data": cards.data_section(source, *rows) | {"clips_sha256": digest.hexdigest()},
        "code": fingerprint("brainvis.foundation.motion_module"),
        "settings": settings,
        "losses": losses,
        "held_out": scores,
        "training_seconds": round(seconds, 1),
        "weights": cards.weights_section(out, f"motion_adapter/{WEIGHTS}"),
        "parts": {"generator": generator},
        "versions": cards.versions_section("diffusers"),
    }
    return cards.write(out, card, _page(card))


def _page(card: dict[str, Any]) -> str:
    data, settings, scores = card["data"], card["settings"], card["held_out"]
    verdict = (
        "In the clips that chose the strength it made neither motion nor likeness worse."
        if scores["helps"]
        else "No strength that was tried left both motion and likeness as good as splatting alone: "
        "at this size refinement does not help. The smallest strength is the default, and plain "
        "splatting stays the animator to use."
    )
    return f"""# motion

Motion modules (a MotionAdapter of diffusers, as in AnimateDiff) for the image model
{card["parts"]["generator"]}, whose weights stayed as they were. Trained from scratch on
{data["training_images"]} {data["kind"]} clips ({data["dataset"]}, namespace "{data["namespace"]}")
which no subject of any experiment sees; they know nothing of films.

`animator.json` says how they are used; `brainvis.animation.registry` opens them. They refine a
splatted clip from strength {scores["strength"]:g}. {verdict}

{_count(scores["reported"])} held-out clips animated from their first frame with their true flow, so
what a decoder could reach at best. End-point error (EPE, lower is better) in pixels of the clip
per frame: flow that DIS estimates from the made clip, at 256 pixels, against the exact flow of the
object. Weights as stored:

{_table(scores["reported"])}

The error of the true clip is the estimator's own; the smooth frames of splatted clips are easier
for it. The strength was chosen on {_count(scores["choosing"])} other held-out clips:

{_table(scores["choosing"])}

Seed {settings["seed"]}, {settings["steps"]} steps of {settings["batch"]} clips,
{card["training_seconds"]:.0f} s on {settings["threads"]} threads, code {card["code"]}, clips
{data["clips_sha256"][:16]}. All settings and losses are in `model_card.json`.
"""


def _count(scores: dict[str, dict[str, float]]) -> int:
    return int(next(iter(scores.values()))["clips"])


def _table(scores: dict[str, dict[str, float]]) -> str:
    rows = [
        f"| {name} | {one['epe']:.3f} | {one['ssim']:.3f} | {_decibel(one['psnr'])} |"
        for name, one in scores.items()
    ]
    return "\n".join(["| clip | EPE | SSIM | PSNR (dB) |", "|---|---|---|---|", *rows])


def _decibel(value: float) -> str:
    return f"{value:.1f}" if value < 99 else "-"
