"""Image and text embeddings of an open_clip model in a local folder; nothing is downloaded.

The folder holds ``open_clip_config.json`` and ``open_clip_model.safetensors`` as on the Hugging
Face hub, and optionally ``bpe_vocab.txt.gz``, the merges of a byte-pair tokenizer of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import numpy as np

from brainvis.errors import BrainvisError
from brainvis.features.base import Extracted, block_numbers, stacked
from brainvis.features.checkpoint import (
    chosen_device,
    load_weights,
    model_name,
    read_json,
    weight_files,
)
from brainvis.features.inputs import channels_first, squared, standardised

if TYPE_CHECKING:
    import torch
    from open_clip import CLIP, CustomTextCLIP, SimpleTokenizer

CONFIG, WEIGHTS, MERGES = "open_clip_config.json", "open_clip_model.safetensors", "bpe_vocab.txt.gz"


def build(architecture: dict, source: Path) -> CLIP | CustomTextCLIP:
    """An open_clip model with random weights from the ``model_cfg`` of its settings.

    Raises
    ------
    BrainvisError
        Settings that open_clip does not accept, or whose text tower it would have to download.
    """
    from open_clip import CLIP, CustomTextCLIP

    settings = {name: value for name, value in architecture.items() if name != "custom_text"}
    text = settings.get("text_cfg")
    if isinstance(text, dict) and "hf_model_name" in text:
        raise BrainvisError(
            "text tower would be downloaded",
            file=source,
            field="model_cfg.text_cfg.hf_model_name",
            found=text["hf_model_name"],
            remedy="use a model with open_clip's own text tower, or kind 'transformers'",
        )
    kind = CustomTextCLIP if architecture.get("custom_text") else CLIP
    try:
        return kind(**settings)
    except (TypeError, ValueError, AssertionError, AttributeError, RuntimeError) as error:
        raise BrainvisError(
            "is not an architecture that open_clip can build",
            file=source,
            field="model_cfg",
            found=error,
        ) from error


class OpenClip:
    """Normalised image embeddings, patch tokens of chosen layers, normalised text embeddings.

    Parameters
    ----------
    folder : path
        Local checkpoint folder.
    layers : sequence of int
        Transformer blocks whose patch tokens are kept, each passed through the final layer norm;
        the class token is dropped. Empty for no tokens.
    device : str
        ``auto``, ``cpu``, ``cuda`` ...

    Raises
    ------
    BrainvisError
        Missing, pickled, damaged or mismatching files.
    """

    source: Literal["images", "clips"] = "images"

    def __init__(
        self, folder: str | Path, layers: Sequence[int] = (-1,), device: str = "auto"
    ) -> None:
        import torch

        self.folder = Path(folder)
        weights = weight_files(self.folder, WEIGHTS)
        settings = read_json(self.folder / CONFIG)
        architecture = settings.get("model_cfg")
        if not isinstance(architecture, dict):
            raise BrainvisError("has no architecture", file=self.folder / CONFIG, field="model_cfg")
        self._architecture: dict = architecture
        self._device = chosen_device(device)
        with torch.random.fork_rng(devices=[]):  # the weights drawn here are all replaced
            self.model = build(self._architecture, self.folder / CONFIG)
        load_weights(self.model, weights[0])
        self.model.to(self._device).eval()
        self.name = model_name(self.folder, weights[:1])
        self.size, self._inputs = self._input_settings(settings.get("preprocess_cfg") or {})
        self._layers = block_numbers(layers, self._depth(), self.name) if layers else []

    def _input_settings(self, given: dict) -> tuple[int, dict]:
        from open_clip.constants import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD

        size = self.model.visual.image_size
        return int(size[0] if isinstance(size, tuple) else size), {
            "interpolation": given.get("interpolation", "bicubic"),
            "mean": given.get("mean", OPENAI_DATASET_MEAN),
            "std": given.get("std", OPENAI_DATASET_STD),
        }

    @property
    def normalisation(self) -> tuple[Sequence[float], Sequence[float]]:
        """Mean and standard deviation of the colour channels, in [0, 1]."""
        return self._inputs["mean"], self._inputs["std"]

    def _depth(self) -> int:
        visual = self.model.visual
        blocks = getattr(getattr(visual, "transformer", None), "resblocks", None)
        if blocks is None:  # a tower of timm
            blocks = getattr(visual.trunk, "blocks", ())
        return len(blocks)

    def extract(self, images: np.ndarray) -> Extracted:
        """Pooled (b, d) of unit length; tokens (b, [layers,] patches, width)."""
        import torch

        batch = squared(channels_first(images), self.size, self._inputs["interpolation"])
        batch = standardised(batch, *self.normalisation).to(self._device)
        with torch.inference_mode():
            if not self._layers:
                return self.model.encode_image(batch, normalize=True).float().cpu().numpy(), None
            made = self.model.forward_intermediates(
                batch, image_indices=self._layers, normalize_intermediates=True
            )
        maps = (grid.flatten(2).transpose(1, 2) for grid in made["image_intermediates"])
        tokens = stacked([one.float().cpu().numpy() for one in maps])  # from (b, d', rows, columns)
        pooled = cast("torch.Tensor", made["image_features"])
        return pooled.float().cpu().numpy(), tokens

    def encode_text(self, captions: Sequence[str], batch: int = 256) -> np.ndarray:
        """Text embeddings of unit length in the space of the pooled image embeddings.

        Parameters
        ----------
        captions : sequence of str, n
        batch : int
            Captions encoded at a time.

        Returns
        -------
        ndarray, (n, d) float32

        Raises
        ------
        BrainvisError
            Where the model's tokenizer is not a local one.
        """
        import torch

        tokens = self.tokenizer()(list(captions))
        with torch.inference_mode():
            parts = [
                self.model.encode_text(part.to(self._device), normalize=True).float().cpu()
                for part in tokens.split(batch)
            ]
        return torch.cat(parts).numpy()

    def tokenizer(self) -> SimpleTokenizer:
        """Byte-pair tokenizer: the folder's own merges, or those that ship with open_clip."""
        return local_tokenizer(self.folder, self._architecture["text_cfg"])


def local_tokenizer(folder: Path, text: dict) -> SimpleTokenizer:
    """Byte-pair tokenizer of a checkpoint folder, checked against the text tower's vocabulary."""
    from open_clip import SimpleTokenizer
    from open_clip.tokenizer import default_bpe

    if text.get("hf_tokenizer_name"):
        raise BrainvisError(
            "tokenizer would be downloaded",
            file=folder / CONFIG,
            field="model_cfg.text_cfg.hf_tokenizer_name",
            found=text["hf_tokenizer_name"],
            remedy="its image features work; for text use a model with open_clip's own tokenizer",
        )
    merges = folder / MERGES
    tokenizer = SimpleTokenizer(
        bpe_path=str(merges) if merges.is_file() else default_bpe(),
        context_length=text.get("context_length", 77),
        **(text.get("tokenizer_kwargs") or {}),
    )
    vocabulary = text.get("vocab_size", 49408)
    if tokenizer.vocab_size != vocabulary:
        raise BrainvisError(
            f"text tower has {vocabulary} token embeddings, its tokenizer another number",
            file=merges if merges.is_file() else folder / CONFIG,
            field="vocab_size",
            found=tokenizer.vocab_size,
            remedy=f"put the model's own merges beside it as {MERGES}",
        )
    return tokenizer
