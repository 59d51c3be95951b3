"""Grids of many meshes, made in several processes."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from brainvis.containers import Stimuli
from brainvis.errors import BrainvisError
from brainvis.objects3d.mesh import ColoredMesh, normalised, read_mesh
from brainvis.objects3d.voxels import Voxels, voxelised


@dataclass(frozen=True)
class Grids:
    """Grids of n shapes; see `brainvis.objects3d.voxels.Voxels`."""

    solid: np.ndarray
    color: np.ndarray
    near: np.ndarray


def azimuths(source: Stimuli) -> np.ndarray:
    """Azimuth of the camera of each stimulus, degrees; 0 where the table has none."""
    if "camera_azimuth" not in source.table:
        return np.zeros(len(source.ids))
    return source.table["camera_azimuth"].to_numpy(float)


def shape_of(meshes: Path, stimulus_id: str, azimuth: float) -> ColoredMesh:
    """The normalised mesh of one stimulus.

    Raises
    ------
    BrainvisError
        Missing or unusable mesh file.
    """
    path = meshes / f"{stimulus_id}.ply"
    if not path.is_file():
        raise BrainvisError(
            "no such mesh", file=path, remedy="give the folder made with the same stimuli"
        )
    return normalised(read_mesh(path), azimuth)


def _grid(job: tuple[Path, str, float]) -> Voxels:
    return voxelised(shape_of(*job))


def grids(meshes: Path, source: Stimuli, workers: int) -> Grids:
    """Grids of the mesh of every stimulus, in their order.

    Parameters
    ----------
    meshes : Path
        Folder of ``<stimulus_id>.ply`` in world coordinates.
    source : Stimuli
    workers : int
        Processes; the result does not depend on it.

    Raises
    ------
    BrainvisError
        Missing or unusable mesh file.
    """
    jobs = [
        (meshes, str(one), float(azimuth))
        for one, azimuth in zip(source.ids, azimuths(source), strict=True)
    ]
    bar = {"desc": "voxels", "total": len(jobs), "disable": None}
    if workers == 1:
        made = [_grid(job) for job in tqdm(jobs, **bar)]
    else:
        # forked children of a threaded parent can hang; fresh ones cannot
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            made = list(tqdm(pool.map(_grid, jobs, chunksize=8), **bar))
    return Grids(*(np.stack([getattr(one, k) for one in made]) for k in ("solid", "color", "near")))
