"""Stimulus images that the events of a BIDS tree name, as a `Stimuli` file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

from brainvis.artifacts.files import resolve_inside
from brainvis.containers import write_stimuli
from brainvis.datasets.bids import find_subject
from brainvis.errors import BrainvisError


def write_bids_stimuli(
    bids: Path,
    out: Path,
    *,
    subjects: Sequence[str],
    size: int,
    dataset: str,
    kind: str,
    task: str | None = None,
    space: str | None = None,
) -> None:
    """Gather the images that ``stim_file`` names in the events of all subjects.

    Images are cropped to a centred square and resized to `size` x `size`. The category is the
    event's ``trial_type`` (of its first appearance).

    Parameters
    ----------
    bids : Path
        Root of the tree.
    out : Path
        `Stimuli` file to write.
    subjects : sequence of str
        Labels without ``sub-``.
    size : int
        Side in pixels.
    dataset, kind, task, space : str
        As in `brainvis.preprocess.betas.estimate_betas`.

    Raises
    ------
    BrainvisError
        No ``stim_file`` column, or an image that is missing or cannot be read.
    """
    named: dict[str, tuple[Path, str]] = {}
    for subject in subjects:
        found = find_subject(bids, subject, task=task, space=space)
        for run in found.runs:
            for name, category in _named_images(run.events):
                root = found.stimuli or bids / "stimuli"
                named.setdefault(Path(name).stem, (resolve_inside(root, name), category))
    ids = sorted(named)
    images = [_read(named[name][0], size) for name in tqdm(ids, disable=None, desc="stimuli")]
    categories = [named[name][1] for name in ids]
    table = pd.DataFrame({"stimulus_id": ids, "category": categories})
    write_stimuli(out, np.stack(images), table, dataset=dataset, kind=kind)


def _named_images(events: Path) -> list[tuple[str, str]]:
    table = pd.read_csv(events, sep="\t", dtype=str, keep_default_na=False, encoding="utf-8-sig")
    if "stim_file" not in table:
        raise BrainvisError(
            "required column is missing",
            file=events,
            field="stim_file",
            found=list(table.columns),
            remedy="set dataset.image_size to null where there are no images",
        )
    shown = table.loc[~table["stim_file"].isin(["", "n/a"])].drop_duplicates(subset=["stim_file"])
    kinds = shown["trial_type"] if "trial_type" in shown else [""] * len(shown)
    return list(zip(shown["stim_file"], kinds, strict=True))


def _read(path: Path, size: int) -> np.ndarray:
    """One image as (size, size, 3) uint8."""
    try:
        with Image.open(path) as image:
            side = min(image.size)
            left, top = (image.width - side) // 2, (image.height - side) // 2
            square = image.convert("RGB").crop((left, top, left + side, top + side))
            return np.asarray(square.resize((size, size), Image.Resampling.LANCZOS))
    except FileNotFoundError as error:
        raise BrainvisError("stimulus file is missing", file=path, field="stim_file") from error
    except (OSError, UnidentifiedImageError) as error:
        raise BrainvisError("cannot be read as an image", file=path, found=error) from error
