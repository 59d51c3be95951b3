"""Stage: one region after the other disordered, objects decoded, the region told from them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from brainvis.containers import Features, Responses, Stimuli
from brainvis.datasets.splits import Fold, checked
from brainvis.errors import BrainvisError
from brainvis.evaluate.statistics import Difference, bootstrap_interval, paired_difference
from brainvis.objects3d.base import ObjectGenerator
from brainvis.objects3d.conditions import colors, condition, seeds_of
from brainvis.objects3d.diagnosis import diagnosed, looks, mean_colors, nearest_category
from brainvis.objects3d.lesions import lesioned, region_voxels, rest_level, size_matched
from brainvis.objects3d.mesh import EMPTY, ColoredMesh
from brainvis.objects3d.registry import open_object_generator
from brainvis.objects3d.true_shapes import TrueShapes
from brainvis.objects3d.two_streams import TwoStreams

ACCURACY, COLOR, CATEGORY = "diagnosis accuracy", "colour shift", "category changed"
REFERENCE = "V1"  # region that the signs of the others are compared with
SIGN_COLUMNS = ("subject", "measure", "region", "voxels", "value", "low", "high", "chance")
SIGN_COLUMNS += ("against", "difference", "difference_low", "difference_high", "p", "objects")
SIGN_COLUMNS += tuple(f"matched_difference{end}" for end in ("", "_low", "_high"))
_WORST_SHIFT = 100.0  # CIE Lab, of an object that is not there

logger = logging.getLogger("brainvis")


def diagnose_lesions(
    generator: Path,
    responses: Path,
    betas: Path,
    features: Path,
    stimuli: Path,
    split: Sequence[Fold],
    meshes: Path,
    table: Path,
    signs: Path,
    *,
    kind: str = "silence",
    towards: str = "rest",
    kept: float = 0.3,
    regions: Sequence[str],
    objects: int = 48,
    folds: int = 6,
    bootstrap: int = 2000,
    seed: int = 0,
) -> None:
    """Write the confusion of disordered and named regions, and what each lesion does to objects.

    The decoders (`two_streams`) are learned from intact training responses; test responses are
    disordered in one region at a time. The same noise makes an object with and without a lesion.

    Parameters
    ----------
    generator, responses, betas, features, stimuli : Path
        Generator folder, `Responses` z-scored and as estimated (training trials tell what no
        response is), `Features` of all stimuli in its space, `Stimuli`.
    split : sequence of Fold
        The first fold is used.
    meshes : Path
        Folder of the meshes of stimuli; those of training stimuli show what categories look like.
    table : Path
        CSV with the columns region, predicted, count.
    signs : Path
        CSV with the columns `SIGN_COLUMNS`.
    kind, kept, regions
        See `lesions.lesioned` and `lesions.region_voxels`.
    towards : {"rest", "mean"}
        What a silenced region falls to: no response, or the mean response to training stimuli.
    objects : int
        The first so many test stimuli.
    folds : int
        Of objects, for the classifier.
    bootstrap, seed : int

    Raises
    ------
    BrainvisError
        A region without voxels, files that do not belong together.
    """
    shown, measured = Stimuli.open(stimuli), Responses.open(responses)
    known, maker = Features.open(features), open_object_generator(generator)
    fold = checked(list(split), shown.ids)[0]
    train, test = np.array(fold.train), np.array(fold.test)[:objects]
    if len(test) < 2:
        raise BrainvisError("needs two test objects", field="objects", found=len(test))
    places = {region: region_voxels(measured.voxels, region) for region in regions}
    decoders = _learned(measured, known, shown, train, maker, seed)
    z = decoders.scaled(measured.averaged(test))
    seeds = seeds_of(shown, test, seed)
    level = _level(Responses.open(betas), decoders, train) if towards == "rest" else None

    def made(inside: np.ndarray) -> list[ColoredMesh]:
        changed = lesioned(z, inside, kind, level=level, kept=kept, seed=seed)
        vectors, low = decoders.predict(changed)
        return maker.generate(vectors.reshape(-1, maker.tokens, maker.width), seeds, low)

    intact = made(np.zeros(z.shape[1], bool))
    smaller = size_matched(places, REFERENCE, seed)
    every = [*places.values(), *smaller.values()]
    disordered = [made(inside) for inside in tqdm(every, desc="lesions", disable=None)]
    pictures = np.stack([looks(meshes_of) for meshes_of in disordered])
    present = np.array([[mesh.status != EMPTY for mesh in part] for part in disordered])
    asked = slice(len(regions))  # what follows them is for comparison alone
    named = diagnosed(pictures[asked], present[asked], list(regions), folds=folds, seed=seed)
    _confusion(named, regions).to_csv(table, index=False)
    true = TrueShapes.open(meshes, shown)
    seen = looks([true.mesh(str(name)) for name in train])
    category = shown.table["category"].to_numpy(str)[shown.rows(train)]
    changes = {
        COLOR: _shifts(intact, disordered),
        CATEGORY: _changes(looks(intact), pictures, present, seen, category),
    }
    right = (named == np.array(list(regions))[:, None]).astype(float)
    values = {ACCURACY: right} | {name: found[asked] for name, found in changes.items()}
    matched = {
        (name, region): row
        for name, found in changes.items()
        for region, row in zip(smaller, found[len(regions) :], strict=True)
    }
    sizes = {region: int(inside.sum()) for region, inside in places.items()}
    rows = _signs(values, matched, sizes, bootstrap, seed)
    rows.assign(subject=measured.subject)[list(SIGN_COLUMNS)].to_csv(signs, index=False)


def _learned(
    measured: Responses,
    known: Features,
    shown: Stimuli,
    train: np.ndarray,
    maker: ObjectGenerator,
    seed: int,
) -> TwoStreams:
    low = colors(shown.images(shown.rows(train)), maker)
    if low is None:
        raise BrainvisError(
            "lesions need a generator that takes an appearance",
            field="objects.generator",
            found=maker.name,
            remedy="use foundation/shape",
        )
    vectors = condition(known, train, maker)  # (n, width) or (n, tokens, width)
    flat = vectors.reshape(len(train), -1)
    return TwoStreams.fit(measured.averaged(train), flat, low, measured.voxels, seed)


def _level(betas: Responses, decoders: TwoStreams, train: np.ndarray) -> np.ndarray:
    """No response in the decoders' z-scores, (v,), from training trials."""
    rows = np.isin(betas.trials["stimulus_id"].to_numpy(str), train)
    return decoders.scaled(rest_level(betas.betas(np.flatnonzero(rows)))[None])[0]


def _confusion(named: np.ndarray, regions: Sequence[str]) -> pd.DataFrame:
    """How often each region (rows of `named`) was taken for which, every pair a row."""
    columns = [*regions, *sorted(set(named.ravel()) - set(regions))]
    rows = [
        {"region": region, "predicted": other, "count": int((part == other).sum())}
        for region, part in zip(regions, named, strict=True)
        for other in columns
    ]
    return pd.DataFrame(rows)


def _shifts(
    intact: Sequence[ColoredMesh], disordered: Sequence[Sequence[ColoredMesh]]
) -> np.ndarray:
    """Distance of mean colours (CIE Lab) from the intact object's, (regions, objects)."""
    start = mean_colors(intact)
    moved = np.stack([mean_colors(part) for part in disordered])
    away = np.linalg.norm(moved - start, axis=2)
    return np.where(np.isfinite(away), away, _WORST_SHIFT)


def _changes(
    intact: np.ndarray,
    disordered: np.ndarray,
    present: np.ndarray,
    seen: np.ndarray,
    category: np.ndarray,
) -> np.ndarray:
    """Whether objects look like another category than the intact ones, (regions, objects)."""
    start = nearest_category(intact, seen, category)
    moved = np.stack([nearest_category(part, seen, category) for part in disordered])
    return ((moved != start) | ~present).astype(float)


def _signs(
    values: dict[str, np.ndarray],
    matched: dict[tuple[str, str], np.ndarray],
    sizes: dict[str, int],
    draws: int,
    seed: int,
) -> pd.DataFrame:
    """Mean and interval over objects of each measure and region, and beside the reference."""
    regions, rows = list(sizes), []
    for measure, found in values.items():
        chance = 1 / len(regions) if measure == ACCURACY else float("nan")
        parts = dict(zip(regions, found, strict=True))
        if measure == ACCURACY:
            parts = {"all": found.mean(axis=0), **parts}
        for region, own in parts.items():
            low, high = bootstrap_interval(own, draws=draws, seed=seed)
            row = {
                "measure": measure, "region": region,
                "voxels": sizes.get(region, sum(sizes.values())), "value": own.mean(), "low": low,
                "high": high, "chance": chance, "objects": len(own), "against": "",
            }  # fmt: skip
            if measure != ACCURACY and region != REFERENCE and REFERENCE in parts:
                beside = paired_difference(own, parts[REFERENCE], draws=draws, seed=seed)
                row |= {"against": REFERENCE, "p": beside.p} | _named("difference", beside)
            if (measure, region) in matched:
                beside = paired_difference(own, matched[measure, region], draws=draws, seed=seed)
                row |= _named("matched_difference", beside)
            rows.append(row)
    return pd.DataFrame(rows).reindex(columns=list(SIGN_COLUMNS))


def _named(name: str, beside: Difference) -> dict[str, float]:
    return {name: beside.mean, f"{name}_low": beside.low, f"{name}_high": beside.high}
