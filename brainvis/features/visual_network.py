"""A VGG network from a local folder, as five levels of visual features.

The folder holds ``config.json`` and ``model.safetensors``, whose tensors are named as torchvision
names those of its VGG: the shipped small network and torchvision's own ``vgg16_bn`` load alike.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from brainvis.errors import BrainvisError
from brainvis.features.checkpoint import (
    chosen_device,
    model_name,
    read_json,
    refuse_mismatch,
    weight_files,
)
from brainvis.features.inputs import IMAGENET_MEAN, IMAGENET_STD, channels_first, squared

if TYPE_CHECKING:
    import torch

CONFIG, WEIGHTS = "config.json", "model.safetensors"
STAGES = 5
_COUNT = "num_batches_tracked"  # of batch norm; no use once trained
_REMEDY = "give the list of channels and 'M' as in torchvision.models.vgg.cfgs, or its letter"


def layers(plan: Sequence[int | str], batch_norm: bool) -> torch.nn.Sequential:
    """torchvision's convolutional layers of a VGG, with random weights."""
    from torchvision.models.vgg import make_layers

    return make_layers(list(plan), batch_norm=batch_norm)


def read_plan(folder: Path) -> tuple[list[int | str], dict[str, Any]]:
    """Channels and pools of a network, and all settings, from its ``config.json``.

    Raises
    ------
    BrainvisError
        Missing file, another architecture, or a plan without five pooled stages.
    """
    from torchvision.models.vgg import cfgs

    settings = read_json(folder / CONFIG)
    if settings.get("architecture") != "vgg":
        raise BrainvisError(
            "architecture is unknown", file=folder / CONFIG, field="architecture",
            found=settings.get("architecture"), remedy="use 'vgg'",
        )  # fmt: skip
    given = settings.get("layers")
    found = cfgs.get(given, []) if isinstance(given, str) else given
    plan: list[int | str] = found if isinstance(found, list) else []
    good = all(one == "M" or (isinstance(one, int) and one > 0) for one in plan)
    if not good or plan.count("M") != STAGES or plan[-1] != "M":
        raise BrainvisError(
            f"needs {STAGES} stages that each end in a pool", file=folder / CONFIG,
            field="layers", found=given, remedy=_REMEDY,
        )  # fmt: skip
    return plan, settings


class VisualNetwork:
    """The last activations before each of the five pools of a VGG.

    Parameters
    ----------
    folder : path
        Local checkpoint folder. ``config.json`` gives architecture ("vgg"), layers, batch_norm
        (default true), size (default 224), and the mean and std of the colour channels (default
        ImageNet's).
    device : str
        ``auto``, ``cpu``, ``cuda`` ...

    Attributes
    ----------
    name : str
        Folder with a hash of its weights.
    size : int
        Side in pixels that the network was trained on.
    channels : tuple of int
        Of the five levels.
    features : torch.nn.Sequential
        Frozen; differentiable with respect to its input.

    Raises
    ------
    BrainvisError
        Missing, pickled, damaged or mismatching files.
    """

    def __init__(self, folder: str | Path, device: str = "auto") -> None:
        import torch

        self.folder = Path(folder)
        weights = weight_files(self.folder, WEIGHTS)[:1]
        plan, settings = read_plan(self.folder)
        with torch.random.fork_rng(devices=[]):  # the weights drawn here are all replaced
            self.features = layers(plan, settings.get("batch_norm", True))
        _fill(self.features, weights[0])
        self.device = chosen_device(device)
        self.features.to(self.device).eval().requires_grad_(False)
        self.name = model_name(self.folder, weights)
        self.size = int(settings.get("size", 224))
        self.channels = tuple(int(before) for before, one in itertools.pairwise(plan) if one == "M")
        scale = (settings.get("mean", IMAGENET_MEAN), settings.get("std", IMAGENET_STD))
        self._mean, self._std = (torch.tensor(one, device=self.device) for one in scale)

    def levels(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Five activations, finest first.

        Parameters
        ----------
        images : tensor, (b, 3, height, width)
            In [0, 1]; sides of 16 pixels or more.

        Returns
        -------
        list of tensor, (b, c, height / 2**k, width / 2**k) for k = 0..4
        """
        if min(images.shape[-2:]) < 2 ** (STAGES - 1):
            raise BrainvisError(
                "images are too small for five stages", field="images", found=tuple(images.shape),
                remedy=f"give sides of {2 ** (STAGES - 1)} pixels or more",
            )  # fmt: skip
        return before_pools(self.features, self._scaled(images))

    def output(self, images: torch.Tensor) -> torch.Tensor:
        """What comes out of the last pool, for images as `levels` takes them."""
        return self.features(self._scaled(images))

    def _scaled(self, images: torch.Tensor) -> torch.Tensor:
        shift, scale = self._mean.view(1, 3, 1, 1), self._std.view(1, 3, 1, 1)
        return (images.to(self.device) - shift) / scale

    def stages(self, images: np.ndarray) -> list[np.ndarray]:
        """Five activations (b, c, rows, columns) of images (b, height, width, 3) in [0, 1].

        The images are first brought to `size`: shorter side scaled, centre cut out.
        """
        import torch

        with torch.inference_mode():
            made = self.levels(squared(channels_first(images), self.size, "bilinear"))
        return [one.float().cpu().numpy() for one in made]


def before_pools(features: torch.nn.Sequential, inputs: torch.Tensor) -> list[torch.Tensor]:
    """What goes into each pool of a VGG's layers."""
    from torch.nn import MaxPool2d

    found, values = [], inputs
    for layer in features:
        if isinstance(layer, MaxPool2d):
            found.append(values)
            if len(found) == STAGES:
                break
        values = layer(values)
    return found


def stored(path: Path) -> dict[str, torch.Tensor]:
    """Tensors of a safetensors file.

    Raises
    ------
    BrainvisError
        Truncated or damaged file.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise BrainvisError(
            "cannot be read as safetensors, truncated or damaged", file=path, found=error
        ) from error


def _fill(features: torch.nn.Sequential, path: Path) -> None:
    """Weights of the convolutional layers; those of a classifier in the file are left alone."""
    prefix = "features."
    given = {
        name.removeprefix(prefix): value
        for name, value in stored(path).items()
        if name.startswith(prefix)
    }
    given = {name: value for name, value in given.items() if not name.endswith(_COUNT)}
    wanted = {
        name: tuple(value.shape)
        for name, value in features.state_dict().items()
        if not name.endswith(_COUNT)
    }
    problems = [f"{prefix}{name} is missing" for name in wanted if name not in given]
    problems += [
        f"{prefix}{name} is {tuple(given[name].shape)} instead of {shape}"
        for name, shape in wanted.items()
        if name in given and tuple(given[name].shape) != shape
    ]
    problems += [f"{prefix}{name} is not in the model" for name in given if name not in wanted]
    refuse_mismatch(problems, path)
    features.load_state_dict({name: given[name].float() for name in wanted}, strict=False)
