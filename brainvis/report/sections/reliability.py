"""Where the brain responded reliably: the upper limit of what can be decoded."""

from __future__ import annotations

import numpy as np

from brainvis.containers import Responses
from brainvis.report.context import Context
from brainvis.report.figures.voxels import region_boxes, slice_mosaic, value_histogram
from brainvis.report.section import Part, Picture, Section, Text

_MEASURES = {
    "noise_ceiling": (
        "noise ceiling",
        "Share of variance over stimuli, in the mean over repeats, that a perfect model could "
        "explain.",
    ),
    "reliability": (
        "split-half reliability",
        "Correlation over stimuli between the means of two halves of the repeats.",
    ),
}


def build(context: Context) -> Section | None:
    """Histograms of each measure there is; slices and regions of the first of them."""
    parts: list[Part] = []
    for measure, (label, meaning) in _MEASURES.items():
        held = [one for one in context.responses if _known(one, measure).any()]
        if held:
            first = not parts
            parts += [Text(f"{label.capitalize()}. {meaning}"), _histogram(context, held, measure)]
            if first:
                parts += [*_slices(context, held, measure), *_by_region(context, held, measure)]
    return Section("reliability", "Reliability of the responses", parts) if parts else None


def _histogram(context: Context, held: list[Responses], measure: str) -> Picture:
    label = _MEASURES[measure][0]
    every = [(f"subject {one.subject}", _values(one, measure)) for one in held]
    every = [(name, values[np.isfinite(values)]) for name, values in every]
    figure = value_histogram(every, kind=context.kind, label=label)
    caption = f"Voxels by {label}; the line marks the median. Voxels at zero carry noise only."
    return Picture(f"{measure}_histogram", figure, caption)


def _slices(context: Context, held: list[Responses], measure: str) -> list[Picture]:
    label, pictures = _MEASURES[measure][0], []
    for number, one in enumerate(held):
        if (volume := _volume(one, measure)) is None:
            continue
        figure = slice_mosaic(
            volume, kind=context.kind, label=label, axes_point_to=_directions(one)
        )
        caption = (
            f"Subject {one.subject}: slices of the voxel grid, growing k from top left; only "
            f"voxels with responses are coloured. Bright: high {label}."
        )
        pictures.append(Picture(f"{measure}_slices_{number}", figure, caption))
    return pictures


def _by_region(context: Context, held: list[Responses], measure: str) -> list[Picture]:
    values = np.concatenate([_values(one, measure) for one in held])
    regions = np.concatenate([_regions(one) for one in held])
    known = np.isfinite(values) & (regions != "")
    if not known.any():
        return []
    label = _MEASURES[measure][0]
    figure = region_boxes(values[known], regions[known], kind=context.kind, label=label)
    caption = (
        f"{label.capitalize()} by region, all subjects' voxels (number in brackets). Box: "
        "quartiles and median; whiskers: 5th to 95th percentile."
    )
    return [Picture(f"{measure}_regions", figure, caption)]


def _values(one: Responses, measure: str) -> np.ndarray:
    if measure not in one.voxels:
        return np.full(len(one.voxels), np.nan)
    return one.voxels[measure].to_numpy(dtype=float)


def _known(one: Responses, measure: str) -> np.ndarray:
    return np.isfinite(_values(one, measure))


def _regions(one: Responses) -> np.ndarray:
    if "roi" not in one.voxels:
        return np.full(len(one.voxels), "")
    return one.voxels["roi"].to_numpy(dtype=str)


def _volume(one: Responses, measure: str) -> np.ndarray | None:
    """Values on the voxel grid, NaN outside; None where no voxel has a place."""
    if not {"i", "j", "k"} <= set(one.voxels):
        return None
    places = one.voxels[["i", "j", "k"]].to_numpy(dtype=int)
    placed = (places >= 0).all(axis=1) & _known(one, measure)
    if not placed.any():
        return None
    volume = np.full(places[placed].max(axis=0) + 1, np.nan)
    volume[tuple(places[placed].T)] = _values(one, measure)[placed]
    return volume


def _directions(one: Responses) -> str:
    """Where growing i and j lead in the head, such as "RA"; empty without an affine."""
    affine = np.asarray(one.attributes.get("affine", np.zeros((0, 0))), dtype=float)
    if affine.shape != (4, 4) or abs(np.linalg.det(affine)) < 1e-9:
        return ""
    from nibabel.orientations import aff2axcodes

    codes = aff2axcodes(affine)
    return "".join(str(code) for code in codes[:2]) if all(codes) else ""
