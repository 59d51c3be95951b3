"""Vision networks of the transformers library from a local folder; nothing is downloaded.

DINOv2 (with or without registers), DINOv3, CLIP's vision tower and VideoMAE, as saved by
``save_pretrained``: ``config.json``, safetensors weights, optionally ``preprocessor_config.json``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from brainvis.errors import BrainvisError
from brainvis.features.base import Extracted, block_numbers, stacked
from brainvis.features.checkpoint import (
    chosen_device,
    model_name,
    read_json,
    refuse_mismatch,
    weight_files,
)
from brainvis.features.inputs import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    channels_first,
    squared,
    standardised,
)

if TYPE_CHECKING:
    import torch

_CLASS_TOKENS = {
    "dinov2": 1,
    "dinov2_with_registers": 1,
    "dinov3_vit": 1,
    "clip": 1,
    "clip_vision_model": 1,
    "videomae": 0,
}


class TransformersVision:
    """Pooled vectors and patch tokens; class and register tokens are dropped from the tokens.

    Pooled is the unit-length projection into the image-text space for CLIP with its projection,
    the model's own pooled output (class token after the last norm) for the other image models, and
    the mean token for VideoMAE.

    Parameters
    ----------
    folder : path
        Local checkpoint folder.
    layers : sequence of int
        Blocks whose tokens are kept; the last one as the model returns it (after its final norm,
        where it has one), earlier ones as they leave the block. Empty for no tokens.
    size : int, optional
        Input side in pixels, a multiple of the patch size; by default that of the checkpoint.
    device : str
        ``auto``, ``cpu``, ``cuda`` ...

    Raises
    ------
    BrainvisError
        Library not installed; missing, pickled or mismatching files; another kind of network.
    """

    source: Literal["images", "clips"]

    def __init__(
        self,
        folder: str | Path,
        layers: Sequence[int] = (-1,),
        size: int | None = None,
        device: str = "auto",
    ) -> None:
        folder = Path(folder)
        weights = weight_files(folder, "model.safetensors")
        kind = str(read_json(folder / "config.json").get("model_type"))
        if kind not in _CLASS_TOKENS:
            raise BrainvisError(
                "is not a network whose token layout is known here",
                file=folder / "config.json",
                field="model_type",
                found=kind,
                remedy=f"known: {', '.join(_CLASS_TOKENS)}",
            )
        self._device = chosen_device(device)
        self.model = _loaded(folder, weights[0]).to(self._device).eval()
        whole = self.model.config
        self._config = getattr(whole, "vision_config", whole)
        self._prefix = _CLASS_TOKENS[kind] + getattr(self._config, "num_register_tokens", 0)
        self.source = "clips" if kind == "videomae" else "images"
        self.name = model_name(folder, weights)
        self._inputs = _input_settings(folder)
        self.size = self._side(size or self._inputs["size"] or self._config.image_size)
        depth = self._config.num_hidden_layers
        self._layers = block_numbers(layers, depth, self.name) if layers else []

    def _side(self, size: int) -> int:
        patch, fixed = self._config.patch_size, self._config.image_size
        interpolates = self._config.model_type.startswith("dino")
        if size % patch or not (interpolates or size == fixed):
            raise BrainvisError(
                f"must be a multiple of the patch side {patch}"
                if interpolates
                else f"must be {fixed}, the side this network was trained with",
                field="size",
                found=size,
            )
        return size

    def extract(self, images: np.ndarray) -> Extracted:
        """Pooled (b, d); tokens (b, [layers,] patches, width), of VideoMAE in order of time."""
        import torch

        batch = self._prepared(images).to(self._device)
        vision = getattr(self.model, "vision_model", self.model)
        with torch.inference_mode():
            made = vision(pixel_values=batch, output_hidden_states=True, return_dict=True)
            pooled = self._pooled(made).float().cpu().numpy()
        if not self._layers:
            return pooled, None
        return pooled, stacked([self._patches(made, layer) for layer in self._layers])

    def _prepared(self, images: np.ndarray) -> torch.Tensor:
        """(b, 3, s, s), or (b, frames, 3, s, s) for clips, of the length the network expects."""
        if self.source == "images":
            return self._frames(images)
        wanted = self._config.num_frames
        chosen = np.linspace(0, images.shape[1] - 1, wanted).round().astype(int)
        clips = images[:, chosen]
        flat = self._frames(clips.reshape(-1, *clips.shape[2:]))
        return flat.reshape(len(images), wanted, *flat.shape[1:])

    def _frames(self, images: np.ndarray) -> torch.Tensor:
        sized = squared(channels_first(images), self.size)
        return standardised(sized, self._inputs["mean"], self._inputs["std"])

    def _pooled(self, made: Any) -> torch.Tensor:
        from torch.nn.functional import normalize

        if self.source == "clips":
            return made.last_hidden_state.mean(dim=1)
        if hasattr(self.model, "visual_projection"):
            return normalize(self.model.visual_projection(made.pooler_output), dim=-1)
        return made.pooler_output

    def _patches(self, made: Any, layer: int) -> np.ndarray:
        """Patch tokens that leave a block, (b, patches, width)."""
        last = layer == self._config.num_hidden_layers - 1
        # hidden_states[0] enters the first block
        tokens = made.last_hidden_state if last else made.hidden_states[layer + 1]
        return patch_tokens(tokens.float().cpu().numpy(), self._prefix, self._count())

    def _count(self) -> int:
        per_frame = (self.size // self._config.patch_size) ** 2
        if self.source == "images":
            return per_frame
        return per_frame * (self._config.num_frames // self._config.tubelet_size)


def patch_tokens(tokens: np.ndarray, prefix: int, patches: int) -> np.ndarray:
    """Drop the class and register tokens that precede the patches.

    Parameters
    ----------
    tokens : ndarray, (b, prefix + patches, d)
    prefix, patches : int
        Numbers of tokens expected before the patches, and of patches.

    Returns
    -------
    ndarray, (b, patches, d)

    Raises
    ------
    BrainvisError
        Where the network gave another number of tokens than its settings imply.
    """
    if tokens.shape[1] != prefix + patches:
        raise BrainvisError(
            f"network should give {prefix} class and register tokens and {patches} patches",
            field="tokens",
            found=tokens.shape[1],
        )
    return tokens[:, prefix:]


def _loaded(folder: Path, weights: Path) -> Any:
    """The network, every tensor of which the checkpoint has filled."""
    try:
        from transformers import AutoModel  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise BrainvisError(
            "'transformers' features need the transformers library",
            field="kind",
            remedy="pip install transformers",
        ) from error
    try:
        model, report = AutoModel.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            ignore_mismatched_sizes=True,  # reported below, all at once
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise BrainvisError("cannot be loaded by transformers", file=folder, found=error) from error
    # heads that this network does not use may stay over; what it needs must be there
    problems = [
        f"{name} is {tuple(given)} instead of {tuple(wanted)}"
        for name, given, wanted in sorted(report["mismatched_keys"])
    ]
    problems += [f"{name} is missing" for name in sorted(report["missing_keys"])]
    refuse_mismatch(problems, weights)
    return model


def _input_settings(folder: Path) -> dict[str, Any]:
    """Mean, standard deviation and side from ``preprocessor_config.json``; ImageNet's without."""
    path = folder / "preprocessor_config.json"
    given = read_json(path) if path.is_file() else {}
    side = given.get("crop_size") or given.get("size")
    if isinstance(side, dict):
        side = side.get("height") or side.get("shortest_edge")
    return {
        "mean": given.get("image_mean", IMAGENET_MEAN),
        "std": given.get("image_std", IMAGENET_STD),
        "size": side,
    }
