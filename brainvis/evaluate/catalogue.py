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
        "image_retrieval",
        "image retrieval",
        "Probability that the seen image is the most similar of 300 (or all) to what was decoded.",
        chance=lambda n: 1 / min(n, 300),
    ),
    Metric(
        "brain_retrieval",
        "brain retrieval",
        "Probability that the image's own decoded vector is the most similar of 300 (or all).",
        chance=lambda n: 1 / min(n, 300),
    ),
    Metric(
        "mse", "MSE", "Mean squared difference of pixel values in [0, 1].", higher_is_better=False
    ),
)
_SHAPE = (
    Metric(
        "chamfer",
        "Chamfer distance",
        "Mean distance to the nearest point of the other surface, mean of both ways.",
        higher_is_better=False,
    ),
    Metric("emd", "EMD", "Exact earth mover's distance of points.", higher_is_better=False),
    Metric("f_score", "F-score", "Harmonic mean of the shares of points near the other surface."),
    Metric("volume_iou", "volume IoU", "Shared over joint volume."),
    Metric(
        "normal_consistency",
        "normal consistency",
        "Mean absolute cosine of the normals at nearest points.",
    ),
)
_VIDEO = (
    Metric("epe_object", "EPE, object", "End-point error on the object.", higher_is_better=False),
    Metric(
        "epe_moving",
        "EPE, moving objects",
        "End-point error on the object, of clips whose object moves.",
        higher_is_better=False,
    ),
    Metric("epe_whole", "EPE, image", "End-point error everywhere.", higher_is_better=False),
    Metric(
        "direction_cosine_object",
        "direction cosine, object",
        "Cosine of the angle between true and decoded motion, where the object moves.",
    ),
    Metric(
        "direction_cosine_whole",
        "direction cosine, image",
        "Cosine of the angle between true and decoded motion, wherever there is any.",
    ),
    Metric("frame_ssim", "SSIM of frames", "Structural similarity of colour frames."),
    Metric("frame_psnr", "PSNR of frames", "Peak signal-to-noise ratio of frames, decibels."),
    Metric("hue_correlation", "hue correlation", "Circular correlation of the hues of frames."),
    Metric(
        "hue_cosine_legacy",
        "hue cosine (legacy)",
        "Cosine of hue planes, published as Hue-pcc; no correlation.",
    ),
    Metric(
        "clip_temporal_consistency",
        "temporal consistency",
        "Cosine of consecutive made frames, whatever they show; a frozen clip has 1.",
    ),
    Metric(
        "clip_pcc_gated",
        "temporal consistency, gated",
        "The same, 0 where the clip does not resemble the true one.",
    ),
)
_FROM_CLIPS = "clip_"  # before names of flow metrics whose flow is estimated from clips
_MEASURES = (
    Metric("cosine", "cosine", "Cosine similarity with the seen item."),
    Metric(
        "fifty_way",
        "50-way",
        "Probability that the seen item is the most similar of 50, 49 of them random.",
        chance=lambda n: 0.02,
    ),
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
        "distance",
        "distance",
        "One minus the Pearson correlation with the seen item.",
        higher_is_better=False,
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
TWIN = "twin_"  # spaces of the tiny networks that stand in for those of published tables
# Spaces whose name in a table is not what people call them. A twin is a tiny network that this
# project trained, read where the named one is read in published tables.
_SPACES = {
    "alexnet_2": "AlexNet 2",
    "alexnet_5": "AlexNet 5",
    "inception": "Inception",
    "clip_l14": "CLIP ViT-L/14",
    "efficientnet_b1": "EfficientNet-B1",
    "swav": "SwAV",
    "brain_visual": "brain (all visual voxels)",
    "brain_early": "brain (V1 to V4)",
    "brain_higher": "brain (higher regions)",
    "flow": "flow",
    "encoding": "response",
    "twin_clip": "image-text embedding (tiny twin of CLIP)",
    "twin_image_text_early": "image-text early tokens (tiny network)",
    "twin_image_text_late": "image-text late tokens (tiny network)",
    "twin_visual_2": "visual stage 2 (tiny twin of AlexNet 2)",
    "twin_visual_5": "visual stage 5 (tiny twin of AlexNet 5)",
    "twin_visual_pooled": "visual stage 5 pooled (tiny twin of Inception, EfficientNet)",
    "twin_visual_pooled_4": "visual stage 4 pooled (tiny twin of SwAV)",
    "shape": "shape",
    "views_pixel": "views",
    "views_visual": "views, visual stage 5 (tiny network)",
}
_ITEMS = {"shape": "surfaces, by Chamfer distance", "views_pixel": "pixels of views"}  # not vectors


def describe(name: str) -> Metric:
    """The metric of that name in a table.

    Raises
    ------
    KeyError
        For a name that no metric has.
    """
    for metric in (*_IMAGE, *_SHAPE, *_VIDEO):
        if metric.name == name:
            return metric
    own = name.removeprefix(_FROM_CLIPS)
    for metric in _VIDEO[:5]:
        if own != name and metric.name == own:
            return replace(metric, name=name, label=f"{metric.label}, of made clips")
    for measure in sorted(_MEASURES, key=lambda measure: -len(measure.name)):
        space = name.removesuffix(f"_{measure.name}")
        if space and space != name:
            called = _SPACES.get(space, space)
            label = "PixCorr" if name == "pixel_correlation" else f"{called} {measure.label}"
            items = _ITEMS.get(space, f"{called} vectors")
            definition = f"{measure.definition} Items compared: {items}."
            return replace(measure, name=name, label=label, definition=definition)
    raise KeyError(name)
