"""Section on 3D objects: the generator, the ways to its conditions, baselines, lesions."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from brainvis.config.base import Name, RelativePath, Section

Region = Annotated[str, StringConstraints(pattern=r"^((left|right) )?[A-Za-z0-9]+$")]


class DecodedObject(Section):
    """The generator's object of what two decoders read from the responses."""

    kind: Literal["decoded"]
    vectors: Name = Field(description="Method that decodes the generator's feature space.")
    appearance: Name | None = Field(
        default=None, description="Method that decodes images, whose colours are the appearance."
    )
    refined: bool = Field(
        default=False,
        description="Move the shape towards the decoded image by differentiable rendering.",
    )


class OfImage(Section):
    """The generator's object of the features and colours of a decoded image."""

    kind: Literal["image-only"]
    image: Name = Field(description="Method that decodes images.")


class MeanShape(Section):
    """The mean of the training shapes, the same for every stimulus."""

    kind: Literal["mean-shape"]


class CategoryMean(Section):
    """The mean training shape of the category whose mean features are nearest to the decoded."""

    kind: Literal["category-mean"]
    vectors: Name = Field(description="Method that decodes the generator's feature space.")


class NearestTraining(Section):
    """The true shape of the training stimulus whose features are nearest to the decoded."""

    kind: Literal["nearest-training"]
    vectors: Name = Field(description="Method that decodes the generator's feature space.")


class CeilingObject(Section):
    """The generator's object of the true features and colours of the stimulus: its limit."""

    kind: Literal["ceiling"]


ObjectMethod = Annotated[
    DecodedObject | OfImage | MeanShape | CategoryMean | NearestTraining | CeilingObject,
    Field(discriminator="kind"),
]


class Lesion(Section):
    """Regions disordered before decoding, one at a time, and the diagnosis from the objects."""

    kind: Literal["silence", "scramble", "attenuate"] = Field(
        default="silence",
        description="silence: no response, whatever is seen; attenuate: `kept` of it; scramble: "
        "the region's voxels exchanged.",
    )
    towards: Literal["rest", "mean"] = Field(
        default="rest",
        description="What silenced and attenuated regions fall to: rest, a beta of 0; or the mean "
        "response to training stimuli.",
    )
    kept: float = Field(default=0.3, ge=0, le=1, description="What attenuate leaves of a response.")
    regions: list[Region] = Field(
        default=["V1", "V2", "V3", "hV4", "LOC", "MTL"],
        min_length=2,
        description="Regions to tell apart; 'left V1' is one hemisphere's.",
    )
    objects: int = Field(default=48, ge=4, description="Test objects at most.")
    folds: int = Field(default=6, ge=2, description="Folds of objects of the classifier.")


class Objects3D(Section):
    """3D objects from responses (brainvis/objects3d)."""

    generator: RelativePath = Field(
        default="foundation/shape", description="Generator folder, in data/ or a data root."
    )
    space: Name = Field(default="image-text", description="Feature space of its condition.")
    methods: dict[Name, ObjectMethod] = Field(min_length=1, description="Decoders and baselines.")
    lesions: Lesion | None = None

    @property
    def vectors(self) -> list[str]:
        """Methods that decode features, those that any method reads."""
        named = [getattr(one, "vectors", None) for one in self.methods.values()]
        return list(dict.fromkeys(name for name in named if name is not None))

    @property
    def images(self) -> list[str]:
        """Methods that decode images, those that any method reads."""
        named = [getattr(one, "appearance", None) for one in self.methods.values()]
        named += self.seen_images
        return list(dict.fromkeys(name for name in named if name is not None))

    @property
    def seen_images(self) -> list[str]:
        """Methods whose decoded images' features are read."""
        named = [getattr(one, "image", None) for one in self.methods.values()]
        return list(dict.fromkeys(name for name in named if name is not None))

    @property
    def needs_latents(self) -> bool:
        """Whether a method takes means of shapes."""
        return any(one.kind in ("mean-shape", "category-mean") for one in self.methods.values())
