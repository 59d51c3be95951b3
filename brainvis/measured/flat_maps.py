"""Flat maps of one person who saw turning objects: do frames of one object agree? (fMRI-Shape)"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd

from brainvis.artifacts import files
from brainvis.datasets.fmri_shape import MASK, read_maps, read_mask, shown_objects, standardised
from brainvis.encoding.dissociation import interval
from brainvis.measured.results import SECTION, Result, figure_name, row
from brainvis.report.markdown import commit
from brainvis.report.style import MAP, canvas, plain, png

KNOWN = {"within": 0.95, "between": 0.68}  # linear baseline on the same files


def frame_correlations(frames: np.ndarray) -> np.ndarray:
    """Correlation over the mask of every frame with every other.

    Parameters
    ----------
    frames : ndarray, (objects, frames, voxels)
        Each frame with mean 0 and deviation 1 over the mask.

    Returns
    -------
    ndarray, (objects * frames, objects * frames)
    """
    flat = frames.reshape(-1, frames.shape[-1]).astype(np.float64)
    return flat @ flat.T / flat.shape[1]


def agreement(correlations: np.ndarray, objects: int) -> dict[str, np.ndarray]:
    """Mean correlation of frames within each object and with those of others.

    Parameters
    ----------
    correlations : ndarray, (objects * frames, objects * frames)
    objects : int

    Returns
    -------
    dict
        ``within``, ``ends`` (first with last two frames of the same object) and ``between``, each
        (objects,).
    """
    frames = len(correlations) // objects
    blocks = correlations.reshape(objects, frames, objects, frames).transpose(0, 2, 1, 3)
    own = blocks[np.arange(objects), np.arange(objects)]  # (objects, frames, frames)
    different = ~np.eye(frames, dtype=bool)
    others = ~np.eye(objects, dtype=bool)
    means = blocks.mean(axis=(2, 3))
    return {
        "within": own[:, different].mean(axis=1),
        "ends": own[:, :2, -2:].mean(axis=(1, 2)),
        "between": np.array([means[one, others[one]].mean() for one in range(objects)]),
    }


def analyse_flat_maps(folder: Path, *, bootstrap: int = 1000, seed: int = 0) -> Result:
    """Consistency of the frames of each object against that of different objects.

    Parameters
    ----------
    folder : Path
        Of the data set (`brainvis.datasets.fmri_shape`).
    bootstrap, seed : int
        Samples of objects for intervals, and the seed.

    Raises
    ------
    BrainvisError
        See `brainvis.datasets.fmri_shape`.
    """
    mask, shown = read_mask(folder / MASK), shown_objects(folder)
    frames = np.stack([standardised(read_maps(one.maps, mask)) for one in shown])
    correlations = frame_correlations(frames)
    found = agreement(correlations, len(shown))
    rng = np.random.default_rng([seed, 7])
    drawn = rng.integers(0, len(shown), (bootstrap, len(shown)))
    gap = found["within"] - found["between"]
    summary = [
        row("objects", len(shown), beside="too few to prove any decoding"),
        row("visual-cortex pixels of a map", int(mask.sum())),
        row("r of frames, same object", found["within"].mean(),
            interval(found["within"][drawn].mean(axis=1)), beside=f"known {KNOWN['within']:.2f}"),
        row("r of frames, different objects", found["between"].mean(),
            interval(found["between"][drawn].mean(axis=1)), beside=f"known {KNOWN['between']:.2f}"),
        row("same minus different", gap.mean(), interval(gap[drawn].mean(axis=1)), beside="0"),
        row("r of the first two with the last two frames, same object", found["ends"].mean(),
            interval(found["ends"][drawn].mean(axis=1)), beside="different objects above"),
        row("objects whose frames agree more with each other", int((gap > 0).sum()),
            beside=f"of {len(shown)}"),
    ]  # fmt: skip
    names = [one.uid for one in shown]
    table = pd.DataFrame({"object": names, **found})
    return Result(
        "flat_maps", "Flat maps of fMRI-Shape: frames of six objects", _METHOD, summary,
        _figure(correlations, names), _CAPTION, {"objects": table},
    )  # fmt: skip


def write_page(results: Path, page: Path, images: Path, *, code: str) -> None:
    """Put the finished analysis on a page of its own, its figure beside it.

    Parameters
    ----------
    results : Path
        Folder that `brainvis.measured.results.write` filled.
    page : Path
        Markdown file to write.
    images : Path
        Folder to put the figure into.
    code : str
        Fingerprint of the code that made the results.
    """
    figure = figure_name("flat_maps")
    files.write_bytes(images / figure, (results / figure).read_bytes())
    shown = Path(os.path.relpath(images.resolve(), page.resolve().parent)).as_posix()
    text = (results / SECTION).read_text().replace("IMAGES/", f"{shown}/")
    head = f"# Measured 3D objects\n\nMade by `brainvis measured-objects` at commit `{commit()}`, "
    files.write_bytes(page, f"{head}code `{code}`.\n\n{text}\n".encode())


def _figure(correlations: np.ndarray, names: list[str]) -> bytes:
    frames = len(correlations) // len(names)
    with canvas(5.2, 4.4, "measured") as figure:
        axes = figure.add_subplot()
        image = axes.imshow(correlations, cmap=MAP, vmin=0, vmax=1)
        middle = np.arange(len(names)) * frames + frames / 2 - 0.5
        axes.set_xticks(middle, [plain(name[:6], 8) for name in names])
        axes.set_yticks(middle, [plain(name[:6], 8) for name in names])
        axes.set(xlabel="frames of each object", title="Correlation of frames")
        figure.colorbar(image, ax=axes, label="r over visual cortex")
    return png(figure)


_METHOD = (
    "One person saw each object once, turning; a flat map of visual cortex per volume, 10 volumes "
    "an object. Frames are standardised over the mask, each on its own, and correlated. Intervals "
    "draw objects with replacement. **Six objects prove no decoding.** The frames of an object "
    "follow each other in time, so slow changes of the signal alone make them alike; no object was "
    "shown twice, so whether its pattern comes back is unknown; and nothing was held out. What is "
    "shown is that the maps load, that mask and frames fit, and that the data are what they should "
    "be."
)
_CAPTION = (
    "Measured fMRI, one person. Correlation over visual cortex of all frames with each other; ten "
    "successive frames an object, named by the first letters of its identifier."
)
