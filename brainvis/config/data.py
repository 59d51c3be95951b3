"""Sections on data: the data set, the splits, preprocessing."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from brainvis.config.base import Name, RelativePath, Section, Subject


class World(Section):
    """The procedural stimulus world (brainvis/stimuli)."""

    count: int = Field(default=1200, ge=20, description="Number of stimuli that subjects see.")
    prior: int = Field(
        default=1200, ge=0, description="Images that no subject sees (priors, models)."
    )
    size: Literal[64, 128] = Field(default=64, description="Image side in pixels.")
    frames: int = Field(default=16, ge=2, le=64, description="Frames of a clip.")
    fps: int = Field(default=8, ge=1, le=60, description="Frames per second of a clip.")


class Brain(Section):
    """The simulated brain (brainvis/simulate)."""

    subjects: int = Field(default=4, ge=1, le=99, description="Number of simulated subjects.")
    voxels: int = Field(default=4000, ge=300, le=20000, description="Brain voxels per subject.")
    repeats: int = Field(default=3, ge=2, le=10, description="Presentations of each stimulus.")
    tr: float = Field(default=1.6, gt=0.2, le=4, description="Repetition time, seconds.")
    trial_seconds: float = Field(default=4.0, gt=1, le=30, description="Onset to onset, seconds.")
    stimulus_seconds: float = Field(
        default=2.0, gt=0.1, le=30, description="Stimulus duration, seconds."
    )
    trials_per_run: int = Field(default=75, ge=10, le=500, description="Trials in a run.")
    ceiling_median: float = Field(
        default=0.35,
        gt=0,
        lt=1,
        description="Median noise ceiling (share of variance at all repeats).",
    )


class SimulatedDataset(Section):
    """Simulated subjects that watch the procedural world."""

    name: Literal["simulated"]
    stimuli: World = World()
    brain: Brain = Brain()


class BidsDataset(Section):
    """Any BIDS or fMRIPrep tree with events; stimuli from its folder or none."""

    name: Literal["bids"]
    folder: RelativePath = Field(description="BIDS root, inside one of the data roots.")
    label: Name = Field(description="Name of the data set in tables and figures.")
    subjects: list[Subject] = Field(min_length=1, description="Subject labels without 'sub-'.")
    task: Name | None = Field(
        default=None, description="Task label; needed where there are several."
    )
    space: Name | None = Field(default=None, description="Space label of fMRIPrep derivatives.")
    simulated: bool = Field(
        default=False, description="Whether a simulator made the tree; shown on every figure."
    )
    image_size: int | None = Field(
        default=None,
        ge=16,
        le=1024,
        description="Side of the stimulus images that `stim_file` names, in pixels; null where the "
        "data set has none (then only categories are decoded).",
    )


class DigitsDataset(Section):
    """Measured fMRI of 100 handwritten 6s and 9s (van Gerven et al. 2010)."""

    name: Literal["vangerven_digits"]
    folder: RelativePath = Field(
        default="vangerven_digits",
        description="Folder with the two .mat files, inside a data root.",
    )


class NsdDataset(Section):
    """Natural Scenes Dataset in its own layout (Allen et al. 2022); see docs/nsd.md."""

    name: Literal["nsd"]
    folder: RelativePath = Field(
        default="nsd",
        description="Mirror of s3://natural-scenes-dataset, inside one of the data roots.",
    )
    label: Name = Field(default="nsd", description="Name of the data set in tables and figures.")
    subjects: list[Annotated[int, Field(ge=1, le=8)]] = Field(
        min_length=1, description="Subjects, 1 to 8."
    )
    sessions: int | None = Field(
        default=None,
        ge=1,
        le=40,
        description="Use the first so many sessions; null for all that each subject completed.",
    )
    space: Literal["func1pt8mm", "func1mm"] = Field(
        default="func1pt8mm", description="Preparation of the volumes."
    )
    betas: Literal["betas_fithrf_GLMdenoise_RR", "betas_fithrf", "betas_assumehrf"] = Field(
        default="betas_fithrf_GLMdenoise_RR", description="Version of the single-trial betas."
    )
    rois: list[Name] = Field(
        default=["nsdgeneral"],
        min_length=1,
        description="Voxels to read: those in any of these regions (V1v, hV4, FFA-1, PPA, ...) or "
        "volumes of the roi folder (nsdgeneral, floc-faces, ...).",
    )
    image_size: int = Field(default=224, ge=16, le=425, description="Image side in pixels.")
    captions: RelativePath | None = Field(
        default=None,
        description="Folder of COCO's captions_train2017.json and captions_val2017.json, inside "
        "one of the data roots; null for none.",
    )
    simulated: bool = Field(
        default=False, description="Whether a simulator made the tree; shown on every figure."
    )


Dataset = Annotated[
    SimulatedDataset | BidsDataset | DigitsDataset | NsdDataset, Field(discriminator="name")
]


class _Split(Section):
    """What every scheme can say of itself."""

    @property
    def single(self) -> bool:
        """Whether it has one fold, so that betas can be estimated from its training stimuli."""
        return False

    @property
    def spaces(self) -> list[str]:
        """Feature spaces that it reads."""
        return []


class Holdout(_Split):
    """Hold out a random share of the stimuli."""

    scheme: Literal["holdout"]
    test_share: float = Field(default=0.15, gt=0, lt=1, description="Share of stimuli held out.")

    @property
    def single(self) -> bool:
        return True


class KFold(_Split):
    """Every stimulus is held out once; folds balanced over categories."""

    scheme: Literal["kfold"]
    folds: int = Field(default=10, ge=2, le=100, description="Number of folds.")


class Published(_Split):
    """The split that papers on this data set use."""

    scheme: Literal["published"]


class LeaveCategoryOut(_Split):
    """Hold out whole categories: does a decoder tell apart what it never learned?"""

    scheme: Literal["leave_category_out"]
    column: Literal["category", "supercategory"] = Field(
        default="category", description="Column of the stimuli that is held out by."
    )
    only: str | None = Field(
        default=None, description="Hold out this one in a single fold; null for each in turn."
    )

    @property
    def single(self) -> bool:
        return self.only is not None


class LeaveClusterOut(_Split):
    """Hold out whole semantic clusters of the stimuli (Shirakawa et al., arXiv 2405.10078)."""

    scheme: Literal["leave_cluster_out"]
    features: Name = Field(description="Feature space of the stimuli that k-means runs in.")
    clusters: int = Field(default=40, ge=2, le=1000, description="Number of clusters.")
    only: int | None = Field(
        default=None,
        ge=0,
        description="Hold out this one in a single fold (0 is the largest); null for each in turn.",
    )

    @property
    def single(self) -> bool:
        return self.only is not None

    @property
    def spaces(self) -> list[str]:
        return [self.features]


class SizeMatched(_Split):
    """Random folds as large as those of another scheme: the control without its meaning."""

    scheme: Literal["size_matched"]
    of: Annotated[LeaveCategoryOut | LeaveClusterOut, Field(discriminator="scheme")]

    @property
    def single(self) -> bool:
        return self.of.single

    @property
    def spaces(self) -> list[str]:
        return self.of.spaces


Split = Annotated[
    Holdout | KFold | Published | LeaveCategoryOut | LeaveClusterOut | SizeMatched,
    Field(discriminator="scheme"),
]


class Preprocess(Section):
    """BOLD to single-trial betas (brainvis/preprocess)."""

    hrf: Literal["library", "canonical"] = Field(
        default="library", description="HRF chosen per voxel from a library, or the canonical one."
    )
    shrink: bool = Field(
        default=True, description="Ridge with cross-validated shrinkage per voxel."
    )
    high_pass: float = Field(default=0.008, ge=0, lt=0.1, description="Drift cut-off in Hz.")
    trial: Literal["event", "block"] = Field(
        default="event", description="One beta per event, or per block of equal events."
    )
    block_voxels: int = Field(default=2000, ge=1, description="Voxels held in memory at a time.")
