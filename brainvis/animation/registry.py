"""Diffusion animators by the backend that their folder names."""

from __future__ import annotations

from pathlib import Path

from brainvis.animation.card import read_card
from brainvis.animation.diffusion import DiffusionAnimator


def open_animator(
    folder: Path,
    *,
    steps: int | None = None,
    strength: float | None = None,
    guidance: float | None = None,
    device: str = "auto",
) -> DiffusionAnimator:
    """Load a diffusion animator from its checkpoint folder; nothing is downloaded.

    Parameters
    ----------
    folder : Path
        Checkpoint with ``animator.json`` (see `brainvis.animation.card`).
    steps, strength, guidance : optional
        Instead of what ``animator.json`` says.
    device : str
        "auto" takes the GPU where there is one.

    Raises
    ------
    BrainvisError
        Unknown backend, a setting out of range, or components that are unusable.
    """
    card = read_card(folder, steps=steps, strength=strength, guidance=guidance)
    match card.backend:
        case "animatediff-video2video":
            from brainvis.animation.animatediff import VideoToVideo as Chosen
        case "animatediff-sparsectrl":
            from brainvis.animation.animatediff import SparseControl as Chosen
        case "stable-video-diffusion":
            from brainvis.animation.stable_video import StableVideo as Chosen
    return Chosen(folder, card, device)
