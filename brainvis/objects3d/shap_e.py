"""Shap-E on decoded embeddings (Jun & Nichol 2023, 2305.02463), by diffusers' own pipelines.

Folder: ``prior/ shap_e_renderer/ scheduler/`` as on the Hugging Face hub, and ``generator.json``.
Text and image encoders are not needed: what they would give is decoded from the brain. The
surface is drawn by marching cubes from the signed distances that the checkpoint's field gives,
because the pipeline's own mesh decoder fails where the field has no surface.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.models.transformers.prior_transformer import PriorTransformer
from diffusers.pipelines.shap_e.pipeline_shap_e import ShapEPipeline
from diffusers.pipelines.shap_e.pipeline_shap_e_img2img import ShapEImg2ImgPipeline
from diffusers.pipelines.shap_e.renderer import ShapERenderer
from torch import Tensor

from brainvis.errors import BrainvisError
from brainvis.features.checkpoint import chosen_device, model_name
from brainvis.features.diffusers_parts import load_model, load_scheduler, memory_for
from brainvis.generation.card import Card
from brainvis.objects3d.base import checked_condition
from brainvis.objects3d.marching import meshed
from brainvis.objects3d.mesh import ColoredMesh, normalised

_POINTS = 32_768  # of the field asked for together
_WEIGHTS = ("prior", "shap_e_renderer")


class _FromText(ShapEPipeline):
    """The text pipeline on a vector instead of a prompt."""

    injected: Tensor

    def _encode_prompt(self, prompt: Any, device: Any, number: int, guided: bool) -> Tensor:
        vector = self.injected / self.injected.norm(dim=-1, keepdim=True).clamp(min=1e-12)
        both = torch.cat([torch.zeros_like(vector), vector]) if guided else vector
        return vector.shape[-1] ** 0.5 * both  # (1 or 2, width), of unit variance


class _FromTokens(ShapEImg2ImgPipeline):
    """The image pipeline on patch tokens instead of an image."""

    injected: Tensor

    def _encode_image(self, image: Any, device: Any, number: int, guided: bool) -> Tensor:
        both = [torch.zeros_like(self.injected)] if guided else []
        return torch.cat([*both, self.injected])  # (1 or 2, tokens, width)


class _ShapE(ABC):
    """Shared course of both; see `brainvis.objects3d.base.ObjectGenerator`.

    Parameters
    ----------
    folder : Path
    card : Card
    device : str

    Raises
    ------
    BrainvisError
        A component that is missing, damaged or does not fit the others or the card.
    """

    size = 64

    def __init__(self, folder: Path, card: Card, device: str = "auto") -> None:
        self.folder, self.space = folder, card.space
        self.tokens, self.width = card.tokens, card.width
        self.steps, self.guidance = card.steps, card.guidance
        self._mean, self._std = card.mean, card.std
        self.device = chosen_device(device)
        prior = load_model(folder, "prior", PriorTransformer).to(self.device)
        self.renderer = load_model(folder, "shap_e_renderer", ShapERenderer).to(self.device)
        self._check(prior)
        self.pipeline = self._pipeline(prior, load_scheduler(folder))
        self.pipeline.set_progress_bar_config(disable=True)
        weights = [
            one for part in _WEIGHTS for one in sorted((folder / part).glob("*.safetensors"))
        ]
        self.name = model_name(folder, weights)

    @abstractmethod
    def _pipeline(self, prior: Any, scheduler: Any) -> Any:
        """The diffusers pipeline of these parts."""

    def _check(self, prior: Any) -> None:
        """Refuse a prior that the card or the renderer does not fit."""
        given = prior.config.embedding_proj_dim or prior.config.embedding_dim
        latent, wanted = prior.config.embedding_dim, self.renderer.config.d_latent
        problem = None
        if given != self.width:
            problem = "prior", f"generator.json says width {self.width}", given
        elif latent != wanted:
            problem = "prior and shap_e_renderer", f"differ in latents, {wanted} wanted", latent
        if problem is not None:
            raise self._refuse(*problem)

    def _refuse(self, field: str, words: str, found: object) -> BrainvisError:
        return BrainvisError(
            words, file=self.folder, field=field, found=found,
            remedy="use components and generator.json of one model",
        )  # fmt: skip

    def generate(
        self, vectors: np.ndarray, seeds: np.ndarray, appearance: np.ndarray | None = None
    ) -> list[ColoredMesh]:
        """See `brainvis.objects3d.base.ObjectGenerator.generate`."""
        if appearance is not None:
            raise BrainvisError(
                "Shap-E takes one condition", field="appearance", found=np.shape(appearance)
            )
        given = checked_condition(vectors, seeds, self.tokens, self.width, self.folder, self.space)
        given = (given - self._mean) / self._std
        with torch.inference_mode(), memory_for(1):
            return [self._one(row, int(seed)) for row, seed in zip(given, seeds, strict=True)]

    def _one(self, tokens: np.ndarray, seed: int) -> ColoredMesh:
        """One object per call: lists of images lose all but their first in the pipeline."""
        self.pipeline.injected = self._condition(torch.from_numpy(tokens)[None].to(self.device))
        latents = self.pipeline(
            self._asked(),
            num_inference_steps=self.steps,
            guidance_scale=self.guidance,
            generator=torch.Generator().manual_seed(seed),  # on the CPU: the same everywhere
            output_type="latent",
        ).images
        return self._mesh(latents)

    def _condition(self, tokens: Tensor) -> Tensor:
        return tokens

    @abstractmethod
    def _asked(self) -> Any:
        """What the pipeline is called with in place of a prompt or picture."""

    def _mesh(self, latents: Tensor) -> ColoredMesh:
        """Surface of the field that latents (1, n, d) describe."""
        made, network = self.renderer.params_proj(latents), self.renderer.mlp
        for name, value in network.state_dict().items():
            if f"nerstf.{name}" in made:
                value.copy_(made[f"nerstf.{name}"].squeeze(0))
        axis = (torch.arange(self.size) + 0.5) * (2 / self.size) - 1
        points = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1).view(-1, 3)
        distance = self._field(points, "signed_distance").view((self.size,) * 3).numpy()

        def colors(where: np.ndarray) -> np.ndarray:
            return self._field(torch.from_numpy(where), "channels").numpy()

        mesh = meshed(distance, 1.0, colors)
        return mesh if mesh.status == "empty" else normalised(mesh)

    def _field(self, points: Tensor, wanted: str) -> Tensor:
        """Signed distance (n, 1), positive inside, or sRGB (n, 3), at points (n, 3)."""
        parts = [
            getattr(
                self.renderer.mlp(
                    position=part[None].to(self.device), direction=None, ts=None,
                    nerf_level="fine", rendering_mode="stf",
                ),
                wanted,
            )[0]
            for part in points.split(_POINTS)
        ]  # fmt: skip
        return torch.cat(parts).float().cpu()


class ShapEText(_ShapE):
    """The text-conditional model on one vector in CLIP ViT-L/14's shared space."""

    def _pipeline(self, prior: Any, scheduler: Any) -> Any:
        if self.tokens != 1:
            raise self._refuse("tokens", "the text model takes one pooled vector", self.tokens)
        absent: dict[str, Any] = {"text_encoder": None, "tokenizer": None}
        return _FromText(prior=prior, scheduler=scheduler, shap_e_renderer=self.renderer, **absent)

    def _condition(self, tokens: Tensor) -> Tensor:
        return tokens[:, 0]

    def _asked(self) -> Any:
        return ""


class ShapEImage(_ShapE):
    """The image-conditional model on CLIP ViT-L/14's patch tokens (without the class token)."""

    def _pipeline(self, prior: Any, scheduler: Any) -> Any:
        absent: dict[str, Any] = {"image_encoder": None, "image_processor": None}
        return _FromTokens(
            prior=prior, scheduler=scheduler, shap_e_renderer=self.renderer, **absent
        )

    def _asked(self) -> Any:
        return torch.zeros(1, 3, 1, 1)
