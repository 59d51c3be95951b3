"""What must agree between the sections of a configuration; each check raises ValueError."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainvis.config.animators import TRUE

if TYPE_CHECKING:
    from brainvis.config.run import RunConfig


def names_exist(run: RunConfig) -> None:
    wanted = {"evaluate.features": run.evaluate.features}
    wanted |= {f"decoders.{n}.features": [d.features] for n, d in run.decoders.items()}
    wanted |= {f"feature_decoders.{n}": [d.features] for n, d in run.feature_decoders.items()}
    wanted |= {f"interaction.{n}.spaces": d.spaces for n, d in run.interaction.items()}
    wanted["splits"] = run.split_spaces
    if run.encoders is not None:
        wanted["encoders.backbone"] = run.encoders.backbone
        wanted["encoders.prompt_space"] = [run.encoders.prompt_space]
    if run.motion is not None:
        wanted |= {f"motion.{key}": names for key, names in run.motion.spaces.items()}
    for key, names in wanted.items():
        for name in names:
            if name is not None and name not in run.features:
                raise ValueError(f"{key} names {name!r}; features has {sorted(run.features)}")


def bold_is_split_once(run: RunConfig) -> None:
    if run.dataset.name in ("vangerven_digits", "nsd"):
        return
    if set(run.splits) != {"main"}:
        raise ValueError("data with BOLD take one split, named 'main': betas depend on it")
    if not run.splits["main"].single:
        raise ValueError(
            "data with BOLD take a split of one fold: 'holdout', or a whole category or "
            "cluster held out by `only`"
        )


def compared_methods_exist(run: RunConfig) -> None:
    known = {*run.image_methods, *run.vector_methods}
    for one in run.evaluate.compare:
        for name in (one.method, *one.against):
            if name not in known:
                raise ValueError(f"evaluate.compare names {name!r}; methods: {sorted(known)}")
        if one.method in one.against:
            raise ValueError(f"evaluate.compare puts {one.method!r} beside itself")


def nsd_is_split_once(run: RunConfig) -> None:
    schemes = [split.scheme for split in run.splits.values()]
    if run.dataset.name == "nsd" and schemes != ["published"]:
        raise ValueError("NSD takes one split, 'published': its training trials normalise")
    if run.encoders is not None and "main" not in run.splits:
        raise ValueError("encoders learn by a split named 'main'")


def prompts_can_be_read(run: RunConfig) -> None:
    if run.encoders is None or not run.encoders.prompts:
        return
    space = run.encoders.prompt_space
    if space is None or run.features[space].kind != "open-clip":
        raise ValueError("encoders.prompt_space must name an open-clip space to read prompts")
    wanted = run.encoders.prompt_images
    if wanted is not None and wanted not in run.encoders.contexts:
        raise ValueError(f"encoders.prompt_images {wanted} is not among encoders.contexts")


def some_subjects_train(run: RunConfig) -> None:
    if run.encoders is not None and run.encoders.new >= len(run.subjects):
        raise ValueError(f"encoders.new must leave one of {len(run.subjects)} subjects")


def interaction_has_clusters(run: RunConfig) -> None:
    for name, model in run.interaction.items():
        if run.encoders is None:
            raise ValueError(f"interaction.{name} needs the voxel embeddings of encoders")
        if model.clusters not in run.clusters.methods:
            raise ValueError(
                f"interaction.{name}.clusters {model.clusters!r} is not in clusters.methods"
            )
        if model.width % model.heads:
            raise ValueError(f"interaction.{name}.heads must divide its width, {model.width}")


def few_trials_stand_beside_ridge(run: RunConfig) -> None:
    if not run.few_trials.shares:
        return
    if run.few_model not in run.interaction:
        raise ValueError(
            f"few_trials.model {run.few_model!r} is not under interaction, which has "
            f"{sorted(run.interaction)}"
        )
    if not run.few_ridge:
        raise ValueError(
            "few_trials needs a feature decoder of method ridge_features that decodes "
            f"{run.few_space!r}, to stand beside"
        )


def joint_has_a_model(run: RunConfig) -> None:
    for name, one in run.joint.items():
        if one.model not in run.interaction or name in run.interaction:
            raise ValueError(
                f"joint.{name}.model {one.model!r} must be under interaction, and "
                f"{name!r} must not; there are {sorted(run.interaction)}"
            )


def generators_have_tokens(run: RunConfig) -> None:
    spaces = run.decoded_spaces
    alone = {n for n, one in run.feature_decoders.items() if not one.tokens}
    starts = {*run.decoders, *run.low_level}
    for name, one in run.generators.items():
        if one.tokens not in spaces.keys() - alone:
            raise ValueError(
                f"generators.{name}.tokens {one.tokens!r} decodes no tokens; "
                f"these do: {sorted(spaces.keys() - alone)}"
            )
        if one.start is not None and one.start not in starts:
            raise ValueError(f"generators.{name}.start {one.start!r} is no image decoder")
        if one.samples > 1 and run.encoders is None:
            raise ValueError(f"generators.{name}.samples: only encoders can choose among them")
    for name, coarse in run.low_level.items():
        space = spaces.get(coarse.decoded)
        if space is None or run.features[space].kind not in ("visual", "latents"):
            raise ValueError(
                f"low_level.{name}.decoded {coarse.decoded!r} decodes no features of kind "
                f"visual or latents; methods decode {spaces}"
            )
    every = run.image_methods
    if unknown := sorted({*run.report.show} - {*every}):
        raise ValueError(f"report.show names {unknown[0]!r}, which makes no images")
    if twice := sorted({name for name in every if every.count(name) > 1}):
        raise ValueError(f"{twice[0]!r} names two methods that make images")


def animators_have_flow(run: RunConfig) -> None:
    if run.motion is not None and run.dataset.name != "simulated":
        raise ValueError("motion needs responses to movies, which `simulated` has")
    flows = {TRUE, *(run.motion.decoders if run.motion else {})}
    for name, one in run.animators.items():
        asked = {
            "flow": (getattr(one, "flow", TRUE), flows),
            "first": (one.first, {TRUE, *run.image_methods}),
            "tokens": (getattr(one, "tokens", None), {None, *run.vector_methods}),
        }
        if run.motion is None:
            raise ValueError(f"animators.{name} needs the section motion")
        for key, (found, known) in asked.items():
            if found not in known:
                raise ValueError(f"animators.{name}.{key} names {found!r}, which nothing makes")
        if name in run.motion.decoders:
            raise ValueError(f"{name!r} names both a flow decoder and an animator")


def objects_have_conditions(run: RunConfig) -> None:
    if run.objects is None:
        return
    if run.dataset.name != "simulated":
        raise ValueError("objects needs meshes of the stimuli, which `simulated` has")
    space = run.objects.space
    decoding = {n for n, found in run.decoded_spaces.items() if found == space}
    known = {"vectors": decoding, "images": {*run.image_methods}}
    for key, names in known.items():
        for name in getattr(run.objects, key):
            if name not in names:
                raise ValueError(
                    f"objects.methods names {name!r}; these decode {key} in the space "
                    f"{space!r}: {sorted(names)}"
                )
    if space not in run.features:
        raise ValueError(f"objects.space names {space!r}; features has {sorted(run.features)}")
    if run.objects.seen_images and space not in run.evaluate.features:
        raise ValueError(f"objects: image-only needs {space!r} under evaluate.features")


CHECKS = (
    names_exist,
    bold_is_split_once,
    compared_methods_exist,
    nsd_is_split_once,
    prompts_can_be_read,
    some_subjects_train,
    interaction_has_clusters,
    few_trials_stand_beside_ridge,
    joint_has_a_model,
    generators_have_tokens,
    animators_have_flow,
    objects_have_conditions,
)
