"""What the report shows of 3D objects, read from the tables and files of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from brainvis.containers import Stimuli
from brainvis.errors import BrainvisError
from brainvis.evaluate import table as tables
from brainvis.objects3d.files import Objects
from brainvis.objects3d.true_shapes import TrueShapes

DIAGNOSIS_COLUMNS = ("region", "predicted", "count")


@dataclass(frozen=True)
class ObjectResults:
    """What the section shows.

    Attributes
    ----------
    scores, summary, protocols, differences : DataFrame
        From `brainvis.evaluate.shape_stage`.
    decoded : sequence of Objects
        Of the methods, one file per method, subject and split.
    true : TrueShapes or None
        True objects; without them nothing is shown beside the numbers.
    diagnosis : DataFrame or None
        Disordered and named regions, columns `DIAGNOSIS_COLUMNS`, subjects under one another.
    signs : DataFrame or None
        What each lesion does to objects, from `brainvis.objects3d.lesion_stage`.
    """

    scores: pd.DataFrame
    summary: pd.DataFrame
    protocols: pd.DataFrame
    differences: pd.DataFrame
    decoded: Sequence[Objects] = field(default_factory=tuple)
    true: TrueShapes | None = None
    diagnosis: pd.DataFrame | None = None
    signs: pd.DataFrame | None = None


def read_objects(
    scores: Path,
    summary: Path,
    protocols: Path,
    differences: Path,
    *,
    decoded: Sequence[Path] = (),
    truth: Path | None = None,
    stimuli: Path | None = None,
    diagnosis: Sequence[Path] = (),
    signs: Sequence[Path] = (),
) -> ObjectResults:
    """Read the files of a run.

    Parameters
    ----------
    scores, summary, protocols, differences : Path
        From `brainvis objects score`.
    decoded : sequence of Path
        `Objects` files.
    truth, stimuli : Path, optional
        Meshes of the true objects, and the stimuli that tell from where they are seen.
    diagnosis, signs : sequence of Path
        From `brainvis objects diagnose`, one per subject.

    Raises
    ------
    BrainvisError
        Missing or damaged files, a table without its columns.
    """
    shown = None if stimuli is None else Stimuli.open(stimuli)
    return ObjectResults(
        *(tables.read(path) for path in (scores, summary, protocols, differences)),
        decoded=[Objects.open(path) for path in decoded],
        true=None if truth is None else TrueShapes.open(truth, shown),
        diagnosis=_stacked(diagnosis, DIAGNOSIS_COLUMNS),
        signs=_stacked(signs, ("subject", "measure", "region", "value")),
    )


def _stacked(paths: Sequence[Path], columns: Sequence[str]) -> pd.DataFrame | None:
    parts = []
    for path in paths:
        parts.append(tables.read(path))
        missing = [name for name in columns if name not in parts[-1]]
        if missing:
            raise BrainvisError(
                "lacks columns", file=path, field=", ".join(missing), found=list(parts[-1])
            )
    return pd.concat(parts, ignore_index=True) if parts else None
