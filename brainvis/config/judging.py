"""How results are scored and what the report shows first."""

from __future__ import annotations

from pydantic import Field

from brainvis.config.base import Name, RelativePath, Section


class Comparison(Section):
    """A method beside others, paired over stimuli."""

    method: Name
    against: list[Name] = Field(min_length=1)


class Evaluate(Section):
    """Scores of reconstructions (brainvis/evaluate)."""

    features: list[Name] = Field(
        default_factory=list, description="Feature spaces for two-way identification."
    )
    bootstrap: int = Field(default=2000, ge=100, description="Bootstrap draws over stimuli.")
    permutations: int = Field(default=2000, ge=100, description="Permutations of the pairing.")
    networks: RelativePath | None = Field(
        default=None,
        description="Folder with the weights of the networks of published tables "
        "(docs/metrics.md), in data/ or a data root; null for none. The report names what is "
        "absent.",
    )
    image_text: RelativePath | None = Field(
        default=None,
        description="Checkpoint of the small image-text model, whose embedding and tokens stand in "
        "for CLIP on simulated images (foundation/image_text ships); null for none.",
    )
    visual: RelativePath | None = Field(
        default=None,
        description="Checkpoint of the small visual network (`brainvis foundation visual`), which "
        "stands in for AlexNet, Inception, EfficientNet and SwAV; null for none.",
    )
    size: int | None = Field(
        default=None,
        ge=16,
        le=1024,
        description="Side in pixels of PixCorr and SSIM; that of the stimuli if null (NSD: 425).",
    )
    common_side: int | None = Field(
        default=None,
        ge=16,
        le=1024,
        description="Side that all images are brought to before anything else; null for none "
        "(NSD: 256).",
    )
    antialias: bool = Field(
        default=True, description="Antialias when images are made smaller (NSD tables: false)."
    )
    device: str = Field(default="auto", description="Of all networks: auto, cpu or cuda.")
    pool: int = Field(default=300, ge=2, description="Items to choose from in retrieval.")
    compare: list[Comparison] = Field(
        default_factory=list, description="Pairs of methods to compare stimulus by stimulus."
    )


class Report(Section):
    """What the report shows first (brainvis/report)."""

    title: str = Field(default="brainvis", max_length=200, description="Heading of the page.")
    method: Name | None = Field(
        default=None,
        description="Method of the headline; null takes the best on test scores, and says so.",
    )
    split: Name | None = Field(
        default=None, description="Split of the headline; null takes 'main', else the first."
    )
    show: list[Name] = Field(
        default_factory=list,
        description="Methods in the grids of images, from the top; all where none is named.",
    )
