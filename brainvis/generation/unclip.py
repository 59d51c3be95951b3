"""SDXL unCLIP: cross-attention on the decoded tokens themselves (MindEye2, 2403.11207).

Folder: ``vae/ unet/ scheduler/``. The U-Net's cross-attention has the width of the tokens (256 of
1664 in MindEye2 and Brain-IT); its added vector condition embeds size and crop, four numbers.
"""

from __future__ import annotations

import inspect

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor

from brainvis.features.diffusers_parts import load_model, load_scheduler
from brainvis.generation.base import (
    DiffusionGenerator,
    decode_kl,
    encode_kl,
    image_side,
    steps_from_start,
)


class SDXLUnCLIP(DiffusionGenerator):
    """Img2img with an SDXL U-Net that attends to image tokens; see `DiffusionGenerator`.

    The unconditional side of guidance is standard normal tokens, as in MindEye2 and Brain-IT.
    diffusers' own SDXL pipelines cannot serve: they insist on six size numbers and pooled text.
    """

    def _load(self) -> int:
        self.vae = load_model(self.folder, "vae", AutoencoderKL).to(self.device)
        self.unet = load_model(self.folder, "unet", UNet2DConditionModel).to(self.device)
        self.scheduler = load_scheduler(self.folder)
        settings = self.unet.config
        if settings.cross_attention_dim != self.width:
            raise self._refuse(
                "unet", f"generator.json says width {self.width}", settings.cross_attention_dim
            )
        if settings.in_channels != self.vae.config.latent_channels:
            raise self._refuse(
                "unet and vae",
                "need equal latent channels",
                (settings.in_channels, self.vae.config.latent_channels),
            )
        numbers = (settings.projection_class_embeddings_input_dim or 0) / (
            settings.addition_time_embed_dim or 1
        )
        if settings.addition_embed_type != "text_time" or numbers != 4:
            raise self._refuse(
                "unet", "needs a vector condition of size and crop (4 numbers)", numbers
            )
        return image_side(self.unet, self.vae)

    def _denoise(
        self, tokens: Tensor, start: Tensor | None, strength: float, noise: list[torch.Generator]
    ) -> Tensor:
        self.scheduler.set_timesteps(self.steps, device=self.device)
        channels, side = self.unet.config.in_channels, self.unet.config.sample_size
        latents = self._drawn((channels, side, side), noise)
        begin = 0
        if start is None:
            latents = latents * self.scheduler.init_noise_sigma
        else:
            begin = (self.steps - steps_from_start(self.steps, strength)) * self.scheduler.order
            if hasattr(self.scheduler, "set_begin_index"):
                self.scheduler.set_begin_index(begin)
            first = self.scheduler.timesteps[begin].repeat(len(tokens))
            latents = self.scheduler.add_noise(self._encode(start), latents, first)
        condition = tokens
        if self.guidance > 1:
            condition = torch.cat([self._drawn(tuple(tokens.shape[1:]), noise), tokens])
        takes_noise = "generator" in inspect.signature(self.scheduler.step).parameters
        extra = {"generator": noise} if takes_noise else {}
        for time in self.scheduler.timesteps[begin:]:
            change = self._predicted(latents, time, condition)
            latents = self.scheduler.step(change, time, latents, **extra).prev_sample
        return latents

    def _predicted(self, latents: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        """Noise (or velocity) that the U-Net sees in the latents, guided."""
        copies = len(condition) // len(latents)
        given = self.scheduler.scale_model_input(torch.cat([latents] * copies), time)
        size = torch.tensor([self.size, self.size, 0, 0], device=self.device)
        vector = {
            "text_embeds": condition.new_zeros(len(condition), 0),
            "time_ids": size.expand(len(condition), -1),
        }
        made = self.unet(given, time, condition, added_cond_kwargs=vector).sample
        if copies == 1:
            return made
        without, conditioned = made.chunk(2)
        return without + self.guidance * (conditioned - without)

    def _drawn(self, shape: tuple[int, ...], noise: list[torch.Generator]) -> Tensor:
        """Standard normal (b, *shape), each image from its own generator."""
        return torch.stack([torch.randn(shape, generator=one) for one in noise]).to(self.device)

    def _encode(self, pixels: Tensor) -> Tensor:
        return encode_kl(self.vae, pixels)

    def _decode(self, latents: Tensor) -> Tensor:
        return decode_kl(self.vae, latents)
