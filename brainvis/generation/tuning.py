"""What of a generator can be tuned, and the folder that is written afterwards.

A `Denoiser` is the U-Net of any backend with what it needs beside noisy latents, so that training
sees one call. The projection of an IP-Adapter stays as it is: the decoder before it learns.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from brainvis.artifacts import files
from brainvis.errors import BrainvisError
from brainvis.features.checkpoint import read_json
from brainvis.generation.base import DiffusionGenerator
from brainvis.generation.card import CARD
from brainvis.generation.kandinsky import Kandinsky
from brainvis.generation.stable_diffusion import ADAPTER, StableDiffusionIPAdapter
from brainvis.generation.unclip import SDXLUnCLIP

_OWN = ("model_card.json", "README.md")  # say what made the weights, which is no longer true


class Denoiser(nn.Module):
    """U-Net of a generator as training calls it.

    Parameters
    ----------
    generator : DiffusionGenerator
        Loaded and checked; its U-Net becomes trainable.

    Raises
    ------
    BrainvisError
        A noise schedule with a prediction that is none of noise, velocity and image.
    """

    def __init__(self, generator: DiffusionGenerator) -> None:
        super().__init__()
        own: Any = generator
        pipeline = own if isinstance(generator, SDXLUnCLIP) else own._img2img
        self.unet, self.backend = pipeline.unet, type(generator)
        self.unet.requires_grad_(True)
        if isinstance(generator, StableDiffusionIPAdapter):
            self.unet.encoder_hid_proj.requires_grad_(False)
        self.levels: Any = DDPMScheduler.from_config(pipeline.scheduler.config)
        self.kind = str(self.levels.config.prediction_type)
        if self.kind not in ("epsilon", "v_prediction", "sample"):
            raise BrainvisError(
                "predicts what brainvis cannot train",
                file=generator.folder / "scheduler",
                field="prediction_type",
                found=self.kind,
                remedy="epsilon, v_prediction or sample",
            )
        width, size = generator.width, float(generator.size)
        self.prompt: Tensor  # text (1, t, c), empty image (1, d), or size and crop (1, 4)
        extra = {StableDiffusionIPAdapter: "_prompt", Kandinsky: "_negative"}.get(self.backend)
        fixed = getattr(own, extra) if extra else torch.tensor([[size, size, 0, 0]])
        self.register_buffer("prompt", fixed.detach().clone().float(), persistent=False)
        self.width = width

    def forward(self, noisy: Tensor, times: Tensor, condition: Tensor) -> Tensor:
        """Noise, velocity or image that the U-Net sees.

        Parameters
        ----------
        noisy : (b, c, h, w)
        times : (b,) int
        condition : (b, tokens, width)
            On the scale of the generator's training.
        """
        count = len(noisy)
        if self.backend is SDXLUnCLIP:
            vector = {
                "text_embeds": condition.new_zeros(count, 0),
                "time_ids": self.prompt.expand(count, -1),
            }
            return self.unet(noisy, times, condition, added_cond_kwargs=vector).sample
        if self.backend is Kandinsky:  # half of its channels are the variance
            pooled = {"image_embeds": condition[:, 0]}
            return self.unet(noisy, times, None, added_cond_kwargs=pooled).sample.chunk(2, 1)[0]
        # (b, t, d) -> (b, 1 image, t, d); the pooled vector stays (b, 1 image, d)
        image = condition if condition.shape[1] == 1 else condition[:, None]
        text = self.prompt.expand(count, -1, -1)
        return self.unet(noisy, times, text, added_cond_kwargs={"image_embeds": [image]}).sample

    def absent(self, condition: Tensor, noise: Tensor) -> Tensor:
        """What stands for no condition (guidance), of the shape of `condition`."""
        if self.backend is SDXLUnCLIP:
            return noise
        if self.backend is Kandinsky:
            return self.prompt[:, None].expand_as(condition)
        return torch.zeros_like(condition)

    def wanted(self, clean: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """What `forward` should give."""
        if self.kind == "v_prediction":
            return self.levels.get_velocity(clean, noise, times)
        return noise if self.kind == "epsilon" else clean


def write_generator(
    source: Path, out: Path, denoiser: Denoiser, card: Mapping[str, object]
) -> None:
    """Write the folder of `source` again with tuned weights, in the precision of the source.

    Parameters
    ----------
    source : Path
        Folder of the generator that was tuned.
    out : Path
        Folder to write; it opens as `source` does.
    denoiser : Denoiser
    card : dict
        Content of ``model_card.json``; the source's own is kept below ``source``.
    """
    shutil.copytree(source, out, ignore=shutil.ignore_patterns(*_OWN, "*.safetensors"))
    tuned: dict[str, Tensor] = dict(denoiser.unet.state_dict())
    for path in sorted(source.rglob("*.safetensors")):
        inside = path.relative_to(source)
        if inside == Path(ADAPTER):
            _rewrite(path, out / inside, _adapter(denoiser.unet))
        elif inside.parts[0] == "unet":
            _rewrite(path, out / inside, tuned)
        else:
            shutil.copyfile(path, out / inside)
    before = read_json(source / _OWN[0]) if (source / _OWN[0]).is_file() else None
    files.write_json(out / _OWN[0], {**card, "source": before or read_json(source / CARD)})
    files.write_bytes(out / _OWN[1], _page(card).encode())


def _rewrite(old: Path, new: Path, tuned: Mapping[str, Tensor]) -> None:
    """The same tensors under the same names, tuned ones in their stored precision."""
    with safe_open(old, framework="pt") as file:
        found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = file.metadata()
    tensors = {
        name: tuned.get(name, value).detach().to("cpu", value.dtype).contiguous()
        for name, value in found.items()
    }
    save_file(tensors, new, metadata)


def _adapter(unet: Any) -> dict[str, Tensor]:
    """Keys and values of an IP-Adapter by their names in its file: odd, in diffusers' order."""
    made = {}
    crossing = [name for name in unet.attn_processors if ".attn2." in name]
    for order, name in enumerate(crossing):
        processor = unet.attn_processors[name]
        for part in ("to_k_ip", "to_v_ip"):
            made[f"ip_adapter.{2 * order + 1}.{part}.weight"] = getattr(processor, part)[0].weight
    return made


def _page(card: Mapping[str, object]) -> str:
    return f"""# {card["model"]}

A generator tuned together with a Brain-Interaction Transformer ({card["network"]}) on responses to
training stimuli: the denoising loss on held-out training stimuli went from
{card["validation_before"]:.4f} to {card["validation_after"]:.4f}. Settings, losses and the card of
the generator it began as are in `model_card.json`.
"""
