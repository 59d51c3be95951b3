"""Score a finished image-text checkpoint on held-out images, as any user would load it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from brainvis.containers import Stimuli
from brainvis.features.inputs import channels_first, patches, squared, standardised
from brainvis.features.open_clip_model import OpenClip
from brainvis.foundation.scores import retrieval, zero_shot
from brainvis.foundation.wording import prompt, still_clause, words

if TYPE_CHECKING:
    import torch

_BATCH = 256


def held_out_scores(
    folder: Path, source: Stimuli, rows: np.ndarray, reader: torch.nn.Linear
) -> dict[str, dict[str, float]]:
    """Retrieval, naming and pixel reading on rows of a stimulus set.

    Parameters
    ----------
    folder : Path
        Checkpoint folder; the stored (rounded) weights are what is scored.
    source : Stimuli
    rows : ndarray, (n,) int
        Held-out rows.
    reader : torch module
        The linear map from final tokens to the pixels of their patches that training made.

    Returns
    -------
    dict
        retrieval, category, supercategory (accuracies with chance), reconstruction (share of pixel
        variance within images).
    """
    model = OpenClip(folder, device="cpu")
    parts = [source.images(rows[at : at + _BATCH]) for at in range(0, len(rows), _BATCH)]
    extracted = [model.extract(part) for part in parts]
    pooled = np.concatenate([vectors for vectors, _ in extracted])
    table = source.table.iloc[rows]
    texts, of_image = np.unique(table["caption"].map(still_clause), return_inverse=True)
    scores = {"retrieval": retrieval(pooled, model.encode_text(list(texts)), of_image)}
    for column, said in (("category", prompt), ("supercategory", words)):
        if column in table:
            names, labels = np.unique(table[column].astype(str), return_inverse=True)
            prompts = model.encode_text([said(name) for name in names])
            scores[column] = zero_shot(pooled, prompts, labels)
    errors = [
        _pixel_error(model, part, tokens, reader)
        for part, (_, tokens) in zip(parts, extracted, strict=True)
        if tokens is not None
    ]
    error, variance = np.sum(errors, axis=0)
    scores["reconstruction"] = {"explained_variance": float(1 - error / variance)}
    return scores


def _pixel_error(
    model: OpenClip, images: np.ndarray, tokens: np.ndarray, reader: torch.nn.Linear
) -> tuple[float, float]:
    """Sums of squared error and of squared deviation from each image's mean colour."""
    import torch

    inputs = squared(channels_first(images), model.size)
    inputs = standardised(inputs, *model.normalisation)
    side = math.isqrt(reader.out_features // 3)
    with torch.inference_mode():
        read = reader(torch.from_numpy(tokens).float())
    shown = patches(inputs, side)
    deviation = inputs - inputs.mean(dim=(2, 3), keepdim=True)
    return float((read - shown).square().sum()), float(deviation.square().sum())
