"""AnimateDiff: motion modules in the U-Net of an image model (Guo et al. 2023, 2307.04725).

Folder: ``motion_adapter/`` (a MotionAdapter as diffusers saves it), for SparseCtrl
``controlnet/`` as well (Guo et al. 2023, 2311.16933), and ``animator.json``, which names the folder
of the image model: a generator of backend ``stable-diffusion-img2img`` with its IP-Adapter.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.models.controlnets.controlnet_sparsectrl import SparseControlNetModel
from diffusers.models.unets.unet_motion_model import MotionAdapter, UNetMotionModel
from diffusers.pipelines.animatediff.pipeline_animatediff_sparsectrl import (
    AnimateDiffSparseControlNetPipeline,
)
from diffusers.pipelines.animatediff.pipeline_animatediff_video2video import (
    AnimateDiffVideoToVideoPipeline,
)
from torch import Tensor

from brainvis.animation.card import CARD, image_model_of
from brainvis.animation.diffusion import DiffusionAnimator
from brainvis.animation.warping import Splat
from brainvis.errors import BrainvisError
from brainvis.features.checkpoint import refuse_mismatch
from brainvis.features.diffusers_parts import load_model, loading
from brainvis.generation.base import decode_kl, encode_kl, steps_from_start
from brainvis.generation.card import read_card
from brainvis.generation.stable_diffusion import StableDiffusionIPAdapter

_TAKEN = "stable-diffusion-img2img"


class ImageModel(StableDiffusionIPAdapter):
    """The image generator whose parts the motion modules are put into."""

    @property
    def unet(self) -> Any:
        """Its network, with the IP-Adapter loaded."""
        return self._img2img.unet

    @property
    def scheduler(self) -> Any:
        """Its noise levels and sampler."""
        return self._img2img.scheduler

    @property
    def prompt(self) -> Tensor:
        """Text condition of the empty prompt, (1, t, c)."""
        return self._prompt


class _AnimateDiff(DiffusionAnimator):
    """Image model and motion modules, loaded and fitted together."""

    def _load(self) -> None:
        folder = image_model_of(self.folder) or self.folder
        card = read_card(folder)
        if card.backend != _TAKEN:
            raise BrainvisError(
                "motion modules need an image model of another kind",
                file=folder,
                field="backend",
                found=card.backend,
                remedy=f"name a generator of backend {_TAKEN} in {CARD}",
            )
        self.images = ImageModel(folder, card, str(self.device))
        self.space, self.size = self.images.space, self.images.size
        self._wanted, self._scale = (card.tokens, card.width), (card.mean, card.std)
        self._adapter = load_model(self.folder, "motion_adapter", MotionAdapter)
        self.unet: Any = motion_network(self.images.unet, self._adapter, self.folder)
        self.unet.to(self.device).eval()

    def _parts(self) -> dict[str, Any]:
        """What both pipelines are made of; there is no text to encode."""
        return {
            "vae": self.images.vae,
            "text_encoder": None,
            "tokenizer": None,
            "unet": self.unet,
            "motion_adapter": self._adapter,
            "scheduler": self.images.scheduler,
        }

    def _sampling(self, condition: Tensor | None, noise: torch.Generator) -> dict[str, Any]:
        """Arguments that both pipelines take; without a condition there is nothing to guide to."""
        guidance = 1.0 if condition is None else self.card.defaults.guidance
        if condition is None:
            condition = torch.zeros(self._wanted, device=self.device)  # as dropped in training
        # 1 clip, 1 image, then tokens x width; the pooled vector has no axis of tokens
        shown = condition[None] if self._wanted[0] == 1 else condition[None, None]
        if guidance > 1:
            shown = torch.cat([torch.zeros_like(shown), shown])
        return {
            "prompt_embeds": self.images.prompt,
            "negative_prompt_embeds": self.images.prompt,
            "ip_adapter_image_embeds": [shown],
            "num_inference_steps": self.card.defaults.steps,
            "guidance_scale": guidance,
            "generator": noise,
            "output_type": "latent",
            "return_dict": False,
            "height": self.size,
            "width": self.size,
        }

    def _decoded(self, latents: Tensor) -> Tensor:
        """Latents (1, c, frames, h, w) to pixels (frames, 3, size, size) in [0, 1]."""
        frames = latents[0].transpose(0, 1)
        return decode_kl(self.images.vae, frames).div(2).add(0.5).clamp(0, 1)


class VideoToVideo(_AnimateDiff):
    """The splatted clip refined by `AnimateDiffVideoToVideoPipeline`.

    `strength` says how much the model may change: 0 leaves the splatted clip as it is, 1 nearly
    forgets it, and with it the motion that was decoded. What the autoencoder cannot hold of the
    splatted clip is added again in the end, so that the change is the model's and not the loss of
    a round trip.
    """

    def _load(self) -> None:
        super()._load()
        self._pipeline: Any = AnimateDiffVideoToVideoPipeline(**self._parts())
        self._pipeline.set_progress_bar_config(disable=True)
        self._splat = Splat()

    def _clip(
        self,
        first: Tensor,
        flow: np.ndarray,
        condition: Tensor | None,
        frames: int,
        noise: torch.Generator,
    ) -> Tensor:
        image = first.permute(1, 2, 0).cpu().numpy()[None]
        thrown = self._splat.animate(image, flow[None], None, frames=frames, seeds=np.zeros(1))[0]
        clip = torch.from_numpy(thrown).permute(0, 3, 1, 2).to(self.device)  # (f, 3, h, w)
        steps, strength = self.card.defaults.steps, self.card.defaults.strength
        if steps_from_start(steps, strength) == 0:
            return clip
        begun = encode_kl(self.images.vae, clip).transpose(0, 1)[None]  # (1, c, f, h, w)
        refined = self._pipeline(
            latents=self._noisy(begun, noise),
            strength=strength,
            **self._sampling(condition, noise),
        )[0]
        return (self._decoded(refined) + clip - self._decoded(begun)).clamp(0, 1)

    def _noisy(self, latents: Tensor, noise: torch.Generator) -> Tensor:
        """Latents at the noise level that refinement begins from.

        The pipeline itself would draw latents of the clip at random, noise for noise's sake.
        """
        steps, strength = self.card.defaults.steps, self.card.defaults.strength
        scheduler: Any = self._pipeline.scheduler
        scheduler.set_timesteps(steps, device=latents.device)
        times, _ = self._pipeline.get_timesteps(
            steps, scheduler.timesteps, strength, latents.device
        )
        drawn = torch.randn(latents.shape, generator=noise).to(latents.device)
        return scheduler.add_noise(latents, drawn, times[:1])


class SparseControl(_AnimateDiff):
    """`AnimateDiffSparseControlNetPipeline` with the first frame as its one condition.

    Flow has no way in: motion is the model's own guess from the first frame and the condition, to
    be listed beside splatting, not instead of it.
    """

    def _load(self) -> None:
        super()._load()
        control: Any = load_model(self.folder, "controlnet", SparseControlNetModel)
        theirs, mine = (
            (one.config.cross_attention_dim, tuple(one.config.block_out_channels))
            for one in (control, self.unet)
        )
        if theirs != mine:
            problem = f"cross-attention and channels {theirs} instead of {mine}"
            refuse_mismatch([problem], self.folder / "controlnet")
        self._pipeline: Any = _FirstFrame(**self._parts(), controlnet=control.to(self.device))
        self._pipeline.set_progress_bar_config(disable=True)

    def _clip(
        self,
        first: Tensor,
        flow: np.ndarray,
        condition: Tensor | None,
        frames: int,
        noise: torch.Generator,
    ) -> Tensor:
        shared = self._sampling(condition, noise)
        latents = self._pipeline(
            conditioning_frames=first[None],
            controlnet_frame_indices=[0],
            num_frames=frames,
            **shared,
        )[0]
        return self._decoded(latents)


class _FirstFrame(AnimateDiffSparseControlNetPipeline):
    """Takes the most likely latents of the first frame; diffusers would draw them unseeded."""

    def prepare_image(self, image: Tensor, *_: Any) -> Tensor:
        simple = self.controlnet.use_simplified_condition_embedding
        shown = encode_kl(self.vae, image) if simple else image
        return shown[:, :, None]  # (1, c, 1 frame, h, w)


def motion_network(unet: Any, adapter: Any, folder: Path) -> Any:
    """The image model's network with motion modules in it.

    Raises
    ------
    BrainvisError
        Modules of another shape than the network's.
    """
    theirs, mine = (
        tuple(adapter.config["block_out_channels"]),
        tuple(unet.config.block_out_channels),
    )
    if theirs != mine:
        raise BrainvisError(
            "motion modules do not fit the image model",
            file=folder,
            field="block_out_channels",
            found=f"{theirs} for a network of {mine}",
            remedy="use the motion adapter that was trained for this image model",
        )
    with loading(folder / "motion_adapter"):
        return UNetMotionModel.from_unet2d(unet, adapter)
