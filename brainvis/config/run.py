"""The whole configuration of a run, and the slices of it that stages read."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from brainvis.config.animators import TRUE, Animator
from brainvis.config.base import Name, RelativePath, Section
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
    def _names_exist(self) -> RunConfig:
        wanted = {"evaluate.features": self.evaluate.features}
        wanted |= {f"decoders.{n}.features": [d.features] for n, d in self.decoders.items()}
        wanted |= {f"feature_decoders.{n}": [d.features] for n, d in self.feature_decoders.items()}
        wanted |= {f"interaction.{n}.spaces": d.spaces for n, d in self.interaction.items()}
        wanted["splits"] = self.split_spaces
        if self.encoders is not None:
            wanted["encoders.backbone"] = self.encoders.backbone
            wanted["encoders.prompt_space"] = [self.encoders.prompt_space]
        if self.motion is not None:
            wanted |= {f"motion.{key}": names for key, names in self.motion.spaces.items()}
        for key, names in wanted.items():
            for name in names:
                if name is not None and name not in self.features:
                    raise ValueError(f"{key} names {name!r}; features has {sorted(self.features)}")
        return self

    @model_validator(mode="after")
    def _bold_is_split_once(self) -> RunConfig:
        if self.dataset.name in ("vangerven_digits", "nsd"):
            return self
        if set(self.splits) != {"main"}:
            raise ValueError("data with BOLD take one split, named 'main': betas depend on it")
        if not self.splits["main"].single:
            raise ValueError(
                "data with BOLD take a split of one fold: 'holdout', or a whole category or "
                "cluster held out by `only`"
            )
        return self

    @model_validator(mode="after")
    def _compared_methods_exist(self) -> RunConfig:
        known = {*self.image_methods, *self.vector_methods}
        for one in self.evaluate.compare:
            for name in (one.method, *one.against):
                if name not in known:
                    raise ValueError(f"evaluate.compare names {name!r}; methods: {sorted(known)}")
            if one.method in one.against:
                raise ValueError(f"evaluate.compare puts {one.method!r} beside itself")
        return self

    @model_validator(mode="after")
    def _nsd_is_split_once(self) -> RunConfig:
        schemes = [split.scheme for split in self.splits.values()]
        if self.dataset.name == "nsd" and schemes != ["published"]:
            raise ValueError("NSD takes one split, 'published': its training trials normalise")
        if self.encoders is not None and "main" not in self.splits:
            raise ValueError("encoders learn by a split named 'main'")
        return self

    @model_validator(mode="after")
    def _prompts_can_be_read(self) -> RunConfig:
        if self.encoders is None or not self.encoders.prompts:
            return self
        space = self.encoders.prompt_space
        if space is None or self.features[space].kind != "open-clip":
            raise ValueError("encoders.prompt_space must name an open-clip space to read prompts")
        wanted = self.encoders.prompt_images
        if wanted is not None and wanted not in self.encoders.contexts:
            raise ValueError(f"encoders.prompt_images {wanted} is not among encoders.contexts")
        return self

    @model_validator(mode="after")
    def _some_subjects_train(self) -> RunConfig:
        if self.encoders is not None and self.encoders.new >= len(self.subjects):
            raise ValueError(f"encoders.new must leave one of {len(self.subjects)} subjects")
        return self

    @model_validator(mode="after")
    def _interaction_has_clusters(self) -> RunConfig:
        for name, model in self.interaction.items():
            if self.encoders is None:
                raise ValueError(f"interaction.{name} needs the voxel embeddings of encoders")
            if model.clusters not in self.clusters.methods:
                raise ValueError(
                    f"interaction.{name}.clusters {model.clusters!r} is not in clusters.methods"
                )
            if model.width % model.heads:
                raise ValueError(f"interaction.{name}.heads must divide its width, {model.width}")
        return self

    @model_validator(mode="after")
    def _few_trials_stand_beside_ridge(self) -> RunConfig:
        if not self.few_trials.shares:
            return self
        if self.few_model not in self.interaction:
            raise ValueError(
                f"few_trials.model {self.few_model!r} is not under interaction, which has "
                f"{sorted(self.interaction)}"
            )
        if not self.few_ridge:
            raise ValueError(
                "few_trials needs a feature decoder of method ridge_features that decodes "
                f"{self.few_space!r}, to stand beside"
            )
        return self

    @model_validator(mode="after")
    def _joint_has_a_model(self) -> RunConfig:
        for name, one in self.joint.items():
            if one.model not in self.interaction or name in self.interaction:
                raise ValueError(
                    f"joint.{name}.model {one.model!r} must be under interaction, and "
                    f"{name!r} must not; there are {sorted(self.interaction)}"
                )
        return self

    @model_validator(mode="after")
    def _generators_have_tokens(self) -> RunConfig:
        spaces = self.decoded_spaces
        alone = {n for n, one in self.feature_decoders.items() if not one.tokens}
        starts = {*self.decoders, *self.low_level}
        for name, one in self.generators.items():
            if one.tokens not in spaces.keys() - alone:
                raise ValueError(
                    f"generators.{name}.tokens {one.tokens!r} decodes no tokens; "
                    f"these do: {sorted(spaces.keys() - alone)}"
                )
            if one.start is not None and one.start not in starts:
                raise ValueError(f"generators.{name}.start {one.start!r} is no image decoder")
            if one.samples > 1 and self.encoders is None:
                raise ValueError(f"generators.{name}.samples: only encoders can choose among them")
        for name, coarse in self.low_level.items():
            space = spaces.get(coarse.decoded)
            if space is None or self.features[space].kind not in ("visual", "latents"):
                raise ValueError(
                    f"low_level.{name}.decoded {coarse.decoded!r} decodes no features of kind "
                    f"visual or latents; methods decode {spaces}"
                )
        every = self.image_methods
        if unknown := sorted({*self.report.show} - {*every}):
            raise ValueError(f"report.show names {unknown[0]!r}, which makes no images")
        if twice := sorted({name for name in every if every.count(name) > 1}):
            raise ValueError(f"{twice[0]!r} names two methods that make images")
        return self

    @model_validator(mode="after")
    def _animators_have_flow(self) -> RunConfig:
        if self.motion is not None and self.dataset.name != "simulated":
            raise ValueError("motion needs responses to movies, which `simulated` has")
        flows = {TRUE, *(self.motion.decoders if self.motion else {})}
        for name, one in self.animators.items():
            asked = {
                "flow": (getattr(one, "flow", TRUE), flows),
                "first": (one.first, {TRUE, *self.image_methods}),
                "tokens": (getattr(one, "tokens", None), {None, *self.vector_methods}),
            }
            if self.motion is None:
                raise ValueError(f"animators.{name} needs the section motion")
            for key, (found, known) in asked.items():
                if found not in known:
                    raise ValueError(f"animators.{name}.{key} names {found!r}, which nothing makes")
            if name in self.motion.decoders:
                raise ValueError(f"{name!r} names both a flow decoder and an animator")
        return self

    @model_validator(mode="after")
    def _objects_have_conditions(self) -> RunConfig:
        if self.objects is None:
            return self
        if self.dataset.name != "simulated":
            raise ValueError("objects needs meshes of the stimuli, which `simulated` has")
        space = self.objects.space
        decoding = {n for n, found in self.decoded_spaces.items() if found == space}
        known = {"vectors": decoding, "images": {*self.image_methods}}
        for key, names in known.items():
            for name in getattr(self.objects, key):
                if name not in names:
                    raise ValueError(
                        f"objects.methods names {name!r}; these decode {key} in the space "
                        f"{space!r}: {sorted(names)}"
                    )
        if space not in self.features:
            raise ValueError(f"objects.space names {space!r}; features has {sorted(self.features)}")
        if self.objects.seen_images and space not in self.evaluate.features:
            raise ValueError(f"objects: image-only needs {space!r} under evaluate.features")
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
