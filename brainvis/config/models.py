"""Sections on feature spaces and decoders."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from brainvis.config.base import Name, RelativePath, Section


class Pixels(Section):
    """Pixels averaged over cells."""

    kind: Literal["pixels"]
    size: int = Field(default=16, ge=1, le=512, description="Cells per side.")


class Gabor(Section):
    """Gabor energy and colour-opponent means on a grid."""

    kind: Literal["gabor"]
    size: int = Field(default=64, ge=16, le=512, description="Image side that is filtered.")
    orientations: int = Field(default=8, ge=2, le=32, description="Orientations per scale.")
    grid: int = Field(
        default=8, ge=1, le=64, description="Cells per side that energy is pooled in."
    )


class MotionEnergy(Section):
    """Motion energy of clips (pymoten)."""

    kind: Literal["motion-energy"]
    size: int = Field(default=32, ge=8, le=256, description="Side of the luminance clips.")


class OpenClip(Section):
    """An open_clip model from a local checkpoint folder."""

    kind: Literal["open-clip"]
    folder: RelativePath = Field(
        default="foundation/image_text", description="Checkpoint folder, in data/ or a data root."
    )
    layers: list[int] = Field(default=[-1], min_length=1, description="Layers to take tokens of.")


class Transformers(Section):
    """A vision model of the transformers library from a local checkpoint folder."""

    kind: Literal["transformers"]
    folder: RelativePath = Field(description="Checkpoint folder, in data/ or a data root.")
    layers: list[int] = Field(default=[-1], min_length=1, description="Layers to take tokens of.")
    size: int | None = Field(
        default=None, ge=14, description="Input side; the model's own if null."
    )


class Visual(Section):
    """Activations of a VGG, from which the low-level branch seeks an image."""

    kind: Literal["visual"]
    folder: RelativePath = Field(
        default="foundation/visual", description="Checkpoint folder, in data/ or a data root."
    )
    size: int = Field(default=32, ge=16, description="Side that images are brought to.")
    levels: list[int] = Field(
        default=[1, 2, 3, 4], min_length=1, description="Levels, of five, the finest is 0."
    )


class Latents(Section):
    """Latents of a diffusion model's autoencoder, the other low-level branch."""

    kind: Literal["latents"]
    folder: RelativePath = Field(
        default="foundation/generator", description="Checkpoint folder, in data/ or a data root."
    )


FeatureSpace = Annotated[
    Pixels | Gabor | MotionEnergy | OpenClip | Transformers | Visual | Latents,
    Field(discriminator="kind"),
]


class Learning(Section):
    """What every decoder may be told."""

    trials: Literal["averaged", "single"] = Field(
        default="averaged", description="Train on means over repeats, or on single trials."
    )
    voxels: int | None = Field(
        default=None, ge=1, description="Upper limit on voxels, chosen in training stimuli."
    )
    explained: float = Field(
        default=0.99, gt=0, le=1, description="Share of variance that components keep."
    )
    inner_folds: int = Field(default=5, ge=2, le=50, description="Folds that choose penalties.")


class Decoder(Learning):
    """Responses to images, or a baseline of it (brainvis/decoding)."""

    method: Literal[
        "bayesian_linear", "bayesian_mixture", "ridge_pixels", "ridge_pca",
        "mean", "shuffled", "nearest_training", "prior_only",
    ]  # fmt: skip
    base: Literal["bayesian_linear", "bayesian_mixture", "ridge_pixels", "ridge_pca"] = Field(
        default="bayesian_linear", description="What `shuffled` trains on shuffled pairs."
    )
    prior: bool = Field(
        default=False, description="Use images that no subject saw as the image prior."
    )
    features: Name | None = Field(
        default=None, description="Feature space of `nearest_training`; pixel components if null."
    )
    levels: bool = Field(
        default=False,
        description="Let `bayesian_mixture` stretch its images between a black and a white level "
        "that inner validation chooses by absolute error; for images mostly black or white.",
    )


class FeatureDecoder(Learning):
    """Responses to feature vectors, for identification and retrieval (brainvis/decoding)."""

    method: Literal["ridge_features", "bayesian_features", "mean", "shuffled", "ceiling"]
    features: Name = Field(description="Feature space that is decoded.")
    base: Literal["ridge_features", "bayesian_features"] = Field(
        default="ridge_features", description="What `shuffled` trains on shuffled pairs."
    )
    tokens: bool = Field(
        default=False, description="Decode tokens of the last layer too, for a generator."
    )


class LowLevel(Section):
    """Coarse images from decoded features of kind `latents` or `visual` (brainvis/generation)."""

    decoded: Name = Field(
        description="Method that decodes them: a feature decoder, or <interaction>-<space>."
    )
    channels: int = Field(default=32, ge=1, description="Width of the deep image prior.")
    iterations: int = Field(default=100, ge=1, description="Its steps; 1800 in Brain-IT.")
    rate: float = Field(default=1e-2, gt=0, description="Its learning rate; 0.001 in Brain-IT.")
    decay: float = Field(default=0.9, ge=0, lt=1, description="Of the average over its outputs.")


class Generator(Section):
    """Images from decoded tokens by a local diffusion model (brainvis/generation)."""

    folder: RelativePath = Field(
        default="foundation/generator",
        description="Checkpoint folder, in data/ or a data root; or a name under `joint`.",
    )
    tokens: Name = Field(
        description="Method that decodes the tokens: a feature decoder, or <interaction>-<space>."
    )
    start: Name | None = Field(
        default=None,
        description="Image decoder or low-level branch where denoising starts; noise if null.",
    )
    strength: float | None = Field(
        default=None, ge=0, le=1, description="Share of denoising after the start; 1 forgets it."
    )
    steps: int | None = Field(default=None, ge=1, le=1000, description="Denoising steps.")
    guidance: float | None = Field(default=None, ge=0, description="Classifier-free guidance.")
    samples: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Samples of each image; above 1 the method <name>-best keeps the one whose "
        "predicted response is most like the measured one.",
    )
    batch: int = Field(default=16, ge=1, description="Images at a time; lower it if memory ends.")
    device: str = Field(default="auto", description="auto, cpu or cuda.")


class Foundation(Section):
    """Training of the small image-text model (brainvis/foundation)."""

    epochs: int = Field(default=20, ge=1, le=1000, description="Passes over the training images.")
    batch: int = Field(default=32, ge=4, description="Images per step.")
    learning_rate: float = Field(default=1e-3, gt=0, lt=1, description="Peak learning rate.")
