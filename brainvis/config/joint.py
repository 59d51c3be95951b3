"""Section on tuning a decoder and a generator together."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from brainvis.config.base import Name, RelativePath, Section


class Joint(Section):
    """Brain-Interaction Transformer and diffusion model trained by the denoising loss."""

    model: Name = Field(description="Name under `interaction` of the decoder that it begins with.")
    generator: RelativePath = Field(
        default="foundation/generator",
        description="Checkpoint folder of the diffusion model that it begins with.",
    )
    epochs: int = Field(default=10, ge=1, le=1000, description="Epochs, the best of which is kept.")
    batch: int = Field(default=8, ge=1, description="Images in a step; lower it if memory ends.")
    accumulate: int = Field(default=4, ge=1, description="Steps whose gradients are summed.")
    precision: Literal["no", "bf16", "fp16"] = Field(
        default="no", description="Mixed precision of the denoiser."
    )
    rate: float = Field(default=1e-5, gt=0, lt=1, description="Peak learning rate.")
    hold: float = Field(
        default=1.0, ge=0, description="Weight that holds the decoder's outputs; 0 as in Brain-IT."
    )
    dropped: float = Field(
        default=0.1, ge=0, lt=1, description="Share of conditions left out, for guidance."
    )
    validation: float = Field(
        default=0.1, gt=0, lt=0.5, description="Share of training stimuli that choose the epoch."
    )
    devices: int = Field(default=1, ge=1, le=64, description="Processes, one for each GPU.")
    device: str = Field(default="auto", description="auto, cpu or cuda.")
