"""Judge of movie encoding: which kind of true tuning gains from features of motion.

What a voxel is tuned to is known of a simulated brain alone; nothing but the command of this judge
reads it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from brainvis.artifacts import hdf5
from brainvis.containers import SIMULATED
from brainvis.encoding.movie_files import MovieScores
from brainvis.errors import BrainvisError

COLUMNS = ("subject", "roi", "tuning", "space", "voxels", "r", "r_image", "minus_image")
COLUMNS += ("minus_image_low", "minus_image_high")
_GRID = ["i", "j", "k"]
_COLOURS, _LUMINANCES = ("red", "green", "blue", "yellow"), ("dark", "light")


def judge_movie(scores: Sequence[Path], truths: Sequence[Path], table: Path) -> None:
    """Write a row per subject, region, kind of tuning and space: the difference from images.

    Parameters
    ----------
    scores : sequence of Path
        `MovieScores`, one per subject.
    truths : sequence of Path
        Truth of the same subjects (schema "truth": ``/voxels`` with i, j, k, function).
    table : Path
        CSV with the columns `COLUMNS`, medians over voxels with a noise ceiling, 95 % intervals
        over the bootstrap samples of the scores.

    Raises
    ------
    BrainvisError
        Measured data, a subject without truth, no voxel with a place in it.
    """
    known = dict(map(_truth, truths))
    rows: list[dict[str, object]] = []
    for path in scores:
        found = MovieScores.open(path)
        if found.attributes.get("kind") != SIMULATED or found.subject not in known:
            raise BrainvisError(
                "has no truth to be judged by", file=path, field="subject", found=found.subject,
                remedy=f"truths are of {', '.join(sorted(known))}",
            )  # fmt: skip
        rows += list(_judged(found, known[found.subject]))
    pd.DataFrame(rows, columns=list(COLUMNS)).to_csv(table, index=False)


def tuning(function: str) -> str:
    """Kind of a function's name: "direction45_slow" is of direction, "red" of colour."""
    if function in _COLOURS:
        return "colour"
    return "luminance" if function in _LUMINANCES else re.split(r"\d|_", function)[0]


def _truth(path: Path) -> tuple[str, pd.Series]:
    """Subject, and kind of tuning by place."""
    with hdf5.opened(path, schema="truth") as file:
        subject, voxels = str(file.attrs["subject"]), hdf5.get_table(file, "voxels")
    kinds = [tuning(str(name)) for name in voxels["function"]]
    return subject, pd.Series(kinds, index=pd.MultiIndex.from_frame(pd.DataFrame(voxels[_GRID])))


def _judged(found: MovieScores, kinds: pd.Series) -> Iterator[dict[str, object]]:
    places = pd.MultiIndex.from_frame(pd.DataFrame(found.voxels[_GRID]))
    kind = kinds.reindex(places).fillna("").to_numpy(dtype=str)
    if not (kind != "").any():
        raise BrainvisError("shares no voxel with the truth", file=found.path, field="voxels")
    roi = found.voxels["roi"].to_numpy(dtype=str)
    image = found.maps["r"][str(found.attributes["image"])]
    for space, difference in found.maps["difference"].items():
        samples = found.samples(space)
        for area, name in sorted(set(zip(roi.tolist(), kind.tolist(), strict=True))):
            chosen = (roi == area) & (kind == name) & np.isfinite(difference)
            if not area or not name or not chosen.any():
                continue
            low, high = np.percentile(np.median(samples[:, chosen], axis=1), (2.5, 97.5))
            yield {
                "subject": found.subject, "roi": area, "tuning": name, "space": space,
                "voxels": int(chosen.sum()), "r": np.median(found.maps["r"][space][chosen]),
                "r_image": np.median(image[chosen]), "minus_image": np.median(difference[chosen]),
                "minus_image_low": low, "minus_image_high": high,
            }  # fmt: skip
