"""Object generators by the backend that their folder names in ``generator.json``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from brainvis.errors import BrainvisError
from brainvis.generation.card import CARD, check_sampling, read_card
from brainvis.objects3d.base import ObjectGenerator

BACKENDS = ("shape-prior", "shap-e-text", "shap-e-image")


def open_object_generator(
    folder: Path,
    *,
    steps: int | None = None,
    guidance: float | None = None,
    device: str = "auto",
) -> ObjectGenerator:
    """Load a generator from its checkpoint folder; nothing is downloaded.

    Parameters
    ----------
    folder : Path
        Checkpoint with ``generator.json`` (see `brainvis.generation.card`).
    steps, guidance : optional
        Instead of what ``generator.json`` says.
    device : str
        "auto" takes the GPU where there is one.

    Raises
    ------
    BrainvisError
        Unknown backend, a setting out of range, or components that are unusable.
    """
    card = read_card(folder)
    card = replace(
        card,
        steps=card.steps if steps is None else steps,
        guidance=card.guidance if guidance is None else guidance,
    )
    check_sampling(card.steps, card.strength, card.guidance)
    match card.backend:
        case "shape-prior":
            from brainvis.objects3d.shape_prior import ShapePrior as Chosen
        case "shap-e-text":
            from brainvis.objects3d.shap_e import ShapEText as Chosen
        case "shap-e-image":
            from brainvis.objects3d.shap_e import ShapEImage as Chosen
        case other:
            raise BrainvisError(
                "unknown backend of objects",
                file=folder / CARD,
                field="backend",
                found=other,
                remedy=f"one of {', '.join(BACKENDS)}",
            )
    return Chosen(folder, card, device)
