"""Stage: scores of reconstructed images and of decoded features, as two tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from brainvis.containers import Features, Reconstructions, Stimuli
from brainvis.errors import BrainvisError
from brainvis.evaluate import table as tables
from brainvis.evaluate.resize import resize
from brainvis.evaluate.scoring import Score, score_images, score_vectors
from brainvis.evaluate.summary import Key, Null, summarise

BASELINES = ("mean", "shuffled", "nearest_training", "prior_only")
_LABELS = ("dataset", "subject", "split", "method")


@dataclass(frozen=True)
class _Evaluated:
    """Scores of one file: who and what, for which stimuli, how measured."""

    labels: dict[str, str]  # dataset, subject, split, method, modality
    stimuli: np.ndarray  # (n,) str
    scores: list[Score]
    protocol: str


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

    Raises
    ------
    BrainvisError
        Unknown stimuli, images out of range, two files for one method, missing true features.
    """
    seen = None if stimuli is None else Stimuli.open(stimuli)
    options = {"permutations": permutations, "seed": seed}
    evaluated = []
    for path in tqdm(reconstructions, disable=None, desc="scoring images"):
        if seen is None:
            raise BrainvisError("no stimuli to compare with", file=path, remedy="pass stimuli")
        made = Reconstructions.open(path)
        evaluated.append(_evaluate_reconstruction(seen, made, size, null_items, options))
    evaluated += _evaluate_spaces(true_features, image_features, seen, "image", options)
    evaluated += _evaluate_spaces(true_features, decoded, seen, "features", options)
    _write(evaluated, out_table, out_summary, baselines, bootstrap, interval, seed)


def _evaluate_reconstruction(
    seen: Stimuli, made: Reconstructions, size: int | None, null_items: int, options: dict
) -> _Evaluated:
    order = _order(made.ids, made.path)
    ids = made.ids[order]
    height, width = (size, size) if size else seen.shape[:2]
    rows = seen.rows(ids)
    images = made.images(order)
    real = resize(seen.images(rows), height, width)
    scores = score_images(
        real, resize(images, height, width), _classes(seen, ids), null_items=null_items, **options
    )
    sizes = f"seen {seen.shape[0]}x{seen.shape[1]}, made {images.shape[1]}x{images.shape[2]}"
    protocol = (
        f"{height}x{width} ({sizes}; bilinear antialiased) | pool {len(ids)} | scikit-image "
        f"{version('scikit-image')} | pillow {version('pillow')} | numpy {version('numpy')}"
    )
    return _Evaluated(_labels(made, "image"), ids, scores, protocol)


def _evaluate_spaces(
    true: Iterable[Path],
    made: Sequence[Path],
    seen: Stimuli | None,
    modality: str,
    options: dict,
) -> list[_Evaluated]:
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
) -> _Evaluated:
    order = _order(decoded.ids, decoded.path)
    ids = decoded.ids[order]
    real, made = true.pooled(ids), decoded.pooled(ids)
    if real.shape != made.shape or not (np.isfinite(real).all() and np.isfinite(made).all()):
        raise BrainvisError(
            f"does not fit the true features of shape {real.shape}, or is not finite",
            file=decoded.path,
            field="pooled",
            found=made.shape,
        )
    classes = None if seen is None else _classes(seen, ids)
    scores = score_vectors(real, made, classes, true.space, **options)
    model = true.attributes.get("model", "unnamed")
    protocol = f"{true.space} ({model}), {real.shape[1]} d | pool {len(ids)}"
    return _Evaluated(
        _labels(decoded, modality), ids, scores, f"{protocol} | numpy {version('numpy')}"
    )


def _order(ids: np.ndarray, path: Path) -> np.ndarray:
    """Rows sorted by identifier, so that one permutation means the same in every subject."""
    if len(ids) < 2 or len(np.unique(ids)) != len(ids):
        raise BrainvisError(
            "needs two or more stimuli, each once", file=path, field="ids", found=f"{len(ids)} ids"
        )
    return np.argsort(ids, kind="stable")


def _classes(seen: Stimuli, ids: np.ndarray) -> np.ndarray | None:
    if "category" not in seen.table:
        return None
    return seen.table["category"].to_numpy(dtype=str)[seen.rows(ids)]


def _labels(file: Reconstructions | Features, modality: str) -> dict[str, str]:
    missing = [name for name in _LABELS if name not in file.attributes]
    if missing:
        raise BrainvisError("lacks attributes", file=file.path, found=missing)
    return {**{name: str(file.attributes[name]) for name in _LABELS}, "modality": modality}


def _write(
    evaluated: list[_Evaluated],
    out_table: Path,
    out_summary: Path,
    baselines: Sequence[str],
    bootstrap: int,
    interval: str,
    seed: int,
) -> None:
    parts, nulls = [], {}
    for one in evaluated:
        for score in one.scores:
            key = _key(one.labels, score.metric)
            if key in nulls:
                raise BrainvisError(
                    "scored twice: two files have the same labels", field="method", found=key
                )
            nulls[key] = Null(score.null, score.null_mean, score.chance)
            columns = {**one.labels, "metric": score.metric, "stimulus": one.stimuli}
            columns |= {"value": score.values, "protocol": one.protocol}
            parts.append(pd.DataFrame(columns)[tables.COLUMNS])
    if not parts:
        raise BrainvisError("nothing to evaluate", field="reconstructions", found="no files")
    table = pd.concat(parts, ignore_index=True)
    tables.write(table, out_table)
    summary = summarise(
        table, nulls, baselines=tuple(baselines), bootstrap=bootstrap, interval=interval, seed=seed
    )
    tables.write(summary, out_summary)


def _key(labels: dict[str, str], metric: str) -> Key:
    return (*(labels[name] for name in tables.GROUP[:-1]), metric, labels["subject"])
