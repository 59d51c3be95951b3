"""Stage: scores of reconstructed images and of decoded features, as two tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.metadata import version
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from brainvis.containers import Features, Reconstructions, Stimuli
from brainvis.errors import BrainvisError
from brainvis.evaluate import table as tables
from brainvis.evaluate.by_network import score_by_networks
from brainvis.evaluate.catalogue import describe
from brainvis.evaluate.evaluated import (
    Evaluated,
    classes_of,
    labels_of,
    order_of,
)
from brainvis.evaluate.networks import reference_readers
from brainvis.evaluate.reader import (
    PROTOCOL_COLUMNS,
    Protocol,
    Reader,
    Space,
    library_versions,
    protocol_rows,
)
from brainvis.evaluate.resize import Common, resize
from brainvis.evaluate.scoring import score_images, score_vectors
from brainvis.evaluate.twins import image_text_reader
from brainvis.evaluate.written import write_scores

BASELINES = ("mean", "shuffled", "nearest_training", "prior_only")


def evaluate(
    stimuli: Path | None,
    reconstructions: Sequence[Path],
    out_table: Path,
    out_summary: Path,
    *,
    true_features: Sequence[Path] = (),
    image_features: Sequence[Path] = (),
    decoded: Sequence[Path] = (),
    baselines: Sequence[str] = BASELINES,
    size: int | None = None,
    bootstrap: int = 1000,
    permutations: int = 1000,
    null_items: int = 100,
    interval: str = "percentile",
    seed: int = 0,
    networks: Path | None = None,
    common_side: int | None = None,
    antialias: bool = True,
    device: str = "auto",
    image_text: Path | None = None,
    visual: Reader | None = None,
    out_protocols: Path | None = None,
) -> None:
    """Score reconstructions in pixels and feature spaces, and feature vectors of responses.

    Parameters
    ----------
    stimuli : path or None
        `Stimuli` with the seen images; its ``category`` gives the classes. None where only feature
        vectors are scored.
    reconstructions : sequence of path
        `Reconstructions`, one per method, subject and split.
    out_table, out_summary : path
        Tidy scores and their summary, .parquet or .csv by suffix.
    true_features : sequence of path
        `Features` of the stimuli, one per space.
    image_features : sequence of path
        `Features` of the reconstructed images (modality "image"): ids are those of the stimuli,
        attributes carry space, method, subject, split and dataset.
    decoded : sequence of path
        `Features` decoded from responses (modality "features"), with the same attributes.
    baselines : sequence of str
        Names of the methods that a decoder has to beat.
    size : int, optional
        Side in pixels at which pixel metrics are taken; None for the stimuli's own size (the NSD
        protocol takes 425).
    bootstrap, permutations : int
        Draws for intervals and for the permuted pairing.
    null_items : int
        Stimuli in the permutation null of SSIM.
    interval : {"percentile", "bca"}
    seed : int
    networks : path, optional
        Folder with the weights of the networks of published tables
        (`brainvis.evaluate.networks`). Metrics whose weights are not there are listed as such in
        the protocol table.
    common_side : int, optional
        Side in pixels to which seen and reconstructed images are brought before anything is
        measured (the MindEye2 notebooks take 256); None for their own sizes.
    antialias : bool
        Whether images are antialiased when they are made smaller (not so in those notebooks).
    device : str
        For all networks: ``auto``, ``cpu``, ``cuda`` ...
    image_text : path, optional
        Checkpoint of the image-text model of the embedded default, for twins of those metrics.
    visual : Reader, optional
        `brainvis.evaluate.twins.visual_reader` of the visual network of the embedded default.
    out_protocols : path, optional
        Table of how each metric of a network and of the pixels was taken, or why not (columns:
        metric, label, status and those of `brainvis.evaluate.reader.Protocol`); without rows where
        no images are scored.

    Raises
    ------
    BrainvisError
        Unknown stimuli, images out of range, two files for one method, missing true features,
        damaged or unfitting weights.
    """
    seen = None if stimuli is None else Stimuli.open(stimuli)
    options = {"permutations": permutations, "seed": seed}
    files = [Reconstructions.open(path) for path in reconstructions]
    if seen is None and files:
        raise BrainvisError("no stimuli to compare with", file=files[0].path, remedy="pass stimuli")
    if networks is not None and out_protocols is None:
        raise BrainvisError(
            "metrics by networks need a table of their protocols", field="out_protocols"
        )
    evaluated, protocols = [], []
    if seen is not None and files:
        readers = chain(
            reference_readers(networks, antialias=antialias, device=device),
            (image_text_reader(folder, device=device) for folder in [image_text] if folder),
            [visual] if visual else [],
        )
        common = Common(common_side, antialias)
        evaluated, spaces, absent = score_by_networks(seen, files, readers, common, options)
        rows = [*_pixel_protocols(seen, size, common), *protocol_rows(spaces, absent)]
        sizes = {"seen": f"{seen.shape[0]}x{seen.shape[1]}", "common_side": common_side or 0}
        protocols = [row | sizes for row in rows]
        for made in tqdm(files, disable=None, desc="scoring images"):
            one = _evaluate_reconstruction(seen, made, size, common, null_items, options)
            evaluated.append(one)
    if out_protocols is not None:
        columns = [*PROTOCOL_COLUMNS, "seen", "common_side"]
        tables.write(pd.DataFrame(protocols, columns=columns), out_protocols)
    evaluated += _evaluate_spaces(true_features, image_features, seen, "image", options)
    evaluated += _evaluate_spaces(true_features, decoded, seen, "features", options)
    write_scores(
        evaluated, out_table, out_summary,
        baselines=baselines, bootstrap=bootstrap, interval=interval, seed=seed,
    )  # fmt: skip


def _evaluate_reconstruction(
    seen: Stimuli,
    made: Reconstructions,
    size: int | None,
    common: Common,
    null_items: int,
    options: dict,
) -> Evaluated:
    order = order_of(made)
    ids = made.ids[order]
    height, width = _pixel_size(seen, size, common)
    images, real = made.images(order), seen.images(seen.rows(ids))
    sizes = common.words(seen.shape, images.shape[1:])
    real = resize(common(real), height, width, antialias=common.antialias)
    images = resize(common(images), height, width, antialias=common.antialias)
    scores = score_images(real, images, classes_of(seen, ids), null_items=null_items, **options)
    filtered = "bilinear antialiased" if common.antialias else "bilinear"
    protocol = (
        f"{height}x{width} ({sizes}; {filtered}) | pool {len(ids)} | scikit-image "
        f"{version('scikit-image')} | pillow {version('pillow')} | numpy {version('numpy')}"
    )
    return Evaluated(labels_of(made, "image"), ids, scores, protocol)


def _pixel_size(seen: Stimuli, size: int | None, common: Common) -> tuple[int, int]:
    side = size or common.side
    return (side, side) if side else (seen.shape[0], seen.shape[1])


def _pixel_protocols(seen: Stimuli, size: int | None, common: Common) -> list[dict[str, object]]:
    """Rows of the protocol table for the pixel metrics that published tables have."""
    space = Space(
        "pixel",
        ("correlation",),
        Protocol(
            "pixels", "RGB", _pixel_size(seen, size, common)[0], "bilinear", common.antialias,
            "none", "", "", library_versions("scikit-image", "pillow", "numpy"),
        ),
    )  # fmt: skip
    row = protocol_rows([space], [])[0]
    grey = "grey, two-dimensional Gaussian window of sigma 1.5"
    return [row, {**row, "metric": "ssim", "label": describe("ssim").label, "layer": grey}]


def _evaluate_spaces(
    true: Iterable[Path],
    made: Sequence[Path],
    seen: Stimuli | None,
    modality: str,
    options: dict,
) -> list[Evaluated]:
    spaces = {features.space: features for features in map(Features.open, true)}
    evaluated = []
    for path in tqdm(made, disable=None, desc=f"scoring {modality} vectors"):
        decoded = Features.open(path)
        if decoded.space not in spaces:
            raise BrainvisError(
                "has no true features of its space",
                file=path,
                field="space",
                found=f"{decoded.space!r}, given {sorted(spaces)}",
                remedy="pass the stimuli's features of that space as well",
            )
        evaluated.append(_evaluate_space(spaces[decoded.space], decoded, seen, modality, options))
    return evaluated


def _evaluate_space(
    true: Features, decoded: Features, seen: Stimuli | None, modality: str, options: dict
) -> Evaluated:
    order = order_of(decoded)
    ids = decoded.ids[order]
    real, made = true.pooled(ids), decoded.pooled(ids)
    if real.shape != made.shape or not (np.isfinite(real).all() and np.isfinite(made).all()):
        raise BrainvisError(
            f"does not fit the true features of shape {real.shape}, or is not finite",
            file=decoded.path,
            field="pooled",
            found=made.shape,
        )
    classes = None if seen is None else classes_of(seen, ids)
    scores = score_vectors(real, made, classes, true.space, **options)
    model = true.attributes.get("model", "unnamed")
    protocol = f"{true.space} ({model}), {real.shape[1]} d | pool {len(ids)}"
    return Evaluated(
        labels_of(decoded, modality), ids, scores, f"{protocol} | numpy {version('numpy')}"
    )
