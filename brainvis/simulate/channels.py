"""What the simulated brain sees: the channels of every stimulus, computed once for all subjects."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from brainvis.artifacts import hdf5
from brainvis.containers import Stimuli, read_rows
from brainvis.simulate import energy, semantics, shape

_BATCH = 64
_ARRAYS = ("ids", "names", "gabor", "opponent", "motion", "shape", "semantic")
_POSITION = ("direction", "cycles", "hertz", "x", "y")


@dataclass(frozen=True)
class Channels:
    """Channels of n stimuli.

    - `gabor` (n, 18, 16, 16), `opponent` (n, 6, 16, 16): see `brainvis.simulate.energy`
    - `motion` (n, filters); `filters`: direction, cycles, hertz, x, y of each, (filters,)
    - `shape` (n, 49): see `brainvis.simulate.shape`
    - `semantic` (n, d) with `names`: see `brainvis.simulate.semantics`
    - `ids` (n,) stimulus identifiers
    """

    ids: np.ndarray
    gabor: np.ndarray
    opponent: np.ndarray
    motion: np.ndarray
    filters: dict[str, np.ndarray]
    shape: np.ndarray
    semantic: np.ndarray
    names: list[str]


def stimulus_channels(stimuli: Stimuli) -> Channels:
    """Compute the channels of all stimuli, batch by batch.

    Silhouettes come from ``/mask`` (first frame) where the file has it, otherwise from the images.
    """
    with hdf5.opened(stimuli.path, schema="stimuli") as file:
        held = set(file.keys())
    frames = stimuli.read("clips", slice(0, 1)).shape[1] if "clips" in held else 0
    fps = int(np.asarray(stimuli.attributes.get("fps", 8)))
    filters = energy.motion_filters(frames or 16, fps)
    parts: dict[str, list[np.ndarray]] = {k: [] for k in ("gabor", "opponent", "motion", "shape")}
    rows = np.arange(len(stimuli.table))
    for start in tqdm(range(0, len(rows), _BATCH), disable=None, desc="stimulus channels"):
        batch = slice(start, start + _BATCH)
        images = stimuli.images(batch)
        parts["gabor"].append(energy.gabor_energy(images))
        parts["opponent"].append(energy.opponent_maps(images))
        masks = stimuli.read("mask", batch)[:, 0] if "mask" in held else shape.silhouettes(images)
        parts["shape"].append(shape.shape_descriptors(masks.astype(bool)))
        clips = _clips(stimuli, batch, images, frames)
        parts["motion"].append(energy.motion_energy(clips, filters))
    semantic, names = semantics.semantic_features(stimuli.table)
    arrays = {key: np.concatenate(value) for key, value in parts.items()}
    given = {key: getattr(filters, key) for key in _POSITION}
    return Channels(stimuli.ids, semantic=semantic, names=names, filters=given, **arrays)


def _clips(stimuli: Stimuli, batch: slice, images: np.ndarray, frames: int) -> np.ndarray:
    """Clips as float32 in [0, 1]; a still image stands for itself where there are none."""
    if frames:
        return stimuli.read("clips", batch).astype(np.float32) / 255.0
    return np.broadcast_to(images[:, None], (len(images), 16, *images.shape[1:]))


def write_channels(stimuli: Path, out: Path) -> None:
    """Compute the channels of a `Stimuli` file once, for `simulate_subject` to share.

    Parameters
    ----------
    stimuli : Path
        `Stimuli` HDF5 with images and, for motion, clips.
    out : Path
        HDF5 to write (schema "channels").
    """
    source = Stimuli.open(stimuli)
    channels = stimulus_channels(source)
    attributes = {"schema": "channels", "kind": source.kind}
    with hdf5.create(out, attributes) as file:
        for name in _ARRAYS:
            hdf5.put(file, name, np.asarray(getattr(channels, name)))
        filters = file.create_group("filters")
        for name, values in channels.filters.items():
            hdf5.put(filters, name, values)


def read_channels(path: Path) -> Channels:
    """Read what `write_channels` wrote."""
    ids, names, gabor, opponent, motion, shapes, semantic, *filters = (
        read_rows(path, name, slice(None), schema="channels")
        for name in (*_ARRAYS, *(f"filters/{name}" for name in _POSITION))
    )
    return Channels(
        np.char.decode(ids, "utf-8"),
        gabor,
        opponent,
        motion,
        dict(zip(_POSITION, filters, strict=True)),
        shapes,
        semantic,
        np.char.decode(names, "utf-8").tolist(),
    )
