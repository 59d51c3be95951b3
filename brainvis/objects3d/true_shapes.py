"""True objects of stimuli, from one objects file or from the folder of a world's meshes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from brainvis.containers import Stimuli
from brainvis.errors import BrainvisError
from brainvis.objects3d.files import Objects
from brainvis.objects3d.mesh import EMPTY, ColoredMesh
from brainvis.objects3d.truth import azimuths, true_shape


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
        """Open an objects file, or a folder of one ``<stimulus_id>.ply`` a stimulus.

        Raises
        ------
        BrainvisError
            Missing, or not a file of objects.
        """
        path = Path(path)
        turns: dict[str, float] = {}
        if stimuli is not None:
            turns = dict(zip(stimuli.ids.tolist(), azimuths(stimuli).tolist(), strict=True))
        return cls(path, None if path.is_dir() else Objects.open(path), turns)

    def mesh(self, name: str) -> ColoredMesh:
        """The true object of a stimulus, normalised.

        Raises
        ------
        BrainvisError
            There is none, or it is empty or damaged.
        """
        if self.objects is None:
            return true_shape(self.path, str(name), self.azimuths.get(name, 0.0))
        mesh = self.objects.mesh(name)
        if mesh.status == EMPTY:
            raise BrainvisError("a true object is empty", file=self.path, field=name)
        return mesh
