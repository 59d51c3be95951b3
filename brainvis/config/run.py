"""The whole configuration of a run, and the slices of it that stages read."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from brainvis.config.animators import Animator
from brainvis.config.base import Name, RelativePath, Section
from brainvis.config.checks import CHECKS
from brainvis.config.data import (
    BidsDataset,
    Dataset,
    NsdDataset,
    Preprocess,
    SimulatedDataset,
    Split,
)
from brainvis.config.encoders import Clusters, Encoders
from brainvis.config.interaction import FewTrials, Interaction
from brainvis.config.joint import Joint
from brainvis.config.judging import Evaluate, Report
from brainvis.config.models import (
    Decoder,
    FeatureDecoder,
    FeatureSpace,
    Foundation,
    Generator,
    LowLevel,
)
from brainvis.config.motion import Motion
from brainvis.config.objects import Objects3D


class RunConfig(Section):
    """Everything that shapes one run."""

    run: Name = Field(description="Name of the run; its artifacts lie in <output>/<run>.")
    seed: int = Field(default=0, ge=0, lt=2**31, description="The one seed that drives everything.")
    output: RelativePath = Field(
        default="results", description="Folder of runs, in the working folder."
    )
    cache: RelativePath | None = Field(
        default=None,
        description="Folder shared by runs, in the working folder; equal inputs reuse stages.",
    )
    dataset: Dataset
    splits: dict[Name, Split] = Field(min_length=1, description="Named splits by stimulus.")
    preprocess: Preprocess = Preprocess()
    features: dict[Name, FeatureSpace] = Field(default_factory=dict)
    decoders: dict[Name, Decoder] = Field(default_factory=dict)
    feature_decoders: dict[Name, FeatureDecoder] = Field(default_factory=dict)
    encoders: Encoders | None = None
    clusters: Clusters = Clusters()
    interaction: dict[Name, Interaction] = Field(default_factory=dict)
    few_trials: FewTrials = FewTrials()
    joint: dict[Name, Joint] = Field(default_factory=dict)
    low_level: dict[Name, LowLevel] = Field(default_factory=dict)
    generators: dict[Name, Generator] = Field(default_factory=dict)
    motion: Motion | None = None
    animators: dict[Name, Animator] = Field(default_factory=dict)
    objects: Objects3D | None = None
    foundation: Foundation = Foundation()
    evaluate: Evaluate = Evaluate()
    report: Report = Report()

    @model_validator(mode="after")
    def _consistent(self) -> RunConfig:
        for check in CHECKS:
            check(self)
        return self

    @property
    def object_baselines(self) -> list[str]:
        """Names of the methods of objects that others are compared with."""
        methods = {} if self.objects is None else self.objects.methods
        return [
            name
            for name, one in methods.items()
            if one.kind not in ("decoded", "ceiling")
            or getattr(one, "vectors", None) in self.baselines
        ]

    @property
    def few_model(self) -> str:
        """Model that new subjects with few trials are brought to; empty where there is none."""
        return self.few_trials.model or next(iter(self.interaction), "")

    @property
    def few_space(self) -> str:
        """Feature space in which it is scored: the first that the model decodes."""
        return self.interaction[self.few_model].spaces[0]

    @property
    def few_ridge(self) -> str:
        """Ridge decoder of that space; empty where there is none."""
        space = self.few_space
        found = (
            name
            for name, one in self.feature_decoders.items()
            if (one.method, one.features) == ("ridge_features", space)
        )
        return next(found, "")

    @property
    def brain_models(self) -> dict[str, Interaction]:
        """Settings of every Brain-Interaction Transformer, those tuned jointly included."""
        own = self.interaction
        tuned = {n: own[one.model] for n, one in self.joint.items() if one.model in own}
        return {**own, **tuned}

    def generator_folder(self, name: str) -> str:
        """Checkpoint folder that a generator of that folder or joint training begins with."""
        return self.joint[name].generator if name in self.joint else name

    @property
    def decoded_spaces(self) -> dict[str, str]:
        """Feature space that each method decodes from responses, by the method's name."""
        found = {name: one.features for name, one in self.feature_decoders.items()}
        for name, one in self.brain_models.items():
            for space in one.spaces:
                found |= {f"{name}-{space}": space, f"{name}-shuffled-{space}": space}
        return found

    @property
    def image_methods(self) -> list[str]:
        """Names of all methods that make images."""
        return [*self.decoders, *self.low_level, *self.generators, *self.best_of]

    @property
    def best_of(self) -> dict[str, str]:
        """Generator whose samples a method chooses among, by the method's name."""
        return {f"{name}-best": name for name, one in self.generators.items() if one.samples > 1}

    @property
    def vector_methods(self) -> list[str]:
        """Names of all methods that decode feature vectors."""
        models = [
            f"{name}-{control}{space}"
            for name, one in self.brain_models.items()
            for space in one.spaces
            for control in ("", "shuffled-")
        ]
        few = self.encoders.contexts if self.encoders and self.encoders.prompt_space else []
        in_context = [f"in-context-{n}" for n in (*few, "all")] if few else []
        return [*self.feature_decoders, *models, *in_context]

    @property
    def split_spaces(self) -> list[str]:
        """Feature spaces whose clusters make a split."""
        spaces = [space for split in self.splits.values() for space in split.spaces]
        return list(dict.fromkeys(spaces))

    @property
    def new_subjects(self) -> list[str]:
        """Subjects that no encoder's network is trained on."""
        return [] if self.encoders is None else self.subjects[-self.encoders.new :]

    @property
    def trained_subjects(self) -> list[str]:
        """Subjects that encoders are trained on."""
        return [] if self.encoders is None else self.subjects[: -self.encoders.new]

    @property
    def baselines(self) -> list[str]:
        """Names of the methods that others are compared with."""
        methods = ("mean", "shuffled", "nearest_training", "prior_only")
        every = {**self.decoders, **self.feature_decoders}
        named = [name for name, decoder in every.items() if decoder.method in methods]
        named += [f"{n}-shuffled-{s}" for n, d in self.brain_models.items() for s in d.spaces]
        named += [name for name, one in self.low_level.items() if one.decoded in named]
        named += [name for name, one in self.generators.items() if one.tokens in named]
        return named + [name for name, own in self.best_of.items() if own in named]

    @property
    def kind(self) -> Literal["simulated", "measured"]:
        made_up = self.dataset.name == "simulated" or getattr(self.dataset, "simulated", False)
        return "simulated" if made_up else "measured"

    @property
    def subjects(self) -> list[str]:
        """Subject labels, without ``sub-``."""
        match self.dataset:
            case SimulatedDataset(brain=brain):
                return [f"{number:02d}" for number in range(1, brain.subjects + 1)]
            case BidsDataset(subjects=subjects):
                return list(subjects)
            case NsdDataset(subjects=numbers):
                return [f"{number:02d}" for number in numbers]
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
