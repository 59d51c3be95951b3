"""What all sections of the configuration share."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

# Names become file-name entities, Snakemake wildcards and report labels: nothing else may enter.
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]+(-[A-Za-z0-9]+)*$")]
Subject = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]+$")]
RelativePath = Annotated[str, StringConstraints(min_length=1)]


class Section(BaseModel):
    """A part of the configuration; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)
