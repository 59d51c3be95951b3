"""Sections on encoding models of movies and on the scores of decoded motion and made clips."""

from __future__ import annotations

from pydantic import Field

from brainvis.config.base import Name, Section


class MovieEncoding(Section):
    """Which features predict the series of each voxel (brainvis/encoding/movie_stage.py)."""

    image: Name = Field(description="Feature space of single frames that the others must beat.")
    video: list[Name] = Field(
        min_length=1,
        description="Feature spaces compared with it: motion energy, a video network; or another "
        "one of frames as a control.",
    )
    delays: list[int] = Field(
        default=[1, 2, 3, 4], min_length=1, description="Delays of the features, in volumes."
    )
    folds: int = Field(default=5, ge=2, le=50, description="Folds of whole segments.")
    draws: int = Field(default=40, ge=1, description="Shares of the spaces tried in banded ridge.")
    threshold: float = Field(
        default=0.1, ge=0, lt=1, description="Voxels below this noise ceiling are not scored."
    )
    block: int = Field(
        default=10, ge=1, description="Volumes that bootstrap and permutation keep together."
    )
    samples: int = Field(default=200, ge=2, description="Bootstrap samples of the blocks.")
    permutations: int = Field(default=500, ge=1, description="Random orders of the blocks.")


class MovieScore(Section):
    """How decoded flow and made clips are scored (brainvis/evaluate/video_stage.py)."""

    video: Name | None = Field(
        default=None, description="Feature space of clips that made clips are compared in."
    )
    frames: Name | None = Field(
        default=None, description="Feature space of frames (open-clip) that they are compared in."
    )
    gate: float = Field(
        default=0.6, ge=-1, le=1,
        description="Clips whose frames are less similar to the true ones than this have a gated "
        "temporal consistency of 0.",
    )  # fmt: skip
    null_items: int = Field(
        default=8, ge=2, description="Clips in the permutation null of frame metrics."
    )
