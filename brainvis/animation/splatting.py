"""Forward splatting in plain torch: every pixel is thrown to where the flow carries it.

Bilinear splatting with importance is softmax splatting (Niklaus & Liu 2020, arXiv 2003.05534):
where several pixels land on one place, each counts by the exponential of its importance.
"""

from __future__ import annotations

import torch
from torch import Tensor

from brainvis.errors import BrainvisError

_MARGIN = 2  # pixels around the image
_FAINTEST = -30.0  # least importance beside the largest of an image
_EMPTY = 1e-25  # weight under which nothing has landed, whatever the importance


def splat_sum(values: Tensor, displacement: Tensor) -> Tensor:
    """Sum of what lands on each pixel, each value shared among the four pixels around its target.

    Parameters
    ----------
    values : tensor, (b, c, h, w)
    displacement : tensor, (b, h, w, 2)
        In pixels of `values`, x right, y down. What leaves the image is lost.

    Returns
    -------
    tensor, (b, c, h, w)

    Raises
    ------
    BrainvisError
        Shapes that do not belong together, or a displacement that is not finite.
    """
    batch, channels, height, width = values.shape
    _check(values, displacement)
    # a canvas with a margin of two catches all that leaves, so that no corner needs a test
    x, right = _place(displacement[..., 0], torch.arange(width, device=values.device))
    y, down = _place(displacement[..., 1], torch.arange(height, device=values.device)[:, None])
    wide, size = width + 2 * _MARGIN, (height + 2 * _MARGIN) * (width + 2 * _MARGIN)
    first = torch.arange(batch, device=values.device).view(-1, 1, 1) * size
    place = (first + y * wide + x).view(-1)  # (b h w,)
    planes = values.transpose(0, 1).reshape(channels, -1)  # (c, b h w)
    total = values.new_zeros(channels, batch * size)
    right, down = right.reshape(-1), down.reshape(-1)
    for row, above in ((0, planes * (1 - down)), (wide, planes * down)):
        beside = above * right
        total.index_add_(1, place + row + 1, beside)
        total.index_add_(1, place + row, above.sub_(beside))
    total = total.view(channels, batch, height + 2 * _MARGIN, wide).transpose(0, 1)
    return total[..., _MARGIN:-_MARGIN, _MARGIN:-_MARGIN]


def _place(shift: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
    """Cell of the canvas before each target along one axis, and the share of the next cell."""
    at = (shift + own).clamp_(-_MARGIN, own.numel())
    before = at.floor()
    return before.long().add_(_MARGIN), at.sub_(before)


def splat(image: Tensor, displacement: Tensor, importance: Tensor) -> tuple[Tensor, Tensor]:
    """Image after its pixels have moved, and how much landed on each place.

    Parameters
    ----------
    image : tensor, (b, c, h, w)
    displacement : tensor, (b, h, w, 2)
        In pixels, x right, y down.
    importance : tensor, (b, h, w)
        Logarithm of how much a pixel counts against others that land on the same place; equal
        importance gives their mean.

    Returns
    -------
    image : tensor, (b, c, h, w)
        0 where nothing landed.
    landed : tensor, (b, h, w)
        Bilinear weight that arrived, without importance: near 0 in holes, near 1 elsewhere.

    Raises
    ------
    BrainvisError
        See `splat_sum`.
    """
    # only differences within an image count: the largest becomes 0, so that none overflows
    largest = importance.flatten(1).amax(dim=1).view(-1, 1, 1)
    weight = (importance - largest).clamp(min=_FAINTEST).exp().unsqueeze(1)
    summed = splat_sum(
        torch.cat([image * weight, weight, torch.ones_like(weight)], 1), displacement
    )
    colours, total, landed = summed[:, :-2], summed[:, -2:-1], summed[:, -1]
    return torch.where(total > _EMPTY, colours / total.clamp(min=_EMPTY), 0), landed


def _check(values: Tensor, displacement: Tensor) -> None:
    batch, _, height, width = values.shape
    if displacement.shape != (batch, height, width, 2):
        raise BrainvisError(
            "needs one displacement for each pixel",
            field="displacement",
            found=f"{tuple(displacement.shape)} for an image of {tuple(values.shape)}",
        )
    if not torch.isfinite(displacement.sum()):  # much faster than a test of each
        raise BrainvisError("holds values that are not finite", field="displacement")
