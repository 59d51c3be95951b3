"""Sections on flow targets and flow decoders."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from brainvis.config.base import Name, RelativePath, Section


class FlowTargets(Section):
    """Optical flow of the clips (brainvis/motion/targets)."""

    estimator: Literal["exact", "dis", "farneback", "raft"] = Field(
        default="exact", description="`exact` needs flow in the stimuli; `dis` is OpenCV's."
    )
    weights: RelativePath | None = Field(
        default=None, description="Folder with raft.safetensors, in data/ or a data root; `raft`."
    )
    size: int = Field(default=32, ge=4, le=256, description="Cells per side of the flow grid.")
    frames: int = Field(default=3, ge=1, le=64, description="Flow frames per clip.")


class FlowDecoder(Section):
    """fMRI (and the first frame) to flow, or a baseline of it (brainvis/motion)."""

    method: Literal[
        "codebook", "first-frame", "shuffled", "ridge", "posterior-map", "posterior-average",
        "mean", "zero",
    ]  # fmt: skip
    features: Name | None = Field(
        default=None,
        description="Space whose patch tokens tell of the first frame; the codebook methods' need.",
    )
    input: Literal["responses", "window"] = Field(
        default="responses",
        description="Responses of clips with neighbours taken out, or volumes of a window.",
    )
    offsets: list[int] = Field(
        default=[1, 2, 3, 4, 5], min_length=1, description="Volumes of the window from clip onset."
    )
    reliable: float = Field(
        default=0.2, ge=0, lt=1, description="Least noise ceiling, in training runs, of a voxel."
    )
    codewords: int = Field(default=40, ge=2, le=4096, description="Flow vectors of the codebook.")
    width: int = Field(default=128, ge=8, le=4096, description="Width of the head.")
    hidden: int = Field(default=512, ge=8, le=8192, description="Width of its MLP on the fMRI.")
    blocks: int = Field(default=3, ge=0, le=48, description="Its residual blocks.")
    dropout: float = Field(default=0.2, ge=0, lt=1, description="Its dropout.")
    epochs: int = Field(default=30, ge=1, le=1000, description="Epochs, at most.")
    batch: int = Field(default=32, ge=1, description="Clips in a step.")
    cells: int = Field(default=64, ge=1, description="Patches of each clip in a step.")
    moved: float = Field(
        default=0.7, ge=0, le=1, description="Share of steps on motion moved to other objects."
    )
    rate: float = Field(default=2e-3, gt=0, lt=1, description="Peak learning rate.")
    patience: int = Field(default=8, ge=1, description="Epochs without a better validation loss.")
    validation: float = Field(
        default=0.1, gt=0, lt=0.5, description="Share of training segments that choose the epoch."
    )
    components: int = Field(
        default=60, ge=1, description="Flow components of `ridge` and of the encoding model."
    )
    voxels: int = Field(default=200, ge=1, description="Voxels of the posterior, at most.")
    top: int = Field(default=30, ge=1, description="Clips that `posterior-average` weighs.")

    @model_validator(mode="after")
    def _sees_the_first_frame(self) -> Self:
        if self.features is None and self.method in ("codebook", "first-frame", "shuffled"):
            raise ValueError(f"method {self.method} needs `features`, such as image-text")
        return self
