"""fMRI-Shape and fMRI-3D: cortical flat maps of people who saw turning 3D objects.

Gao et al. (arXiv 2312.07485, 2409.11315). The layout of the public code and data::

    cmask.npy                        mask of visual cortex in the maps, (height, width), 0 or 1
    dataset/train_list.txt           one line an object, <synset>/<uid>.npy
    dataset/test_list.txt
    dataset/sub-<subject>/<synset>/<uid>.npy    maps of that object, (frames, height, width)
    meshes/<synset>/<uid>.obj        ShapeNet meshes, obtained from ShapeNet (.ply, .glb as well)

A tree without list files, with maps and meshes side by side, is read too: as objects of an unknown
category. The published maps come normalised; how is not part of the files (the public script takes
one run's mean for all runs), so each frame is brought to its own mean and deviation over the mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from brainvis.containers import MEASURED, write_responses
from brainvis.datasets import splits as split_files
from brainvis.datasets.splits import Fold
from brainvis.errors import BrainvisError
from brainvis.objects3d.files import write_objects
from brainvis.objects3d.mesh import ColoredMesh, normalised, read_mesh

NAME = "fmri_shape"
MASK, LISTS = "cmask.npy", ("train", "test")
FRAMES = 10  # volumes of an object in the published maps
OBTAIN = (
    "get the maps from the Fudan-fMRI/fMRI-Shape data set, cmask.npy and the lists from the "
    "JianxGao/MinD-3D repository, and meshes from ShapeNet"
)
CATEGORIES = {  # WordNet offsets of ShapeNet (Chang et al. 2015)
    "02691156": "airplane", "02828884": "bench", "02933112": "cabinet", "02958343": "car",
    "03001627": "chair", "03211117": "display", "03636649": "lamp", "03691459": "loudspeaker",
    "04090263": "rifle", "04256520": "sofa", "04379243": "table", "04401088": "telephone",
    "04530566": "watercraft",
}  # fmt: skip
_MESHES = (".obj", ".ply", ".glb")


@dataclass(frozen=True)
class ShownObject:
    """One object: its identifier, category, split ("" where unknown) and files."""

    uid: str
    category: str
    split: str
    maps: Path
    mesh: Path | None


def shown_objects(folder: Path, subject: str = "0001") -> list[ShownObject]:
    """Objects of one subject, in the order of the lists (or by name where there are none).

    Raises
    ------
    BrainvisError
        No maps at all, a listed file that is absent, a list line that leaves the folder, an object
        listed twice.
    """
    lists = {name: folder / "dataset" / f"{name}_list.txt" for name in LISTS}
    if not any(path.is_file() for path in lists.values()):
        return _unlisted(folder)
    found, known = [], set()
    for split, path in lists.items():
        for line in path.read_text().split() if path.is_file() else []:
            synset, uid = _entry(line, path)
            if uid in known:
                raise BrainvisError("lists an object twice", file=path, field="uid", found=uid)
            known.add(uid)
            maps = folder / "dataset" / f"sub-{subject}" / synset / f"{uid}.npy"
            if not maps.is_file():
                raise BrainvisError(
                    "no such file", file=maps, found=f"{line} in {path.name}", remedy=OBTAIN
                )
            category = CATEGORIES.get(synset, synset)
            mesh = _mesh_of(folder / "meshes" / synset, uid)
            found.append(ShownObject(uid, category, split, maps, mesh))
    return found


def _entry(line: str, path: Path) -> tuple[str, str]:
    parts = Path(line).with_suffix("").parts
    if len(parts) != 2 or not all(part.replace("-", "").isalnum() for part in parts):
        raise BrainvisError(
            "holds a line that is not <synset>/<uid>.npy", file=path, found=repr(line[:80])
        )
    return parts[0], parts[1]


def _unlisted(folder: Path) -> list[ShownObject]:
    paths = [path for path in sorted(folder.glob("*.npy")) if path.name != MASK]
    if not paths:
        raise BrainvisError("holds no maps and no list of them", file=folder, remedy=OBTAIN)
    return [ShownObject(p.stem, "unknown", "", p, _mesh_of(folder, p.stem)) for p in paths]


def _mesh_of(folder: Path, uid: str) -> Path | None:
    paths = (folder / f"{uid}{suffix}" for suffix in _MESHES)
    return next((path for path in paths if path.is_file()), None)


def read_mask(path: Path) -> np.ndarray:
    """Mask of visual cortex in the maps, (height, width) bool.

    Raises
    ------
    BrainvisError
        Absent or unreadable, not a picture of 0 and 1, or empty.
    """
    mask = _load(path)
    if mask.ndim != 2 or not np.isin(mask, (0, 1)).all() or not mask.any():
        raise BrainvisError(
            "needs a picture of 0 and 1, with some 1", file=path, found=f"shape {mask.shape}"
        )
    return mask.astype(bool)


def read_maps(path: Path, mask: np.ndarray, frames: int = FRAMES) -> np.ndarray:
    """Values of an object's maps inside the mask.

    Parameters
    ----------
    path : Path
    mask : ndarray, (height, width) bool
    frames : int
        Maps that the file must hold.

    Returns
    -------
    ndarray, (frames, voxels) float32

    Raises
    ------
    BrainvisError
        Absent or unreadable, missing frames, maps of another shape than the mask, values inside
        the mask that are not finite, a constant map.
    """
    maps = _load(path)
    if maps.ndim != 3 or maps.shape[1:] != mask.shape:
        raise BrainvisError(
            f"does not fit the mask of {mask.shape}", file=path, field="maps", found=maps.shape
        )
    if len(maps) != frames:
        raise BrainvisError(
            f"needs {frames} frames", file=path, field="maps", found=f"{len(maps)} frames",
            remedy="obtain the file again, or say how many frames the data set has",
        )  # fmt: skip
    values = maps[:, mask].astype(np.float32)
    bad = ~np.isfinite(values)
    if bad.any():
        raise BrainvisError(
            "values inside the mask are not finite", file=path, field="maps",
            found=f"{int(bad.sum())} in frames {np.flatnonzero(bad.any(axis=1)).tolist()}",
        )  # fmt: skip
    if (np.ptp(values, axis=1) == 0).any():
        raise BrainvisError("has a constant frame", file=path, field="maps", found="no signal")
    return values


def _load(path: Path) -> np.ndarray:
    if not path.is_file():
        raise BrainvisError("no such file", file=path, remedy=OBTAIN)
    try:
        found = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise BrainvisError("cannot be read as an array", file=path, found=error) from error
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "fiub":
        raise BrainvisError("is not an array of numbers", file=path, found=type(found).__name__)
    return found


def standardised(frames: np.ndarray) -> np.ndarray:
    """Frames with mean 0 and deviation 1 over the mask, each on its own, (frames, voxels)."""
    centred = frames - frames.mean(axis=1, keepdims=True)
    return centred / centred.std(axis=1, keepdims=True)


def import_fmri_shape(
    folder: Path,
    responses: Path,
    objects: Path,
    splits: Path | None = None,
    *,
    subject: str = "0001",
    frames: int = FRAMES,
    chosen: Sequence[int] = (2, 3, 4, 5, 6, 7),
) -> None:
    """Bring a subject's maps and the objects' meshes into brainvis files.

    Parameters
    ----------
    folder : Path
        See the module.
    responses : Path
        `Responses` file to write: one trial per object, the mean of the chosen frames; a voxel is
        a pixel of the map inside the mask (i, j its row and column, k 0).
    objects : Path
        Objects file to write with the true meshes, normalised (method "true").
    splits : Path, optional
        Splits file to write, with the published split as "published".
    subject : str
        Label in the folder's names.
    frames : int
        Maps of an object.
    chosen : sequence of int
        Frames that are averaged; by default those that the authors test with.

    Raises
    ------
    BrainvisError
        See `shown_objects`, `read_mask`, `read_maps`; an object without a mesh; no published
        split although one is wanted.
    """
    mask, shown = read_mask(folder / MASK), shown_objects(folder, subject)
    rows = list(chosen)
    betas = np.stack(
        [standardised(read_maps(one.maps, mask, frames))[rows].mean(axis=0) for one in shown]
    )
    ids = np.array([one.uid for one in shown])
    trials = pd.DataFrame(
        {"stimulus_id": ids, "run": 0, "repeat": 0, "category": [one.category for one in shown]}
    )
    i, j = np.nonzero(mask)
    voxels = pd.DataFrame({"i": i, "j": j, "k": 0, "roi": "visual"})
    labels = {"dataset": NAME, "kind": MEASURED, "subject": subject}
    write_responses(
        responses, betas, trials, voxels, **labels, units="z over the mask, mean of frames",
        affine=np.eye(4), grid=np.array([*mask.shape, 1]),
    )  # fmt: skip
    meshes = [true_mesh(one, folder) for one in shown]
    write_objects(
        objects, ids, meshes, np.zeros(len(ids), int), **labels, method="true", split="all"
    )
    if splits is not None:
        parts = {name: [one.uid for one in shown if one.split == name] for name in LISTS}
        if not all(parts.values()):
            raise BrainvisError(
                "has no published split", file=folder, found={k: len(v) for k, v in parts.items()}
            )
        split_files.write(splits, {"published": [Fold(parts["train"], parts["test"])]})


def true_mesh(shown: ShownObject, folder: Path) -> ColoredMesh:
    """Normalised mesh of an object, z up (ShapeNet's axes are y up).

    Raises
    ------
    BrainvisError
        The object has no mesh, or a damaged one.
    """
    if shown.mesh is None:
        raise BrainvisError("has no mesh of an object", file=folder, field=shown.uid, remedy=OBTAIN)
    mesh = read_mesh(shown.mesh)
    x, y, z = mesh.vertices.T
    return normalised(ColoredMesh(np.stack([x, -z, y], axis=1), mesh.faces, mesh.colors))
