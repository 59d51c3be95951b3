"""Conditions of objects: vectors and colours of stimuli, decoded or true, from their files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from brainvis.containers import Features, Reconstructions, Stimuli, row_numbers
from brainvis.errors import BrainvisError
from brainvis.features.pixels import Pixels
from brainvis.objects3d.base import ObjectGenerator


@dataclass(frozen=True)
class Sources:
    """Opened files of one subject and split, by the name of the method that made each.

    Attributes
    ----------
    stimuli : Stimuli
    true : Features
        Of all stimuli, in the generator's space.
    vectors : dict of str to Features
        Decoded from responses.
    images : dict of str to Reconstructions
    image_vectors : dict of str to Features
        Of decoded images.
    """

    stimuli: Stimuli
    true: Features
    vectors: dict[str, Features] = field(default_factory=dict)
    images: dict[str, Reconstructions] = field(default_factory=dict)
    image_vectors: dict[str, Features] = field(default_factory=dict)

    @classmethod
    def open(
        cls,
        stimuli: Path,
        true: Path,
        vectors: Sequence[Path] = (),
        images: Sequence[Path] = (),
        image_vectors: Sequence[Path] = (),
    ) -> Sources:
        """Open the files; each names its method itself.

        Raises
        ------
        BrainvisError
            Files of other subjects or splits beside each other.
        """
        decoded = [*map(Features.open, vectors)]
        made = [*map(Reconstructions.open, images)]
        seen = [*map(Features.open, image_vectors)]
        every = [*decoded, *made, *seen]
        cases = {(one.attributes.get("subject"), one.attributes.get("split")) for one in every}
        if len(cases) > 1:
            raise BrainvisError(
                "belong to several subjects or splits", file=every[0].path.parent, field="subject",
                found=sorted(map(str, cases)),
            )  # fmt: skip
        return cls(
            Stimuli.open(stimuli),
            Features.open(true),
            {_method(one): one for one in decoded},
            {_method(one): one for one in made},
            {_method(one): one for one in seen},
        )


def _method(file: Features | Reconstructions) -> str:
    return str(file.attributes["method"])


def picked(files: dict, name: str, what: str):
    """The file of a method.

    Raises
    ------
    BrainvisError
        There is none.
    """
    if name not in files:
        raise BrainvisError(f"no {what} of that method", field=name, found=sorted(files))
    return files[name]


def condition(features: Features, ids: np.ndarray, generator: ObjectGenerator) -> np.ndarray:
    """Pooled vectors (n, width), or tokens of the last layer (n, tokens, width), as it takes."""
    if features.space != generator.space:
        raise BrainvisError(
            f"the generator takes the space {generator.space!r}", file=features.path,
            field="space", found=features.space,
        )  # fmt: skip
    if generator.tokens == 1:
        return features.pooled(ids)
    tokens = features.tokens(ids).astype(np.float32)
    return tokens[:, -1] if tokens.ndim == 4 else tokens


def colors(images: np.ndarray, generator: ObjectGenerator) -> np.ndarray | None:
    """Mean colours of a grid of cells (n, 3 * cells), None for generators that take none.

    Parameters
    ----------
    images : ndarray, (n, height, width, 3)
        float32 in [0, 1].
    generator : ObjectGenerator
    """
    width = getattr(generator, "appearance_width", 0)
    if not width:
        return None
    return Pixels(round((width / 3) ** 0.5)).extract(images)[0]


def decoded_images(made: Reconstructions, ids: np.ndarray) -> np.ndarray:
    """Decoded images of stimuli, (n, height, width, 3) float32 in [0, 1]."""
    return made.images(row_numbers(made.ids, ids, made.path))


def seeds_of(stimuli: Stimuli, ids: np.ndarray, seed: int) -> np.ndarray:
    """Seed of the noise of each stimulus, whatever stands beside it, (n,) int."""
    drawn = np.random.default_rng([seed, 307]).integers(2**31, size=len(stimuli.ids))
    return drawn[stimuli.rows(ids)]
