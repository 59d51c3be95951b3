"""What a diffusion animator's folder says of itself: ``animator.json``.

    {"backend": "animatediff-video2video",
     "generator": "../generator",
     "defaults": {"steps": 25, "strength": 0.3, "guidance": 1.5}}

AnimateDiff's backends put their motion modules into the image model of `generator`, a folder of
`brainvis.generation` beside this one, whose ``generator.json`` describes the condition. Stable
Video Diffusion is complete in its folder and describes its own:

    {"backend": "stable-video-diffusion",
     "condition": {"space": "clip-h", "width": 1024, "mean": 0.0, "std": 1.0},
     "bucket": {"still": 20, "per_width": 400},
     "defaults": {"steps": 25, "guidance": 3.0}}

Its motion bucket is `still` plus `per_width` times the mean path of a pixel over the clip, in image
widths, up to 255. Other entries are allowed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from brainvis.errors import BrainvisError
from brainvis.features.checkpoint import read_json

CARD = "animator.json"
BACKENDS = ("animatediff-video2video", "animatediff-sparsectrl", "stable-video-diffusion")


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False, frozen=True, strict=True)


class Condition(_Part):
    """Decoded embedding that the model takes, and the scale that it was trained on."""

    space: str = Field(min_length=1)
    width: int = Field(ge=1)
    mean: float = 0.0
    std: float = Field(default=1.0, gt=0)


class Bucket(_Part):
    """Motion bucket of Stable Video Diffusion from the speed of the flow."""

    still: float = Field(default=20.0, ge=0, le=255)
    per_width: float = Field(default=400.0, ge=0)


class Defaults(_Part):
    """Sampling that the model was tuned for; see `brainvis.generation.card.Card`."""

    steps: int = Field(ge=1)
    strength: float = Field(default=1.0, ge=0, le=1)
    guidance: float = Field(default=1.0, ge=0)


class Card(_Part):
    """Content of ``animator.json``."""

    backend: Literal["animatediff-video2video", "animatediff-sparsectrl", "stable-video-diffusion"]
    generator: str | None = None
    condition: Condition | None = None
    bucket: Bucket = Bucket()
    defaults: Defaults

    @model_validator(mode="after")
    def _parts_of_the_backend(self) -> Card:
        if self.backend == "stable-video-diffusion" and self.condition is None:
            raise ValueError("stable-video-diffusion needs a condition with space and width")
        if self.backend != "stable-video-diffusion" and not self.generator:
            raise ValueError(f"{self.backend} needs the folder of its image model as generator")
        return self


def read_card(
    folder: Path,
    *,
    steps: int | None = None,
    strength: float | None = None,
    guidance: float | None = None,
) -> Card:
    """The checked ``animator.json`` of an animator's folder.

    Parameters
    ----------
    folder : Path
    steps, strength, guidance : optional
        Instead of its defaults.

    Raises
    ------
    BrainvisError
        Missing or unreadable file; a missing, mistyped or impossible entry.
    """
    if not folder.is_dir():
        raise BrainvisError(
            "no such animator folder",
            file=folder,
            remedy="nothing is downloaded; put the checkpoint there",
        )
    path = folder / CARD
    values = read_json(path)
    given = {"steps": steps, "strength": strength, "guidance": guidance}
    own = {name: value for name, value in given.items() if value is not None}
    if own and isinstance(values.get("defaults"), dict):
        values = {**values, "defaults": {**values["defaults"], **own}}
    try:
        return Card.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise BrainvisError(
            first["msg"],
            file=path,
            field=".".join(str(part) for part in first["loc"]) or None,
            found=repr(first["input"])[:60] if first["loc"] else None,
            remedy=f"describe the animator: backend (one of {', '.join(BACKENDS)}), its parts, "
            "defaults with steps, strength, guidance",
        ) from error


def image_model_of(folder: Path) -> Path | None:
    """Folder of the image model that an animator's motion modules are put into, if it names one."""
    named = read_card(folder).generator
    return None if named is None else (folder / named).resolve()
