"""Refine a shape latent against a decoded image, by differentiable rendering.

No fact of the stimulus is used: the object is cut out of the decoded image itself (GrabCut, Rother
et al. 2004), a fixed camera looks at it, and where it appears is fitted. Latent, view and the
light's colour follow the gradient of the silhouette's and the colours' errors; the latent is held
near its start.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from brainvis.errors import BrainvisError
from brainvis.objects3d.network import ShapeAutoencoder
from brainvis.objects3d.rendering import View, render

_SIDE = 32  # pixels of rendered images
_SMALL, _LARGE = 0.02, 0.9  # shares of an image that an object may cover
_BORDER = 0.05  # of the image, surely background
_LIGHT = 1.0  # logarithm of the strongest change of the light's colour


@dataclass(frozen=True)
class Refined:
    """A refined latent and what it gained.

    Attributes
    ----------
    latent : ndarray, (latent,) float32
        The one given where refinement did not help.
    before, after : dict
        "silhouette" (IoU of rendered and cut-out silhouettes) and "color" (mean absolute error
        where both are), with the fitted view: before and after the latent changed.
    refined : bool
        Whether the latent changed.
    """

    latent: np.ndarray
    before: dict[str, float]
    after: dict[str, float]
    refined: bool


def refine(
    autoencoder: ShapeAutoencoder,
    latent: np.ndarray,
    image: np.ndarray,
    *,
    steps: int = 60,
    fitting: int = 30,
    learning_rate: float = 0.03,
    held: float = 0.02,
    painted: float = 0.5,
) -> Refined:
    """Change a latent so that its object looks like the one in a decoded image.

    Parameters
    ----------
    autoencoder : ShapeAutoencoder
        In evaluation mode.
    latent : ndarray, (latent,)
    image : ndarray, (height, width, 3)
        float32 in [0, 1].
    steps : int
        In which the latent changes, after `fitting` steps in which only the view does.
    fitting : int
    learning_rate : float
    held : float
        Weight of the latent's mean squared change.
    painted : float
        Weight of the colours' error beside the silhouette's.

    Returns
    -------
    Refined
        Unchanged where no object could be cut out, or where the errors did not fall.

    Raises
    ------
    BrainvisError
        Wrong shapes, values that are not finite.
    """
    _check(autoencoder, latent, image)
    start = torch.from_numpy(np.asarray(latent, np.float32))[None]
    mask = foreground(image)
    if not _SMALL < mask.mean() < _LARGE:
        nothing = {"silhouette": float("nan"), "color": float("nan")}
        return Refined(start[0].numpy(), nothing, nothing, False)
    target = _target(image, mask)
    view, light = _begun(target), torch.zeros(3, requires_grad=True)
    placing = [view.shift.requires_grad_(), view.size.requires_grad_(), light]
    with torch.no_grad():
        fixed = autoencoder.decode(start)
    _descend(placing, fitting, learning_rate, lambda: _error(fixed, view, light, target, painted))
    before, worse = _told(fixed, view, light, target, painted)
    moved = start.clone().requires_grad_()

    def error() -> Tensor:
        change = (moved - start).square().mean()
        found = _error(autoencoder.decode(moved), view, light, target, painted)
        return found + held * change

    _descend([moved, *placing], steps, learning_rate, error)
    with torch.no_grad():
        after, better = _told(autoencoder.decode(moved), view, light, target, painted)
    if not better < worse:
        return Refined(start[0].numpy(), before, before, False)
    return Refined(moved.detach()[0].numpy(), before, after, True)


def foreground(image: np.ndarray) -> np.ndarray:
    """Where the object of an image is, (height, width) bool, the image's border being background.

    Parameters
    ----------
    image : ndarray, (height, width, 3)
        In [0, 1].
    """
    pixels = np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)
    height, width = pixels.shape[:2]
    edge = max(1, round(_BORDER * height)), max(1, round(_BORDER * width))
    box = (edge[1], edge[0], width - 2 * edge[1], height - 2 * edge[0])
    labels = np.zeros((height, width), np.uint8)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)
    try:
        cv2.grabCut(pixels, labels, box, *models, 4, cv2.GC_INIT_WITH_RECT)
    except cv2.error:  # an image of one colour has no foreground
        return np.zeros((height, width), bool)
    return (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)


@dataclass(frozen=True)
class _Target:
    mask: Tensor  # (side, side)
    color: Tensor  # (side, side, 3)


def _target(image: np.ndarray, mask: np.ndarray) -> _Target:
    stacked = np.concatenate([image, mask[..., None]], axis=2).astype(np.float32)
    given = torch.from_numpy(stacked).permute(2, 0, 1)[None]
    small = functional.adaptive_avg_pool2d(given, _SIDE)[0].permute(1, 2, 0)
    return _Target(small[..., 3], small[..., :3])


def _begun(target: _Target) -> View:
    """A view that centres the canonical object on the mask and gives it the mask's extent."""
    axis = (torch.arange(_SIDE) + 0.5) * (2 / _SIDE) - 1
    total = target.mask.sum()
    columns, rows = target.mask.sum(dim=0), target.mask.sum(dim=1)
    shift = torch.stack([(axis * columns).sum(), (axis * rows).sum()]) / total
    extent = max(float((one > 0.5).sum()) for one in (columns, rows)) * 2 / _SIDE
    canonical = View.canonical()
    seen = float(canonical.size.exp()) / 2.4  # of an object whose longest side lies across
    return View(shift, canonical.size + float(np.log(max(extent, 0.1) / seen)))


def _descend(parameters: list[Tensor], steps: int, rate: float, error) -> None:
    optimizer = torch.optim.Adam(parameters, lr=rate)
    for _ in range(steps):
        optimizer.zero_grad()
        error().backward()
        optimizer.step()


def _drawn(decoded: tuple[Tensor, Tensor], view: View, light: Tensor) -> tuple[Tensor, Tensor]:
    silhouette, colors = render(*decoded, view, _SIDE)
    return silhouette, colors * (light.tanh() * _LIGHT).exp()


def _error(
    decoded: tuple[Tensor, Tensor], view: View, light: Tensor, target: _Target, painted: float
) -> Tensor:
    silhouette, colors = _drawn(decoded, view, light)
    overlap = (silhouette * target.mask).sum()
    union = (silhouette + target.mask - silhouette * target.mask).sum()
    wrong = (colors - target.color * silhouette[..., None]).abs().mean(dim=-1)
    return 1 - overlap / union + painted * (wrong * target.mask).sum() / target.mask.sum()


def _told(
    decoded: tuple[Tensor, Tensor], view: View, light: Tensor, target: _Target, painted: float
) -> tuple[dict[str, float], float]:
    """Readable scores, and the error itself."""
    with torch.no_grad():
        silhouette, colors = _drawn(decoded, view, light)
        both = (silhouette > 0.5) & (target.mask > 0.5)
        either = (silhouette > 0.5) | (target.mask > 0.5)
        wrong = (colors - target.color).abs().mean(dim=-1)
        color = float(wrong[both].mean()) if both.any() else 1.0
        iou = float(both.sum() / either.sum().clamp(min=1))
        total = float(_error(decoded, view, light, target, painted))
    return {"silhouette": iou, "color": color}, total


def _check(autoencoder: ShapeAutoencoder, latent: np.ndarray, image: np.ndarray) -> None:
    fits = np.shape(latent) == (autoencoder.latent,)
    drawn = np.ndim(image) == 3 and np.shape(image)[2] == 3
    if not (fits and drawn):
        raise BrainvisError(
            f"needs a latent of {autoencoder.latent} numbers and a colour image",
            field="image" if fits else "latent",
            found=np.shape(image if fits else latent),
        )
    if not (np.isfinite(latent).all() and np.isfinite(image).all()):
        raise BrainvisError("holds values that are not finite", field="latent or image")
