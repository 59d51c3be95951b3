"""Write a world of simulated stimuli: images, clips, exact flow, masks, meshes, attributes.

Columns of the table, all a function of the scene and its rendering, none of a neural network:

- stimulus_id, category, supercategory, caption, color, texture, background, motion,
  camera_motion: text
- object_red, object_green, object_blue: mean surface colour of the object, sRGB in [0, 1]
- elongation, flatness: from the standard deviations along the object's principal axes
- compactness: sphericity of the convex hull, 1 for a ball; curvature: mean curvature of smooth
  surface times the object's radius; rectilinearity: share of the surface that faces along the
  object's own axes
- number_of_parts: painted solids that make up the object
- size: share of the image that the object covers; x, y: its centre in the image, -1 to 1, y up
- background_red, background_green, background_blue: mean of the image outside the object
- luminance, contrast: mean and standard deviation of the image; openness: share of backdrop
- yaw: turn of the object away from the viewer, degrees
- animate, edible, natural, indoor: 0 or 1
- velocity_x, velocity_y (y down), speed: mean flow of the object and its mean length, in pixels per
  frame, over the clip (of a still image: over the step that would follow); expansion: relative
  growth per frame; background_velocity_x, background_velocity_y, background_speed: the same outside
- spin: turning of the object, degrees per second
- camera_azimuth, camera_elevation (degrees), camera_distance; camera_pan, camera_tilt (degrees per
  second), camera_zoom (per second), camera_truck (units per second)
- light_azimuth (from the camera), light_elevation (degrees), light_intensity, light_warmth (-1
  to 1)
"""

from __future__ import annotations

from pathlib import Path

import h5py
import pandas as pd
from tqdm import tqdm

from brainvis.artifacts import hdf5
from brainvis.errors import BrainvisError
from brainvis.stimuli.produce import Task, produce
from brainvis.stimuli.scene import sample_scene

DATASET = "simulated_world"


def _check(**settings: int) -> None:
    limits = {
        "count": (1, 1_000_000),
        "size": (16, 1024),
        "frames": (2, 1024),
        "fps": (1, 240),
        "workers": (1, 1024),
    }
    for name, value in settings.items():
        low, high = limits[name]
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise BrainvisError(
                f"must be a whole number from {low} to {high}", field=name, found=value
            )


def _datasets(
    file: h5py.File, count: int, size: int, frames: int, clips: bool
) -> dict[str, h5py.Dataset]:
    """Empty datasets to be filled stimulus by stimulus, one chunk each."""
    image = (size, size, 3)
    layout: dict[str, tuple[tuple[int, ...], str]] = {"images": (image, "u1")}
    if clips:
        layout["clips"] = (frames, *image), "u1"
        layout["flow"] = (frames - 1, size, size, 2), "f2"
        layout["mask"] = (frames, size, size), "?"
    return {
        name: hdf5.dataset(file, name, (count, *shape), kind, compress=True, chunks=(1, *shape))
        for name, (shape, kind) in layout.items()
    }


def write_world(
    path: Path,
    *,
    count: int = 1200,
    seed: int = 0,
    size: int = 64,
    frames: int = 16,
    fps: int = 8,
    clips: bool = True,
    namespace: str = "world",
    workers: int = 2,
    meshes: Path | None = None,
) -> None:
    """Render a simulated world into a `brainvis.containers.Stimuli` file.

    Parameters
    ----------
    path : Path
        HDF5 file to write.
    count : int
        Number of stimuli; stimulus i is the same whatever the count.
    seed : int
        Of the world.
    size : int
        Image side in pixels.
    frames, fps : int
        Frames of a clip and frames per second.
    clips : bool
        Whether to write clips, flow and masks beside the images.
    namespace : str
        Prefix of the identifiers; worlds of different namespaces share no stimulus.
    workers : int
        Processes; the result does not depend on it.
    meshes : Path, optional
        Folder for one coloured mesh per stimulus, ``<stimulus_id>.ply``, in world coordinates at
        the first frame.

    Raises
    ------
    BrainvisError
        A setting outside its range.
    """
    _check(count=count, size=size, frames=frames, fps=fps, workers=workers)
    sample_scene(seed, namespace, 0)
    if meshes is not None:
        meshes.mkdir(parents=True, exist_ok=True)
    shown = frames if clips else 1
    tasks = [Task(seed, namespace, i, size, shown, fps, meshes) for i in range(count)]
    settings = {"schema": "stimuli", "dataset": DATASET, "kind": "simulated", "fps": fps,
                "seed": seed, "namespace": namespace}  # fmt: skip
    rows = []
    with hdf5.create(path, settings) as file:
        filled = _datasets(file, count, size, frames, clips)
        results = tqdm(produce(tasks, workers), desc="stimuli", total=count, disable=None)
        for i, (row, clip, flow, mask) in enumerate(results):
            rows.append(row)
            filled["images"][i] = clip[0]
            if clips:
                filled["clips"][i], filled["flow"][i], filled["mask"][i] = clip, flow, mask
        hdf5.put_table(file, "table", pd.DataFrame(rows))
