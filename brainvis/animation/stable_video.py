"""Stable Video Diffusion with a decoded embedding (Blattmann et al. 2023, arXiv 2311.15127).

Folder: ``vae/ unet/ scheduler/`` as diffusers saves the pipeline, ``animator.json``, and, where
clips are made without decoded embeddings, ``image_encoder/`` and ``feature_extractor/``.

Flow enters as one number, the motion bucket: how much moves is the brain's, where to and what is
the model's guess. It is to be listed beside splatting, not instead of it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl_temporal_decoder import (
    AutoencoderKLTemporalDecoder,
)
from diffusers.models.unets.unet_spatio_temporal_condition import UNetSpatioTemporalConditionModel
from diffusers.pipelines.stable_video_diffusion.pipeline_stable_video_diffusion import (
    StableVideoDiffusionPipeline,
)
from torch import Tensor

from brainvis.animation.card import CARD, Bucket
from brainvis.animation.diffusion import DiffusionAnimator
from brainvis.errors import BrainvisError
from brainvis.features.checkpoint import refuse_mismatch
from brainvis.features.diffusers_parts import load_model, load_scheduler, loading
from brainvis.generation.base import image_side

_FPS = 7  # the rate that the model was trained to be told by default
_LARGEST = 255


class _Injected(StableVideoDiffusionPipeline):
    """Takes a decoded embedding (1, 1, d) for the encoded image, where one is set."""

    decoded: Tensor | None = None

    def _encode_image(self, image: Any, device: Any, count: int, guided: bool) -> Tensor:
        if self.decoded is None:
            return super()._encode_image(image, device, count, guided)
        shown = self.decoded
        return torch.cat([torch.zeros_like(shown), shown]) if guided else shown


class StableVideo(DiffusionAnimator):
    """`StableVideoDiffusionPipeline` from the first frame, an embedding and the flow's speed."""

    def _load(self) -> None:
        condition = self.card.condition
        if condition is None:  # which `read_card` refuses
            raise BrainvisError("condition is missing", file=self.folder / CARD)
        vae = load_model(self.folder, "vae", AutoencoderKLTemporalDecoder)
        unet = load_model(self.folder, "unet", UNetSpatioTemporalConditionModel)
        self._check(unet, vae, condition.width)
        encoder, extractor = self._image_parts()
        self._pipeline: Any = _Injected(
            vae=vae,
            image_encoder=encoder,
            unet=unet,
            scheduler=load_scheduler(self.folder),
            feature_extractor=extractor,
        ).to(self.device)
        self._pipeline.set_progress_bar_config(disable=True)
        self.space, self.size = condition.space, image_side(unet, vae)
        self._wanted = 1, condition.width
        self._scale = np.asarray(condition.mean, np.float32), np.asarray(condition.std, np.float32)

    def _check(self, unet: Any, vae: Any, width: int) -> None:
        latent = vae.config.latent_channels
        found = {
            "in_channels": (unet.config.in_channels, 2 * latent),
            "out_channels": (unet.config.out_channels, latent),
            "cross_attention_dim": (unet.config.cross_attention_dim, width),
        }
        problems = [
            f"{name} is {is_now} instead of {wanted}"
            for name, (is_now, wanted) in found.items()
            if is_now != wanted
        ]
        refuse_mismatch(problems, self.folder / "unet" / "config.json")

    def _image_parts(self) -> tuple[Any, Any]:
        """Encoder of the first frame, for clips without a decoded embedding."""
        if not (self.folder / "image_encoder").is_dir():
            return None, None
        from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection

        kind = CLIPVisionModelWithProjection
        encoder = load_model(self.folder, "image_encoder", kind, "model.safetensors")
        with loading(self.folder / "feature_extractor"):
            return encoder, CLIPImageProcessor.from_pretrained(
                self.folder / "feature_extractor", local_files_only=True
            )

    def _clip(
        self,
        first: Tensor,
        flow: np.ndarray,
        condition: Tensor | None,
        frames: int,
        noise: torch.Generator,
    ) -> Tensor:
        if condition is None and self._pipeline.image_encoder is None:
            raise BrainvisError(
                "needs a decoded embedding, or the encoder of the first frame",
                file=self.folder,
                field="image_encoder",
                found="neither",
                remedy="set `tokens` of the animator, or copy image_encoder and feature_extractor",
            )
        self._pipeline.decoded = None if condition is None else condition[None]  # (1, 1, d)
        defaults = self.card.defaults
        made = self._pipeline(
            image=first[None],
            height=self.size,
            width=self.size,
            num_frames=frames,
            num_inference_steps=defaults.steps,
            min_guidance_scale=min(1.0, defaults.guidance),
            max_guidance_scale=defaults.guidance,
            fps=_FPS,
            motion_bucket_id=motion_bucket(flow, frames, self.card.bucket),
            generator=noise,
            output_type="pt",
            return_dict=False,
        )
        return made[0]  # (frames, 3, size, size)


def motion_bucket(flow: np.ndarray, frames: int, bucket: Bucket) -> int:
    """Motion bucket of flow (k, g, g, 2), in pixels of the grid per step.

    The mean length of the paths of pixels over the clip, in image widths, on the model's scale: the
    model makes the whole clip, and is not told how many seconds it lasts.
    """
    widths = float(np.linalg.norm(flow, axis=-1).mean()) / flow.shape[2] * (frames - 1)
    return round(min(bucket.still + bucket.per_width * widths, _LARGEST))
