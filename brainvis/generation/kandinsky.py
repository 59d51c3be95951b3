"""Kandinsky 2.2 decoder on a decoded pooled embedding (Razzhigaev et al. 2310.03502).

Folder: ``unet/ movq/ scheduler/``, and ``negative.safetensors`` with one tensor ``embedding``
(width,) where the prior's embedding of an empty image is known; zeros serve otherwise.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers.models.autoencoders.vq_model import VQModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.pipelines.kandinsky2_2.pipeline_kandinsky2_2 import KandinskyV22Pipeline
from diffusers.pipelines.kandinsky2_2.pipeline_kandinsky2_2_img2img import (
    KandinskyV22Img2ImgPipeline,
)
from safetensors.torch import load_file
from torch import Tensor

from brainvis.features.diffusers_parts import load_model, load_scheduler, loading, tensor_shapes
from brainvis.generation.base import DiffusionGenerator, image_side

NEGATIVE = "negative.safetensors"


class Kandinsky(DiffusionGenerator):
    """`KandinskyV22Img2ImgPipeline` on pooled embeddings; see `DiffusionGenerator`.

    This pipeline always encodes pixels, never latents.
    """

    def _load(self) -> int:
        movq = load_model(self.folder, "movq", VQModel).to(self.device)
        unet = load_model(self.folder, "unet", UNet2DConditionModel).to(self.device)
        found = unet.config.encoder_hid_dim
        if unet.config.encoder_hid_dim_type != "image_proj" or found != self.width:
            raise self._refuse("unet", f"generator.json says width {self.width}", found)
        if self.tokens != 1:
            raise self._refuse("tokens", "this backend takes one pooled vector", self.tokens)
        channels = (
            movq.config.latent_channels,
            unet.config.in_channels,
            unet.config.out_channels,
        )
        if channels != (channels[0], channels[0], 2 * channels[0]):  # noise and its variance
            raise self._refuse(
                "movq and unet", "need equal latent channels, and twice as many out", channels
            )
        self.movq, scheduler = movq, load_scheduler(self.folder)
        self._img2img: Any = KandinskyV22Img2ImgPipeline(unet, scheduler, movq)
        self._from_noise: Any = KandinskyV22Pipeline(unet, scheduler, movq)
        for pipeline in (self._img2img, self._from_noise):
            pipeline.set_progress_bar_config(disable=True)
        self._negative = self._empty_image().to(self.device)
        return image_side(unet, movq)

    def _empty_image(self) -> Tensor:
        path = self.folder / NEGATIVE
        if not path.is_file():
            return torch.zeros(1, self.width)
        shapes = tensor_shapes(path)
        if shapes != {"embedding": (self.width,)}:
            raise self._refuse(NEGATIVE, f"needs one tensor embedding ({self.width},)", shapes)
        with loading(path):
            return load_file(path)["embedding"].float()[None]

    def _denoise(
        self, tokens: Tensor, start: Tensor | None, strength: float, noise: list[torch.Generator]
    ) -> Tensor:
        shared: dict[str, Any] = {
            "image_embeds": tokens[:, 0],  # (b, d)
            "negative_image_embeds": self._negative.expand(len(tokens), -1),
            "height": self.size,
            "width": self.size,
            "guidance_scale": self.guidance,
            "num_inference_steps": self.steps,
            "generator": noise,
            "output_type": "latent",
            "return_dict": False,
        }
        if start is None:
            return self._from_noise(**shared)[0]
        return self._img2img(image=start, strength=strength, **shared)[0]

    def _encode(self, pixels: Tensor) -> Tensor:
        return self.movq.encode(pixels * 2 - 1).latents

    def _decode(self, latents: Tensor) -> Tensor:
        return self.movq.decode(latents, force_not_quantize=True).sample
