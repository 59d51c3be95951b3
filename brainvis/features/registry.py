"""Feature extractors by the names that configurations use."""

from __future__ import annotations

import inspect

from brainvis.errors import BrainvisError
from brainvis.features.base import FeatureExtractor

KINDS = ("pixels", "gabor", "motion-energy", "open-clip", "transformers", "visual", "latents")


def _extractor_class(kind: str) -> type:
    match kind:
        case "pixels":
            from brainvis.features.pixels import Pixels as Chosen
        case "gabor":
            from brainvis.features.gabor import GaborEnergy as Chosen
        case "motion-energy":
            from brainvis.features.motion_energy import MotionEnergy as Chosen
        case "open-clip":
            from brainvis.features.open_clip_model import OpenClip as Chosen
        case "transformers":
            from brainvis.features.transformers_model import TransformersVision as Chosen
        case "visual":
            from brainvis.features.visual import Visual as Chosen
        case "latents":
            from brainvis.features.latents import Latents as Chosen
        case _:
            raise BrainvisError(
                "no such kind of features", field="kind", found=kind, remedy=f"allowed: {KINDS}"
            )
    return Chosen


def make_extractor(kind: str, **settings) -> FeatureExtractor:
    """Build a feature extractor.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    **settings
        Passed to the extractor; see its class.

    Raises
    ------
    BrainvisError
        Unknown kind, unknown or missing setting, or what the extractor itself refuses.
    """
    chosen = _extractor_class(kind)
    known = inspect.signature(chosen).parameters
    unknown = sorted(set(settings) - set(known))
    required = [name for name, one in known.items() if one.default is one.empty]
    missing = sorted(set(required) - set(settings))
    if unknown or missing:
        raise BrainvisError(
            f"{'unknown' if unknown else 'missing'} setting of {kind!r} features",
            field=(unknown or missing)[0],
            remedy=f"settings: {', '.join(known)}",
        )
    return chosen(**settings)
