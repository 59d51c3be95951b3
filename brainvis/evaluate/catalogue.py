"""What each metric is called, which way it points, and what chance is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Metric:
    """A score of one stimulus.

    Attributes
    ----------
    name : str
        In tables: ``ssim``, or ``<space>_<measure>`` such as ``pixel_two_way``.
    label : str
        In figures.
    definition : str
        One sentence for captions.
    chance : callable or None
        From the number of stimuli to the exact chance level; None where it is measured by
        permuting the pairing.
    higher_is_better : bool
    """

    name: str
    label: str
    definition: str
    chance: Callable[[int], float] | None = None
    higher_is_better: bool = True


_IMAGE = (
    Metric("ssim", "SSIM", "Structural similarity of grey images, two-dimensional window."),
    Metric(
        "ssim_legacy_columns",
        "SSIM (legacy, per column)",
        "SSIM per pixel column, as in tables made before scikit-image 0.20; not the usual SSIM.",
    ),
    Metric(
        "mse", "MSE", "Mean squared difference of pixel values in [0, 1].", higher_is_better=False
    ),
)
_MEASURES = (
    Metric("correlation", "correlation", "Pearson correlation with the seen item."),
    Metric(
        "two_way",
        "two-way",
        "Share of other real items that are less similar to the reconstruction than the seen one.",
        chance=lambda n: 0.5,
    ),
    Metric(
        "two_way_within_class",
        "two-way within class",
        "Two-way identification among items of the same category.",
        chance=lambda n: 0.5,
    ),
    Metric(
        "ten_way",
        "10-way",
        "Probability that the seen item is the most similar of ten, nine of them random.",
        chance=lambda n: 0.1,
    ),
    Metric(
        "top1",
        "top-1 of all",
        "Whether the seen item is the most similar of all test items (brain to image).",
        chance=lambda n: 1 / n,
    ),
    Metric(
        "top1_reverse",
        "top-1 of all, reverse",
        "Whether its own reconstruction is the most similar of all (image to brain).",
        chance=lambda n: 1 / n,
    ),
)


def describe(name: str) -> Metric:
    """The metric of that name in a table.

    Raises
    ------
    KeyError
        For a name that no metric has.
    """
    for metric in _IMAGE:
        if metric.name == name:
            return metric
    for measure in sorted(_MEASURES, key=lambda measure: -len(measure.name)):
        space = name.removesuffix(f"_{measure.name}")
        if space and space != name:
            label = f"{space} {measure.label}"
            label = "PixCorr" if name == "pixel_correlation" else label
            definition = f"{measure.definition} Items compared: {space} vectors."
            return replace(measure, name=name, label=label, definition=definition)
    raise KeyError(name)
