"""Contrastive loss of decoded activations, a term for each scale (low-level head of Brain-IT).

A place of an image at one scale must be told from the other places and images of the batch by the
dot product of what was decoded with what is there (InfoNCE, van den Oord et al. 1807.03748).
Brain-IT sets no temperature; here products of standardised channels are divided by the root of
their number, which gives them unit variance at every scale.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from brainvis.errors import BrainvisError

Scale = tuple[int, int, int]  # channels, height, width of one level


def contrast(found: Tensor, wanted: Tensor, scales: Sequence[Scale], places: int = 512) -> Tensor:
    """Mean over scales of InfoNCE between decoded and true activations.

    Parameters
    ----------
    found, wanted : (b, 1, n)
        Standardised; the levels, each flattened from (c, h, w), joined.
    scales : sequence of (int, int, int)
        Shapes of the levels in their order.
    places : int
        At most so many (image, place) pairs of a scale are told apart, drawn by torch's own state.

    Returns
    -------
    tensor
        Scalar, in nats; log of the number of pairs where nothing is told apart.

    Raises
    ------
    BrainvisError
        Vectors of another length than the scales have.
    """
    lengths = [channels * height * width for channels, height, width in scales]
    if found.shape[-1] != sum(lengths):
        raise BrainvisError(
            f"does not have the {sum(lengths)} numbers of its scales, {list(scales)}",
            field="features",
            found=found.shape[-1],
            remedy="give the features that this `visual` space of the configuration makes",
        )
    first, second = (x.flatten(1).split(lengths, 1) for x in (found, wanted))
    parts = zip(first, second, scales, strict=True)
    return torch.stack([_told_apart(*part, places) for part in parts]).mean()


def _told_apart(found: Tensor, wanted: Tensor, scale: Scale, places: int) -> Tensor:
    # (b, c * h * w) -> (b * h * w, c)
    rows = [x.unflatten(1, scale).permute(0, 2, 3, 1).flatten(0, 2) for x in (found, wanted)]
    if len(rows[0]) > places:
        kept = torch.randperm(len(rows[0]))[:places].to(found.device)
        rows = [one[kept] for one in rows]
    products = rows[0] @ rows[1].T / scale[0] ** 0.5
    return F.cross_entropy(products, torch.arange(len(products), device=found.device))
