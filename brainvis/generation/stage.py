"""Images from decoded tokens by a diffusion model, file to file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from brainvis.containers import Features, Reconstructions, read_rows, row_numbers
from brainvis.datasets.splits import Fold
from brainvis.errors import BrainvisError
from brainvis.generation.base import ImageGenerator
from brainvis.generation.batches import batches, fold_numbers, image_seeds, kept_attributes, written
from brainvis.generation.card import check_sampling
from brainvis.generation.registry import open_generator


def generate_images(
    tokens: Path,
    generator: Path,
    split: Sequence[Fold],
    out: Path,
    *,
    start: Path | None = None,
    name: str | None = None,
    strength: float | None = None,
    steps: int | None = None,
    guidance: float | None = None,
    sample: int = 0,
    batch: int = 16,
    seed: int = 0,
    device: str = "auto",
) -> None:
    """Generate an image for every decoded condition and write a `Reconstructions` file.

    Parameters
    ----------
    tokens : Path
        `Features` file of decoded conditions: ``/tokens`` (n, tokens, width), or ``/pooled`` for
        a generator that takes one token.
    generator : Path
        Checkpoint folder; see `registry.open_generator`.
    split : sequence of Fold
        The split that the conditions were decoded by; every one must be of a test stimulus.
    out : Path
        File to write. Attributes method, subject, split, dataset and kind come from `tokens`.
    start : Path, optional
        `Reconstructions` of the low-level branch, where denoising starts; noise otherwise.
    name : str, optional
        What the file calls the method.
    strength, steps, guidance : optional
        Instead of what the generator's folder says.
    sample : int
        Which of several samples of each stimulus; each is a file of its own.
    batch : int
        Images at a time; does not change them.
    seed : int
        With `sample` and the stimulus, draws the noise.
    device : str
        "auto" takes the GPU where there is one.

    Raises
    ------
    BrainvisError
        Files that do not belong together, stimuli that are no test stimuli, an unusable
        generator or setting, want of memory.
    """
    decoded = Features.open(tokens)
    folds = fold_numbers(decoded.ids, split, tokens)
    _check_counts(batch=(batch, 1), sample=(sample, 0))
    coarse = None if start is None else _Start.of(start, decoded)
    made_by = open_generator(generator, steps=steps, guidance=guidance, device=device)
    if decoded.space != made_by.space:
        raise BrainvisError(
            f"holds another feature space than the generator {generator} takes, {made_by.space!r}",
            file=tokens,
            field="space",
            found=repr(decoded.space),
            remedy="decode that space, or name it in the generator's generator.json",
        )
    strength = made_by.strength if strength is None else strength
    check_sampling(made_by.steps, strength, made_by.guidance)
    attributes = kept_attributes(decoded.attributes, name) | {
        "generator": made_by.name,
        "start": "" if coarse is None else coarse.method,
        "strength": strength,
        "steps": made_by.steps,
        "guidance": made_by.guidance,
        "sample": sample,
        "seed": seed,
    }
    seeds = image_seeds(decoded.ids, seed, sample)
    with written(out, decoded.ids, folds, made_by.size, attributes) as images:
        for rows in batches(len(decoded.ids), batch, "generate images"):
            images[rows] = made_by.generate(
                _condition(tokens, rows, made_by),
                None if coarse is None else coarse.images(rows),
                strength=strength,
                seeds=seeds[rows],
            )


@dataclass(frozen=True)
class _Start:
    """Rows of a `Reconstructions` file in the order of decoded stimuli."""

    path: Path
    rows: np.ndarray
    method: str

    @classmethod
    def of(cls, path: Path, decoded: Features) -> _Start:
        coarse = Reconstructions.open(path)
        for key in ("subject", "split", "dataset"):
            mine, theirs = (str(one.attributes.get(key, "")) for one in (decoded, coarse))
            if mine != theirs:
                raise BrainvisError(
                    f"belongs to another {key} than {decoded.path}, {mine!r}",
                    file=path,
                    field=key,
                    found=repr(theirs),
                )
        rows = row_numbers(coarse.ids, decoded.ids, path)
        return cls(path, rows, str(coarse.attributes.get("method", "")))

    def images(self, rows: slice) -> np.ndarray:
        return read_rows(self.path, "images", self.rows[rows], schema="reconstructions")


def _condition(tokens: Path, rows: slice, generator: ImageGenerator) -> np.ndarray:
    """Condition of a batch, (b, tokens, width)."""
    if generator.tokens == 1:
        return read_rows(tokens, "pooled", rows, schema="features")[:, None]
    return read_rows(tokens, "tokens", rows, schema="features").astype(np.float32)


def _check_counts(**counts: tuple[int, int]) -> None:
    for name, (value, least) in counts.items():
        if value < least:
            raise BrainvisError(
                "is out of range", field=name, found=value, remedy=f"at least {least}"
            )
