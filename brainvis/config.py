"""The configuration of a run: pydantic models, from which the JSON schema is generated.

Every key has a type, a default where a default makes sense, and a description; unknown keys are
refused. Each stage gets only the slice of the configuration that it reads (`RunConfig.slice`), so
that a change reruns what it touches and nothing else.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from brainvis.artifacts.files import resolve_inside
from brainvis.errors import BrainvisError

# Names become file-name entities, Snakemake wildcards and report labels: nothing else may enter.
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]+(-[A-Za-z0-9]+)*$")]
Subject = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]+$")]
RelativePath = Annotated[str, StringConstraints(min_length=1)]


class Section(BaseModel):
    """A part of the configuration; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)


class World(Section):
    """The procedural stimulus world (brainvis/stimuli)."""

    count: int = Field(default=1200, ge=20, description="Number of stimuli that subjects see.")
    prior: int = Field(default=1200, ge=0, description="Images that no subject sees (priors, models).")
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
    stimulus_seconds: float = Field(default=2.0, gt=0.1, le=30, description="Stimulus duration, seconds.")
    trials_per_run: int = Field(default=75, ge=10, le=500, description="Trials in a run.")
    ceiling_median: float = Field(
        default=0.35, gt=0, lt=1, description="Median noise ceiling (share of variance at all repeats)."
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
    task: Name | None = Field(default=None, description="Task label; needed where there are several.")
    space: Name | None = Field(default=None, description="Space label of fMRIPrep derivatives.")
    stimuli: RelativePath | None = Field(
        default=None, description="Folder of stimulus images below the BIDS root; null where there is none."
    )


class DigitsDataset(Section):
    """Measured fMRI of 100 handwritten 6s and 9s (van Gerven et al. 2010)."""

    name: Literal["vangerven_digits"]
    folder: RelativePath = Field(
        default="vangerven_digits", description="Folder with the two .mat files, inside a data root."
    )


Dataset = Annotated[SimulatedDataset | BidsDataset | DigitsDataset, Field(discriminator="name")]


class Holdout(Section):
    """Hold out a random share of the stimuli."""

    scheme: Literal["holdout"]
    test_share: float = Field(default=0.15, gt=0, lt=1, description="Share of stimuli held out.")


class KFold(Section):
    """Every stimulus is held out once; folds balanced over categories."""

    scheme: Literal["kfold"]
    folds: int = Field(default=10, ge=2, le=100, description="Number of folds.")


class Published(Section):
    """The split that papers on this data set use."""

    scheme: Literal["published"]


Split = Annotated[Holdout | KFold | Published, Field(discriminator="scheme")]


class Preprocess(Section):
    """BOLD to single-trial betas (brainvis/preprocess)."""

    hrf: Literal["library", "canonical"] = Field(
        default="library", description="HRF chosen per voxel from a library, or the canonical one."
    )
    shrink: bool = Field(default=True, description="Ridge with cross-validated shrinkage per voxel.")
    high_pass: float = Field(default=0.008, ge=0, lt=0.1, description="Drift cut-off in Hz.")
    trial: Literal["event", "block"] = Field(
        default="event", description="One beta per event, or per block of equal events."
    )
    block_voxels: int = Field(default=2000, ge=1, description="Voxels held in memory at a time.")


class Evaluate(Section):
    """Scores of reconstructions (brainvis/evaluate)."""

    features: list[Name] = Field(
        default_factory=list, description="Feature spaces for two-way identification."
    )
    bootstrap: int = Field(default=2000, ge=100, description="Bootstrap draws over stimuli.")
    permutations: int = Field(default=2000, ge=100, description="Permutations of the pairing.")


class Report(Section):
    """What the report shows first (brainvis/report)."""

    title: str = Field(default="brainvis", max_length=200, description="Heading of the page.")
    method: Name | None = Field(default=None, description="Method of the headline; first decoder if null.")
    split: Name | None = Field(default=None, description="Split of the headline; first split if null.")


class RunConfig(Section):
    """Everything that shapes one run."""

    run: Name = Field(description="Name of the run; its artifacts lie in <output>/<run>.")
    seed: int = Field(default=0, ge=0, lt=2**31, description="The one seed that drives everything.")
    output: RelativePath = Field(default="results", description="Folder of runs, in the working folder.")
    cache: RelativePath | None = Field(
        default=None, description="Folder shared by runs, in the working folder; equal inputs reuse stages."
    )
    dataset: Dataset
    splits: dict[Name, Split] = Field(min_length=1, description="Named splits by stimulus.")
    preprocess: Preprocess = Preprocess()
    features: dict[Name, FeatureSpace] = Field(default_factory=dict)
    decoders: dict[Name, Decoder] = Field(default_factory=dict)
    evaluate: Evaluate = Evaluate()
    report: Report = Report()

    @property
    def kind(self) -> Literal["simulated", "measured"]:
        return "simulated" if self.dataset.name == "simulated" else "measured"

    @property
    def subjects(self) -> list[str]:
        """Subject labels, without ``sub-``."""
        match self.dataset:
            case SimulatedDataset(brain=brain):
                return [f"{number:02d}" for number in range(1, brain.subjects + 1)]
            case BidsDataset(subjects=subjects):
                return list(subjects)
            case _:
                return ["01"]

    def slice(self, *keys: str) -> dict:
        """The part of the configuration under dotted keys, as plain nested values.

        Parameters
        ----------
        *keys : str
            Such as ``"preprocess"`` or ``"decoders.ridge-pixels"``.
        """
        values, part = self.model_dump(mode="json"), {}
        for key in keys:
            value = values
            for name in key.split("."):
                value = value[name]
            part[key] = value
        return part


def _read_yaml(path: Path) -> dict:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BrainvisError("cannot be read as YAML", file=path, found=error) from error
    if not isinstance(values, dict):
        raise BrainvisError("holds no settings", file=path, found=type(values).__name__)
    return values


def validated(values: dict, source: str | Path = "configuration") -> RunConfig:
    """Check settings against the models.

    Raises
    ------
    BrainvisError
        One line for the first problem: file, key, what was found, what is allowed.
    """
    try:
        return RunConfig.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        more = error.error_count() - 1
        raise BrainvisError(
            first["msg"].removeprefix("Value error, "),
            file=source,
            field=".".join(str(part) for part in first["loc"]),
            found=_shown(first["input"]),
            remedy=_allowed(first) + (f" ({more} more problems)" if more else ""),
        ) from None


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) < 80 else text[:77] + "..."


def _allowed(error: Mapping) -> str:
    if error["type"] == "extra_forbidden":
        return "remove the key or correct its name (`brainvis config schema` lists all keys)"
    if error["type"] in ("literal_error", "union_tag_invalid"):
        return f"allowed: {error['ctx'].get('expected') or error['ctx'].get('expected_tags')}"
    if error["type"] == "string_pattern_mismatch":
        return "allowed: letters, digits and single hyphens"
    return "see `brainvis config schema` for types and limits"


def load(path: Path) -> RunConfig:
    """Read and check a configuration file."""
    return validated(_read_yaml(path), path)


def schema() -> str:
    """JSON schema of the configuration, for editors and documentation."""
    return json.dumps(RunConfig.model_json_schema(), indent=2, sort_keys=True) + "\n"


def data_roots() -> list[Path]:
    """Folders that data-set paths may lie in: ``BRAINVIS_DATA``, or the defaults."""
    given = os.environ.get("BRAINVIS_DATA")
    if given:
        return [Path(part) for part in given.split(os.pathsep) if part]
    return [Path("data/external"), Path("../shared/data")]


def find_data(relative: str) -> Path:
    """Resolve a data-set folder inside one of the data roots.

    Raises
    ------
    BrainvisError
        When it leaves the roots, or lies in none of them.
    """
    roots = data_roots()
    inside: list[Path] = []
    refusal: BrainvisError | None = None
    for root in roots:
        try:
            inside.append(resolve_inside(root, relative))
        except BrainvisError as error:
            refusal = error
    if refusal is not None and not inside:
        raise BrainvisError(
            "path leaves the data roots",
            field="dataset.folder",
            found=repr(relative),
            remedy=f"put the data into one of {[str(root) for root in roots]} "
            "or name its parent folder in BRAINVIS_DATA",
        )
    for path in inside:
        if path.exists():
            return path
    raise BrainvisError(
        "no such data folder",
        field="dataset.folder",
        found=repr(relative),
        remedy=f"looked in {[str(root) for root in roots]}; set BRAINVIS_DATA to its parent folder",
    )


def run_folder(config: RunConfig) -> Path:
    """Folder of the run's artifacts, relative to the working folder.

    Raises
    ------
    BrainvisError
        When `output` leaves the working folder.
    """
    here = Path.cwd()
    return resolve_inside(here, config.output).relative_to(here.resolve()) / config.run
