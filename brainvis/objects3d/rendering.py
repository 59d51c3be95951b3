"""A small differentiable renderer of the shape prior's field: silhouette and colour by ray march.

Images have x to the right and y down; the camera looks along +y, a little downwards, from a fixed
distance. Where an object of a stimulus really stood, and how large it was, are unknown to a
decoder, so shift and focal length are parameters that refinement fits.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from brainvis.objects3d.network import at_points

ELEVATION = 13.5  # degrees, the middle of what viewers of objects have
DISTANCE = 2.4  # from the centre, in longest sides of the object
_DEPTH = (
    0.87  # half length of the stretch of a ray that is looked at: half of a unit cube's diagonal
)
_SAMPLES = 40


@dataclass
class View:
    """Where an object appears, in half image widths; tensors, so that they can be fitted.

    Attributes
    ----------
    shift : tensor, (2,)
        Of its centre from the image's centre, right and down.
    size : tensor, ()
        Logarithm of the focal length.
    """

    shift: Tensor
    size: Tensor

    @classmethod
    def canonical(cls) -> View:
        """In the middle, the longest side a little more than half of the image wide."""
        return cls(torch.zeros(2), torch.tensor(1.4).log())


def rays(view: View, side: int) -> tuple[Tensor, Tensor]:
    """Origin (3,) and directions (side * side, 3) of the rays through pixel centres, row by row."""
    tilt = torch.deg2rad(torch.tensor(ELEVATION))
    zero, one = torch.zeros(()), torch.ones(())
    right = torch.stack([one, zero, zero])
    forward = torch.stack([zero, tilt.cos(), -tilt.sin()])
    down = torch.stack([zero, -tilt.sin(), -tilt.cos()])
    axis = (torch.arange(side) + 0.5) * (2 / side) - 1
    rows, columns = torch.meshgrid(axis, axis, indexing="ij")
    focal = view.size.exp()
    x = (columns.reshape(-1, 1) - view.shift[0]) / focal
    y = (rows.reshape(-1, 1) - view.shift[1]) / focal
    return -DISTANCE * forward, forward + x * right + y * down


def render(
    solid: Tensor, color: Tensor, view: View, side: int, sharpness: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Silhouette and colours of one object.

    Parameters
    ----------
    solid : tensor, (1, n, n, n)
        Logits of being solid.
    color : tensor, (1, 3, m, m, m)
    view : View
    side : int
        Of the image, pixels.
    sharpness : float
        Factor of the logits.

    Returns
    -------
    (silhouette, colors)
        (side, side) in [0, 1], and (side, side, 3): the light that reaches the eye, black where
        nothing is.
    """
    origin, directions = rays(view, side)
    depths = torch.linspace(DISTANCE - _DEPTH, DISTANCE + _DEPTH, _SAMPLES)
    points = origin + directions[:, None] * depths[:, None]  # (side * side, samples, 3)
    flat = points.view(1, -1, 3)
    inside = (points.abs() < 0.55).all(dim=-1)
    logits = at_points(solid[:, None], flat).view(-1, _SAMPLES)
    stop = torch.sigmoid(sharpness * logits) * inside  # share of light that each sample stops
    passed = torch.cumprod(torch.cat([torch.ones(len(stop), 1), 1 - stop + 1e-7], 1), dim=1)
    weights = stop * passed[:, :-1]
    seen = at_points(color, flat).view(-1, _SAMPLES, 3)
    silhouette = weights.sum(dim=1).view(side, side)
    return silhouette, (weights[..., None] * seen).sum(dim=1).view(side, side, 3)
