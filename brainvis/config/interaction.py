"""Section on the Brain-Interaction Transformer."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from brainvis.config.base import Name, Section


class Transfer(Section):
    """What learning a new subject's voxel embeddings differs in from training."""

    epochs: int = Field(default=10, ge=0, le=1000, description="Epochs; 0 takes the start.")
    batch: int = Field(default=32, ge=1, description="Images in a step.")
    embedding_rate: float = Field(default=1e-4, gt=0, lt=1, description="Peak learning rate.")
    patience: int = Field(default=3, ge=1, description="Epochs without a better validation loss.")


class Interaction(Section):
    """Brain-Interaction Transformer (Brain-IT, 2510.25976; brainvis/decoding/interaction)."""

    spaces: list[Name] = Field(min_length=1, description="Feature spaces that are decoded.")
    clusters: Literal["mixture", "kmeans", "anatomical", "random", "kmeans-ridge"] = Field(
        default="mixture", description="Clusters that become brain tokens; one of clusters.methods."
    )
    width: int = Field(default=64, ge=4, le=4096, description="Width of the transformer.")
    layers: int = Field(default=1, ge=0, le=48, description="Blocks of the transformer.")
    heads: int = Field(default=4, ge=1, le=64, description="Attention heads; divides the width.")
    hidden: int = Field(default=512, ge=4, description="Width of the network on the latent code.")
    dropout: float = Field(default=0.2, ge=0, lt=1, description="Dropout.")
    readout: bool = Field(
        default=True,
        description="Read the latent code from all voxels next to the brain tokens; false for "
        "tokens alone, as in the paper.",
    )
    epochs: int = Field(default=20, ge=0, le=1000, description="Epochs, at most.")
    batch: int = Field(default=64, ge=1, description="Images in a step; lower it if memory ends.")
    share: float = Field(default=0.5, gt=0, le=1, description="Share of voxels in a step.")
    synthetic: float = Field(
        default=0.5, ge=0, le=1, description="Share of steps on synthetic fMRI of unseen images."
    )
    rate: float = Field(default=1e-3, gt=0, lt=1, description="Peak rate of the network.")
    embedding_rate: float = Field(default=1e-4, gt=0, lt=1, description="Peak rate of embeddings.")
    decay: float = Field(default=1e-2, ge=0, description="Weight decay of the network.")
    patience: int = Field(default=5, ge=1, description="Epochs without a better validation loss.")
    validation: float = Field(
        default=0.1, gt=0, lt=0.5, description="Share of training stimuli that choose the epoch."
    )
    contrast: float = Field(
        default=0.0,
        ge=0,
        description="Weight of a contrastive loss per scale on spaces of kind `visual` (Brain-IT).",
    )
    transfer: Transfer = Transfer()


class FewTrials(Section):
    """New subjects from a share of their training trials; the network stays as it is.

    Not a part of `Interaction`: what a network is trained with does not depend on it.
    """

    shares: list[Annotated[int, Field(ge=2, le=10_000)]] = Field(
        default_factory=list,
        description="Denominators: 40 learns from the first fortieth of a new subject's training "
        "trials. None for no such curve.",
    )
    model: Name | None = Field(
        default=None, description="Model under `interaction`; the first if null."
    )
