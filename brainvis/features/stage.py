"""Stage: Stimuli or Reconstructions in, Features out, batch by batch."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
from tqdm import tqdm

from brainvis.artifacts import hdf5
from brainvis.containers import Reconstructions, Stimuli
from brainvis.errors import BrainvisError
from brainvis.features.base import FeatureExtractor
from brainvis.features.registry import make_extractor

_KEPT = ("dataset", "kind", "subject", "split", "method")


def write_features(
    stimuli: Path,
    out: Path,
    *,
    space: str,
    kind: str,
    batch: int = 64,
    seed: int = 0,
    **settings,
) -> None:
    """Features of every stimulus of a `Stimuli` file.

    Parameters
    ----------
    stimuli, out : Path
        `Stimuli` to read and `Features` to write.
    space : str
        Name of the feature space.
    kind : str
        Kind of extractor; see `brainvis.features.registry`.
    batch : int
        Stimuli held in memory at a time; shapes no number.
    seed : int
        Recorded; no extractor draws at random.
    **settings
        Of the extractor. Motion energy takes `fps` from the file where it is not given.

    Raises
    ------
    BrainvisError
        Unreadable stimuli, unusable checkpoint or setting, or clips that the file lacks.
    """
    source = Stimuli.open(stimuli)
    if kind == "motion-energy" and "fps" in source.attributes:
        settings = {"fps": int(np.asarray(source.attributes["fps"])), **settings}
    extractor = make_extractor(kind, **settings)

    def read(rows: slice) -> np.ndarray:
        return source.read(extractor.source, rows).astype(np.float32) / 255.0

    described = _described(source.attributes, space, kind, settings, seed)
    _write(out, source.ids, read, extractor, batch, described)


def write_image_features(
    reconstructions: Path,
    out: Path,
    *,
    space: str,
    kind: str,
    batch: int = 64,
    seed: int = 0,
    **settings,
) -> None:
    """Features of reconstructed images, by the same path as those of the stimuli.

    Images are brought to the extractor's input size, which the attribute ``input_size`` states.
    Parameters are those of `write_features`, with `reconstructions` a `Reconstructions` file.

    Raises
    ------
    BrainvisError
        As `write_features`; and for a kind that needs clips.
    """
    source = Reconstructions.open(reconstructions)
    extractor = make_extractor(kind, **settings)
    if extractor.source != "images":
        raise BrainvisError(
            f"holds images, and {kind!r} features need clips", file=reconstructions, field="kind"
        )
    described = _described(source.attributes, space, kind, settings, seed)
    _write(out, source.ids, source.images, extractor, batch, described)


def _described(
    attributes: dict[str, object], space: str, kind: str, settings: dict, seed: int
) -> dict[str, object]:
    """Attributes of the result; paths among the settings by name alone."""
    plain = {k: Path(v).name if k == "folder" else v for k, v in settings.items()}
    return {
        **{name: attributes[name] for name in _KEPT if name in attributes},
        "space": space,
        "extractor": kind,
        "settings": json.dumps(plain, sort_keys=True),
        "seed": seed,
    }


def _slices(count: int, batch: int) -> Iterator[slice]:
    return (slice(start, min(start + batch, count)) for start in range(0, count, batch))


def _write(
    out: Path,
    ids: np.ndarray,
    read: Callable[[slice], np.ndarray],
    extractor: FeatureExtractor,
    batch: int,
    described: dict[str, object],
) -> None:
    if batch < 1 or not len(ids):
        raise BrainvisError(
            "needs at least one stimulus and a batch of at least one",
            file=out,
            found=f"{len(ids)} stimuli, batch {batch}",
        )
    described |= {"model": extractor.name, "source": extractor.source}
    attributes = {"schema": "features", **described, "input_size": extractor.size}
    bar = tqdm(total=len(ids), desc=f"features {described['space']}", disable=None)
    with hdf5.create(out, attributes) as file, bar:
        hdf5.put(file, "ids", np.asarray(ids, dtype=str))
        for rows in _slices(len(ids), batch):
            pooled, tokens = extractor.extract(read(rows))
            _put_rows(file, "pooled", pooled.astype(np.float32), rows, len(ids))
            if tokens is not None:
                _put_rows(file, "tokens", tokens.astype(np.float16), rows, len(ids))
            bar.update(rows.stop - rows.start)


def _put_rows(file: h5py.File, name: str, values: np.ndarray, rows: slice, count: int) -> None:
    if name not in file:
        hdf5.dataset(file, name, (count, *values.shape[1:]), values.dtype)
    hdf5.at(file, name)[rows] = values
