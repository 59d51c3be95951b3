"""The shapes that stimuli really show, and their latents."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from tqdm import tqdm

from brainvis.containers import Stimuli, write_features
from brainvis.errors import BrainvisError
from brainvis.objects3d.mesh import ColoredMesh, normalised, read_mesh
from brainvis.objects3d.voxels import Voxels, voxelised

Made = TypeVar("Made")
SPACE = "shape"
_BATCH = 64


def azimuths(source: Stimuli) -> np.ndarray:
    """Azimuth of the camera of each stimulus, degrees; 0 where the table has none."""
    if "camera_azimuth" not in source.table:
        return np.zeros(len(source.ids))
    return source.table["camera_azimuth"].to_numpy(float)


def true_shape(meshes: Path, stimulus_id: str, azimuth: float) -> ColoredMesh:
    """The normalised mesh of one stimulus.

    Parameters
    ----------
    meshes : Path
        Folder of ``<stimulus_id>.ply`` in world coordinates.
    stimulus_id : str
    azimuth : float
        Of its camera, see `brainvis.objects3d.mesh`.

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


def true_voxels(meshes: Path, source: Stimuli, workers: int) -> list[Voxels]:
    """Grids of the shape of every stimulus, in their order.

    Parameters
    ----------
    meshes : Path
    source : Stimuli
    workers : int
        Processes; the result does not depend on it.

    Raises
    ------
    BrainvisError
        Missing or unusable mesh file.
    """
    pairs = zip(source.ids, azimuths(source), strict=True)
    return _mapped(_voxels, [(meshes, str(one), float(turn)) for one, turn in pairs], workers)


def _voxels(job: tuple[Path, str, float]) -> Voxels:
    return voxelised(true_shape(*job))


def _mapped(work: Callable[[Any], Made], jobs: list, workers: int) -> list[Made]:
    """Results in order, computed in several processes."""
    bar: dict[str, Any] = {"desc": "voxels", "total": len(jobs), "disable": None}
    if workers == 1:
        return [work(job) for job in tqdm(jobs, **bar)]
    # forked children of a threaded parent can hang; fresh ones cannot
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        return list(tqdm(pool.map(work, jobs, chunksize=8), **bar))


def write_latents(
    out: Path, stimuli: Path, meshes: Path, folder: Path, *, workers: int = 2
) -> None:
    """Write the shape latent of every stimulus as a `Features` file of the space "shape".

    Parameters
    ----------
    out : Path
    stimuli, meshes : Path
        Stimuli file, and the folder of its meshes.
    folder : Path
        Of the shape prior.
    workers : int

    Raises
    ------
    BrainvisError
        Missing or unusable meshes, or a folder that is no shape prior.
    """
    from brainvis.objects3d.shape_prior import ShapePrior

    source, prior = Stimuli.open(stimuli), ShapePrior(folder)
    grids = true_voxels(meshes, source, workers)
    parts = [prior.encode_voxels(grids[at : at + _BATCH]) for at in range(0, len(grids), _BATCH)]
    write_features(
        out, source.ids, np.concatenate(parts), space=SPACE, model=prior.name, kind=source.kind
    )
