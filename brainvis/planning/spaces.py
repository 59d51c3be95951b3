"""Shapes and parameters of feature spaces, from settings and from the checkpoint's own description.

No weights are read: networks are built without memory (torch's meta device).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any

from brainvis.config import RunConfig, find_checkpoint
from brainvis.config.models import (
    Gabor,
    Latents,
    MotionEnergy,
    OpenClip,
    Pixels,
    Transformers,
    Visual,
)
from brainvis.errors import BrainvisError
from brainvis.features.checkpoint import read_json

_GABOR_SCALES, _COLOURS = 4, 3
_DINO = {
    "small": (384, 12, 6),
    "base": (768, 12, 12),
    "large": (1024, 24, 16),
}  # width, depth, heads
_DINO_PATCH = 14
_DENSE = 0.3  # large networks come nearer to the speed of a matrix product than other work does


@dataclass(frozen=True)
class Space:
    """What a feature space is made of.

    Attributes
    ----------
    name, kind : str
    pooled : int
        Length of the pooled vector.
    layers, tokens, width : int
        Of its tokens; 0 where it has none.
    parameters : int
        Of the network.
    side : int
        Of the images that it reads, in pixels.
    flops : float
        Of one image.
    """

    name: str
    kind: str
    pooled: int
    layers: int = 0
    tokens: int = 0
    width: int = 0
    parameters: int = 0
    side: int = 0
    flops: float = 0.0

    @property
    def shape(self) -> tuple[int, int, int]:
        """Layers, tokens, width as a backbone takes them: pooled where there are no tokens."""
        return (self.layers, self.tokens, self.width) if self.tokens else (1, 1, self.pooled)

    @property
    def per_image(self) -> int:
        """Numbers of all tokens of an image."""
        return self.layers * self.tokens * self.width


def spaces_of(config: RunConfig) -> dict[str, Space]:
    """Every feature space of a run.

    Raises
    ------
    BrainvisError
        A network of unknown shape whose checkpoint is not here.
    """
    fps = getattr(getattr(config.dataset, "stimuli", None), "fps", 8)
    return {name: _space(name, given, fps) for name, given in config.features.items()}


def _space(name: str, given: Any, fps: int) -> Space:
    match given:
        case Pixels(size=size):
            return Space(name, "pixels", size * size * 3)
        case Gabor(size=size, orientations=orientations, grid=grid):
            channels = _GABOR_SCALES * orientations + _COLOURS
            side = 2 * size
            flops = 5.0 * _GABOR_SCALES * orientations * side**2 * 2 * side.bit_length()
            return Space(
                name, "gabor", channels * grid**2, 1, grid**2, channels, side=size, flops=flops
            )
        case MotionEnergy(size=size):
            return Space(name, "motion-energy", _motion_filters(size, fps), side=size, flops=2e8)
        case OpenClip(folder=folder, layers=layers):
            return _open_clip(name, folder, len(layers))
        case Transformers(folder=folder, layers=layers, size=size):
            return _transformers(name, folder, len(layers), size)
        case Visual(folder=folder, size=size, levels=levels):
            return _visual(name, folder, size, levels)
        case Latents(folder=folder):
            return _latents(name, folder)
    raise BrainvisError("no such kind of features", field=f"features.{name}.kind", found=given)


@cache
def _motion_filters(size: int, fps: int) -> int:
    import moten

    pyramid = moten.get_default_pyramid(
        vhsize=(size, size),
        fps=fps,
        spatial_frequencies=[0.0, 2.0, 4.0, 8.0],
        temporal_frequencies=[0.0, 1.0, 2.0],
    )
    return int(pyramid.nfilters)


def _open_clip(name: str, folder: str, layers: int) -> Space:
    architecture = _open_clip_settings(name, folder)
    vision = architecture["vision_cfg"]
    side, patch, width = vision["image_size"], vision["patch_size"], vision["width"]
    tokens = (side // patch) ** 2
    parameters, seeing = _count_open_clip(folder, architecture)
    flops = _DENSE * 2.0 * seeing * (tokens + 1)
    return Space(
        name, "open-clip", architecture["embed_dim"], layers, tokens, width, parameters, side, flops
    )


def _open_clip_settings(name: str, folder: str) -> dict:
    """The folder's own settings, or those that open_clip ships for the model it is named after."""
    path = _found(folder)
    if path is not None:
        return read_json(path / "open_clip_config.json")["model_cfg"]
    from open_clip import get_model_config, list_models

    known = [model for model in list_models() if f"-{model}-" in f"-{Path(folder).name}-"]
    settings = get_model_config(max(known, key=len)) if known else None
    if settings is None:
        raise _unknown(name, folder, "open_clip_config.json")
    return settings


def _count_open_clip(folder: str, architecture: dict) -> tuple[int, int]:
    """Parameters of both towers, and of the one that sees."""
    import torch

    from brainvis.features.open_clip_model import build

    with torch.device("meta"):
        model = build(architecture, Path(folder))
    return _count(model), _count(model.visual)


def _transformers(name: str, folder: str, layers: int, size: int | None) -> Space:
    import torch
    from transformers import AutoConfig, AutoModel

    config = _transformers_settings(name, folder, AutoConfig)
    with torch.device("meta"):
        parameters = _count(AutoModel.from_config(config))
    vision = getattr(config, "vision_config", config)
    side, width = size or vision.image_size, vision.hidden_size
    tokens = (side // vision.patch_size) ** 2
    frames = getattr(vision, "num_frames", None)
    if frames:
        tokens *= frames // vision.tubelet_size
    pooled = getattr(config, "projection_dim", None) or width
    flops = _DENSE * 2.0 * parameters * (tokens + 1)
    return Space(name, "transformers", pooled, layers, tokens, width, parameters, side, flops)


def _transformers_settings(name: str, folder: str, auto: Any) -> Any:
    """The folder's own settings, or those of the DINOv2 it is named after."""
    path, called = _found(folder), Path(folder).name
    if path is not None:
        return auto.from_pretrained(path, local_files_only=True)
    kind = "dinov2_with_registers" if "with-registers" in called else "dinov2"
    size = next((one for one in _DINO if called.startswith("dinov2") and one in called), None)
    if size is None:
        raise _unknown(name, folder, "config.json")
    width, depth, heads = _DINO[size]
    return auto.for_model(
        kind, hidden_size=width, num_hidden_layers=depth, num_attention_heads=heads,
        patch_size=_DINO_PATCH, image_size=518,
    )  # fmt: skip


def _visual(name: str, folder: str, size: int, levels: list[int]) -> Space:
    import torch

    from brainvis.features.visual_network import layers, read_plan

    plan, settings = read_plan(find_checkpoint(folder))
    with torch.device("meta"):
        parameters = _count(layers(plan, settings.get("batch_norm", True)))
    channels = [int(before) for before, one in pairwise(plan) if one == "M"]
    chosen = [range(len(channels))[level] for level in levels]
    pooled = sum(channels[level] * (size >> level) ** 2 for level in chosen)
    return Space(
        name, "visual", pooled, parameters=parameters, side=size, flops=parameters * size**2
    )


def _latents(name: str, folder: str) -> Space:
    path = find_checkpoint(folder) / "vae"
    given = read_json(path / "config.json")
    side = given["sample_size"]
    rows = side >> (len(given["block_out_channels"]) - 1)
    parameters = saved_parameters(path)
    pooled = given["latent_channels"] * rows**2
    return Space(
        name, "latents", pooled, parameters=parameters, side=side, flops=parameters * side**2 / 4
    )


def saved_parameters(folder: Path) -> int:
    """Numbers in all safetensors files below a folder, from their headers.

    Raises
    ------
    BrainvisError
        No such file.
    """
    from safetensors import safe_open

    weights = sorted(folder.rglob("*.safetensors"))
    if not weights:
        raise BrainvisError(
            "holds no weights to count",
            file=folder,
            found=sorted(path.name for path in folder.iterdir())[:6],
            remedy="copy the checkpoint there",
        )
    count = 0
    for path in weights:
        with safe_open(path, framework="np") as file:
            names = list(file.keys())
            count += sum(prod(file.get_slice(name).get_shape()) for name in names)
    return count


def _found(folder: str) -> Path | None:
    try:
        return find_checkpoint(folder)
    except BrainvisError:
        return None


def _unknown(name: str, folder: str, wanted: str) -> BrainvisError:
    return BrainvisError(
        "is a network of unknown shape",
        field=f"features.{name}.folder",
        found=folder,
        remedy=f"put its {wanted} there (no weights are needed to plan)",
    )


def _count(model: Any) -> int:
    return sum(one.numel() for one in model.parameters())
