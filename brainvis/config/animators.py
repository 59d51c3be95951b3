"""Sections on clip animators (brainvis/animation)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from brainvis.config.base import Name, RelativePath, Section

TRUE = "true"


def _named(value: object) -> object:
    return TRUE if value is True else value  # YAML reads an unquoted true as a truth value


Source = Annotated[Name, BeforeValidator(_named)]


class _Animator(Section):
    first: Source = Field(
        default=TRUE,
        description="Where the first frame is from: 'true', or the method that decodes images.",
    )
    frames: int = Field(default=16, ge=2, le=1024, description="Frames of a clip.")
    batch: int = Field(default=16, ge=1, description="Clips at a time; lower it if memory ends.")


class StaticAnimator(_Animator):
    """The first frame repeated, the baseline of all others."""

    kind: Literal["static"]
    baseline: bool = Field(default=True, description="Whether it counts as a baseline.")


class _Moving(_Animator):
    flow: Source = Field(
        description="Method that decodes the flow, or 'true' for the exact flow: the ceiling."
    )
    baseline: bool = Field(default=False, description="Whether it counts as a baseline.")


class SplatAnimator(_Moving):
    """The first frame thrown along the flow; no weights, all motion is the flow's."""

    kind: Literal["splat"]
    holes: Literal["inpaint", "background"] = Field(
        default="inpaint", description="How uncovered places are filled."
    )


class DiffusionAnimator(_Moving):
    """A local video diffusion model; motion may be the model's and not the brain's."""

    kind: Literal["diffusion"]
    folder: RelativePath = Field(
        default="foundation/motion", description="Checkpoint folder, in data/ or a data root."
    )
    tokens: Name | None = Field(
        default=None, description="Method that decodes the condition; none if null."
    )
    strength: float | None = Field(
        default=None, ge=0, le=1, description="How much refinement may change the splatted clip."
    )
    steps: int | None = Field(default=None, ge=1, le=1000, description="Denoising steps.")
    guidance: float | None = Field(default=None, ge=0, description="Classifier-free guidance.")
    device: str = Field(default="auto", description="auto, cpu or cuda.")


Animator = Annotated[
    StaticAnimator | SplatAnimator | DiffusionAnimator, Field(discriminator="kind")
]
