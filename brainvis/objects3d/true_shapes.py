"""True objects of stimuli, from one objects file or from a folder of meshes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from brainvis.containers import Stimuli
from brainvis.errors import BrainvisError
from brainvis.objects3d.files import Objects
from brainvis.objects3d.mesh import EMPTY, ColoredMesh, normalised, read_mesh

AZIMUTH = "camera_azimuth"  # column of the stimuli, where a world knows it
_SUFFIXES = (".ply", ".obj", ".glb")


@dataclass(frozen=True)
class TrueShapes:
    """Normalised meshes by stimulus, read when asked for.

    Attributes
    ----------
    path : Path
    objects : Objects or None
        None for a folder of meshes.
    azimuths : dict
        Of the camera, degrees, by stimulus; 0 where there is none. Only meshes of a folder are
        turned: an objects file is in the frame of shapes already.
    """

    path: Path
    objects: Objects | None
    azimuths: dict[str, float]

    @classmethod
    def open(cls, path: str | Path, stimuli: Stimuli | None = None) -> TrueShapes:
        """Open an objects file, or a folder with one PLY, OBJ or GLB file a stimulus.

        Raises
        ------
        BrainvisError
            Missing, or not a file of objects.
        """
        path = Path(path)
        azimuths: dict[str, float] = {}
        if stimuli is not None and AZIMUTH in stimuli.table:
            turns = stimuli.table[AZIMUTH].astype(float)
            azimuths = dict(zip(stimuli.ids.tolist(), turns, strict=True))
        return cls(path, None if path.is_dir() else Objects.open(path), azimuths)

    def mesh(self, name: str) -> ColoredMesh:
        """The true object of a stimulus, normalised.

        Raises
        ------
        BrainvisError
            There is none, or it is empty or damaged.
        """
        if self.objects is not None:
            mesh = self.objects.mesh(name)
            if mesh.status == EMPTY:
                raise BrainvisError("a true object is empty", file=self.path, field=name)
            return mesh
        for suffix in _SUFFIXES:
            if (found := self.path / f"{name}{suffix}").is_file():
                return normalised(read_mesh(found), self.azimuths.get(name, 0.0))
        raise BrainvisError(
            "has no mesh of a stimulus",
            file=self.path,
            field=name,
            found=f"none of {', '.join(_SUFFIXES)}",
            remedy="give the folder that the stimuli's meshes were written to",
        )
