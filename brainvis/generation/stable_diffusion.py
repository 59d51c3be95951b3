"""Stable Diffusion img2img with the decoded tokens as an IP-Adapter's image (Ye et al. 2308.06721).

Folder: ``vae/ unet/ scheduler/`` and ``ip_adapter.safetensors`` (keys ``image_proj.*`` and
``ip_adapter.*``: a projection of the pooled vector, one of every token, or a resampler), with
``text_encoder/`` and ``tokenizer/`` where the U-Net was trained on text: the prompt is empty.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion_img2img import (
    StableDiffusionImg2ImgPipeline,
)
from torch import Tensor

from brainvis.errors import BrainvisError
from brainvis.features.checkpoint import weight_files
from brainvis.features.diffusers_parts import load_model, load_scheduler, loading, tensor_shapes
from brainvis.generation.base import DiffusionGenerator, decode_kl, encode_kl, image_side

ADAPTER = "ip_adapter.safetensors"
_INPUT_WIDTH = {  # where each kind of projection has the width of its input
    "proj.weight": "proj.weight",  # pooled vector
    "proj.3.weight": "proj.0.weight",  # every token by itself
    "latents": "proj_in.weight",  # resampler
}


class _TokensOfEachImage:
    """Gives every image of a batch its own tokens.

    diffusers takes the embeddings for those of one prompt and repeats them for every prompt of the
    batch: each image of a batch would attend to the tokens of all.
    """

    def prepare_ip_adapter_image_embeds(
        self, ip_adapter_image: Any, ip_adapter_image_embeds: list[Tensor], *_: Any
    ) -> list[Tensor]:
        return ip_adapter_image_embeds


class _Img2Img(_TokensOfEachImage, StableDiffusionImg2ImgPipeline):
    pass


class _FromNoise(_TokensOfEachImage, StableDiffusionPipeline):
    pass


class StableDiffusionIPAdapter(DiffusionGenerator):
    """`StableDiffusionImg2ImgPipeline` conditioned through an IP-Adapter; see `DiffusionGenerator`.

    The unconditional side of guidance is zeros, as IP-Adapters are trained with dropped images.
    """

    def _load(self) -> int:
        self.vae = load_model(self.folder, "vae", AutoencoderKL).to(self.device)
        unet = load_model(self.folder, "unet", UNet2DConditionModel)
        if {unet.config.in_channels, self.vae.config.latent_channels} != {4}:
            raise self._refuse(
                "unet and vae",
                "need latents of 4 channels",
                (unet.config.in_channels, self.vae.config.latent_channels),
            )
        self._check_adapter()
        text_encoder, tokenizer = self._text_parts()
        parts: dict[str, Any] = {
            "vae": self.vae,
            "unet": unet,
            "scheduler": load_scheduler(self.folder),
            "text_encoder": text_encoder,
            "tokenizer": tokenizer,
            "safety_checker": None,
            "feature_extractor": None,
            "image_encoder": None,
            "requires_safety_checker": False,
        }
        self._img2img: Any = _Img2Img(**parts).to(self.device)
        with loading(self.folder / ADAPTER):
            self._img2img.load_ip_adapter(
                str(self.folder),
                subfolder="",
                weight_name=ADAPTER,
                image_encoder_folder=None,
                local_files_only=True,
                low_cpu_mem_usage=False,
            )
        self._from_noise: Any = _FromNoise(**parts)
        unet.to(self.device)
        self._prompt = self._empty_prompt(text_encoder, tokenizer, unet.config.cross_attention_dim)
        for pipeline in (self._img2img, self._from_noise):
            pipeline.set_progress_bar_config(disable=True)
        return image_side(unet, self.vae)

    def _check_adapter(self) -> None:
        path = self.folder / ADAPTER
        if not path.is_file():
            if any(self.folder.glob("*.bin")):
                weight_files(self.folder, ADAPTER)  # tells how to convert a pickle
            raise BrainvisError(
                "IP-Adapter is missing",
                file=self.folder,
                field=ADAPTER,
                found=sorted(one.name for one in self.folder.iterdir()),
                remedy="put its safetensors file there under this name",
            )
        shapes = tensor_shapes(path)
        kind = next((key for key in _INPUT_WIDTH if f"image_proj.{key}" in shapes), None)
        weight = None if kind is None else shapes.get(f"image_proj.{_INPUT_WIDTH[kind]}")
        if weight is None:
            raise BrainvisError(
                "has no image projection that brainvis knows", file=path, found=sorted(shapes)[:3]
            )
        if weight[-1] != self.width:
            raise self._refuse(
                ADAPTER, f"generator.json says width {self.width}, not that of", weight[-1]
            )
        if (kind == "proj.weight") != (self.tokens == 1):
            raise self._refuse(
                ADAPTER, f"generator.json says {self.tokens} tokens, and the projection is", kind
            )

    def _text_parts(self) -> tuple[Any, Any]:
        if not (self.folder / "text_encoder").is_dir():
            return None, None
        from transformers import CLIPTextModel, CLIPTokenizer

        encoder = load_model(self.folder, "text_encoder", CLIPTextModel, "model.safetensors")
        with loading(self.folder / "tokenizer"):
            return encoder, CLIPTokenizer.from_pretrained(
                self.folder / "tokenizer", local_files_only=True
            )

    def _empty_prompt(self, encoder: Any, tokenizer: Any, width: int) -> Tensor:
        """Text condition, (1, t, c): the empty prompt, or zeros, which add nothing."""
        if encoder is None:
            return torch.zeros(1, 1, width, device=self.device)
        words = tokenizer(
            "",
            padding="max_length",
            max_length=encoder.config.max_position_embeddings,
            return_tensors="pt",
        )
        with torch.inference_mode():
            return encoder(words.input_ids.to(self.device)).last_hidden_state

    def _denoise(
        self, tokens: Tensor, start: Tensor | None, strength: float, noise: list[torch.Generator]
    ) -> Tensor:
        # (b, t, d) -> (b, 1 image, t, d); the pooled vector stays (b, 1 image, d)
        condition = tokens if self.tokens == 1 else tokens[:, None]
        if self.guidance > 1:
            condition = torch.cat([torch.zeros_like(condition), condition])
        prompt = self._prompt.expand(len(tokens), -1, -1)
        shared: dict[str, Any] = {
            "prompt_embeds": prompt,
            "negative_prompt_embeds": prompt,
            "ip_adapter_image_embeds": [condition],
            "guidance_scale": self.guidance,
            "num_inference_steps": self.steps,
            "generator": noise,
            "output_type": "latent",
            "return_dict": False,
        }
        if start is None:
            return self._from_noise(height=self.size, width=self.size, **shared)[0]
        return self._img2img(image=self._encode(start), strength=strength, **shared)[0]

    def _encode(self, pixels: Tensor) -> Tensor:
        return encode_kl(self.vae, pixels)

    def _decode(self, latents: Tensor) -> Tensor:
        return decode_kl(self.vae, latents)
