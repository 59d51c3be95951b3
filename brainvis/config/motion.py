"""Section on motion: the movie, flow targets, flow decoders, encoding of movies, scores."""

from __future__ import annotations

from pydantic import Field

from brainvis.config.base import Name, Section
from brainvis.config.motion_decoders import FlowDecoder, FlowTargets
from brainvis.config.movie_encoding import MovieEncoding, MovieScore


class Movie(Section):
    """How simulated subjects watch the clips (brainvis/simulate/movie.py)."""

    tr: float = Field(default=2.0, gt=0.2, le=4, description="Repetition time, seconds.")
    showings: int = Field(default=2, ge=1, le=10, description="Times a clip is played in a row.")
    gap: float = Field(default=2.0, ge=0, le=30, description="Grey between clips, seconds.")
    clips_per_segment: int = Field(default=30, ge=2, le=500, description="At most.")
    repeats: int = Field(default=10, ge=2, le=100, description="Passes of training segments.")
    test_repeats: int = Field(default=10, ge=2, le=100, description="Passes of test segments.")


class Motion(Section):
    """What moves: decoded from responses to movies, shown and scored."""

    movie: Movie = Movie()
    targets: FlowTargets = FlowTargets()
    decoders: dict[Name, FlowDecoder] = Field(
        min_length=1, description="Flow decoders and baselines."
    )
    encoding: MovieEncoding | None = None
    score: MovieScore = MovieScore()

    @property
    def spaces(self) -> dict[str, list[str | None]]:
        """Feature spaces that each part reads, by its key."""
        read = {f"decoders.{name}.features": [one.features] for name, one in self.decoders.items()}
        if self.encoding is not None:
            read["encoding"] = [self.encoding.image, *self.encoding.video]
        return {**read, "score": [self.score.video, self.score.frames]}
