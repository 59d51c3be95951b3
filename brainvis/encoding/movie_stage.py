"""Stage: features of frames against features of clips, in every voxel of one subject's movies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from brainvis.containers import Features
from brainvis.datasets import splits as named
from brainvis.encoding.banded import BandedRidge
from brainvis.encoding.evaluation import CHANCE
from brainvis.encoding.movie_design import Rows, Scaling, designs, segment_rows
from brainvis.encoding.movie_files import COLUMNS, write_movie_scores
from brainvis.encoding.movie_identify import Window, alone, log_likelihoods, response_windows
from brainvis.encoding.movie_scores import (
    Null,
    block_weights,
    correlations,
    interval,
    permuted,
    regions_of,
    time_blocks,
)
from brainvis.encoding.ridge import VoxelwiseRidge
from brainvis.encoding.scores import metrics, moments, voxel_batches
from brainvis.errors import BrainvisError
from brainvis.movies import MovieResponses

ALL_SPACES = "banded"  # the model on all spaces at once
_VOXELS = 2000  # whose predicted windows are held at once
_ALPHAS = tuple(10.0 ** np.linspace(-2, 5, 15))


@dataclass(frozen=True)
class _Fitted:
    """One model: its prediction of the test volumes, its weights and errors on held-out folds."""

    predicted: np.ndarray  # (t, v)
    coef: np.ndarray  # (delays * p, v), delays inside each space
    intercept: np.ndarray
    spaces: list[str]
    variance: np.ndarray  # (v,), 0 where no held-out fold is predicted


def encode_movie(
    responses: Path, features: Sequence[Path], splits: Path, out: Path, table: Path, *,
    image: str, video: Sequence[str], split: str = "main", fold: int = 0,
    delays: Sequence[int] = (1, 2, 3, 4), folds: int = 5, draws: int = 40,
    threshold: float = 0.1, block: int = 10, samples: int = 200, permutations: int = 500,
    seed: int = 0,
) -> None:  # fmt: skip
    """Score ridge on each space, and banded ridge on all, on held-out segments of movies.

    Parameters
    ----------
    responses : Path
        `brainvis.movies.MovieResponses` of one subject.
    features : sequence of Path
        `Features` of the clips; pooled vectors of the spaces named below are read.
    splits : Path
        Segments with test clips are scored, those with training clips fitted.
    out : Path
        `brainvis.encoding.movie_files.MovieScores`.
    table : Path
        CSV with the columns `brainvis.encoding.movie_files.COLUMNS`: a row per space and region,
        medians over voxels.
    image : str
        Space of frames that the others are compared with.
    video : sequence of str
        Spaces of clips.
    split, fold : str, int
    delays : sequence of int
        Of the features, in volumes.
    folds : int
        Of whole segments, to choose penalties; as many as there are segments where those are fewer.
    draws : int
        Of banded ridge.
    threshold : float
        Voxels whose noise ceiling is not above it are not scored.
    block : int
        Volumes kept together by bootstrap and permutation.
    samples, permutations, seed : int

    Raises
    ------
    BrainvisError
        A space without file, a clip without features, segments that mix training and test clips,
        no noise ceilings.
    """
    source = MovieResponses.open(responses)
    spaces = _spaces(features, [image, *video])
    chosen = named.read(splits, split)[fold]
    rows = segment_rows(source.volumes, chosen.train, chosen.test)
    made = designs(source.volumes, spaces, delays, rows.train)
    scale = _scale(source, threshold)
    measured = source.bold()
    groups = source.volumes["segment"].to_numpy(dtype=str)[rows.train]
    options = {"alphas": _ALPHAS, "folds": min(folds, len(np.unique(groups)))}
    bold = measured[rows.train]
    models = {
        name: _ridge({name: made[name]}, bold, rows, groups, options)
        for name in tqdm(made, desc="ridge on each space", disable=None)
    }
    banded = BandedRidge(**options, draws=draws, seed=seed)
    banded.fit({name: values[rows.train] for name, values in made.items()}, bold, groups)
    held = {name: values[rows.test] for name, values in made.items()}
    models[ALL_SPACES] = _Fitted(
        banded.predict(held), banded.coef_, banded.intercept_, list(made),
        _errors(banded.cv_scores_, bold),
    )  # fmt: skip
    share = banded.split_scores(held, measured[rows.test]) / scale**2
    test = _Test(measured[rows.test], scale, source.volumes.iloc[rows.test], source.voxels)
    settings = {"block": block, "samples": samples, "permutations": permutations, "seed": seed}
    maps, found = _scored(models, image, dict(zip(made, share, strict=True)), test, **settings)
    ids = np.array(sorted(set(chosen.test) & set(source.volumes["stimulus_id"])), dtype=str)
    maps["likelihood"] = _likelihoods(models, source.volumes, measured, spaces, ids, delays, rows)
    fixed = {"threshold": threshold, "training_volumes": len(rows.train)}
    fixed["test_volumes"] = len(rows.test)
    known = {name: source.attributes[name] for name in ("dataset", "subject", "kind")}
    write_movie_scores(
        out, source.voxels, ids, maps, **known, split=split, image=image,
        delays=np.asarray(delays), **fixed,
    )  # fmt: skip
    rows_ = [{"subject": source.subject, **row, **fixed} for row in found]
    pd.DataFrame(rows_)[list(COLUMNS)].to_csv(table, index=False)


@dataclass(frozen=True)
class _Test:
    """What predictions are compared with."""

    truth: np.ndarray  # (t, v)
    scale: np.ndarray  # (v,)
    volumes: pd.DataFrame
    voxels: pd.DataFrame


def _spaces(paths: Sequence[Path], wanted: Sequence[str]) -> dict[str, dict[str, np.ndarray]]:
    opened = {file.space: file for file in map(Features.open, paths)}
    if missing := [name for name in wanted if name not in opened]:
        raise BrainvisError(
            "no features of this space were given", field="motion.encoding", found=missing[0],
            remedy=f"given: {', '.join(sorted(opened))}",
        )  # fmt: skip
    return {
        name: dict(zip(opened[name].ids.tolist(), opened[name].pooled(), strict=True))
        for name in wanted
    }


def _scale(source: MovieResponses, threshold: float) -> np.ndarray:
    if "noise_ceiling" not in source.voxels:
        raise BrainvisError(
            "has no noise_ceiling of its voxels", file=source.path, field="voxels/noise_ceiling"
        )
    ceiling = source.voxels["noise_ceiling"].to_numpy(dtype=float)
    if not (ceiling > threshold).any():
        raise BrainvisError(
            "no voxel has a noise ceiling above the threshold", file=source.path,
            field="voxels/noise_ceiling", found=f"at most {ceiling.max():.3f}",
        )  # fmt: skip
    return np.sqrt(np.where(ceiling > threshold, ceiling, np.nan))


def _ridge(
    made: dict[str, np.ndarray], bold: np.ndarray, rows: Rows, groups: np.ndarray, options: dict
) -> _Fitted:
    (name, values), *_ = made.items()
    model = VoxelwiseRidge(**options, progress=False).fit(values[rows.train], bold, groups)
    return _Fitted(
        model.predict(values[rows.test]), model.coef_, model.intercept_, [name],
        _errors(model.cv_scores_, bold),
    )  # fmt: skip


def _errors(cv_scores: np.ndarray, bold: np.ndarray) -> np.ndarray:
    """Error variance on held-out training folds, 0 where the mean would have done as well."""
    error = -cv_scores.max(axis=0)
    return np.where(error < bold.var(axis=0), error, 0.0)


def _scored(
    models: dict[str, _Fitted], image: str, share: dict[str, np.ndarray], test: _Test, *,
    block: int, samples: int, permutations: int, seed: int,
) -> tuple[dict[str, dict[str, np.ndarray]], list[dict]]:  # fmt: skip
    """Maps of every voxel, and rows of the table."""
    blocks = time_blocks(test.volumes, block)
    weights = block_weights(blocks, samples, seed)
    roi = test.voxels["roi"].to_numpy(dtype=str)
    regions = regions_of(roi, np.isfinite(test.scale))
    names = ("r", "explained", "q", "difference", "difference_low", "difference_high", "samples")
    maps: dict[str, dict[str, np.ndarray]] = {name: {} for name in names}
    maps["share"] = share
    reference = correlations(test.truth, models[image].predicted, test.scale, weights)
    rows = []
    for name, model in models.items():
        r = correlations(test.truth, model.predicted, test.scale)
        again = correlations(test.truth, model.predicted, test.scale, weights)
        null = permuted(
            test.truth, model.predicted, test.scale, blocks, regions,
            permutations=permutations, seed=seed,
        )  # fmt: skip
        explained = metrics(moments(test.truth, model.predicted))["explained_variance"]
        maps["r"][name], maps["q"][name] = r, null.q
        maps["explained"][name] = np.nan_to_num(explained) / test.scale**2
        if name != image:
            maps["samples"][name] = again - reference
            maps["difference"][name] = r - maps["r"][image]
            low, high = np.percentile(again - reference, (2.5, 97.5), axis=0)
            maps["difference_low"][name], maps["difference_high"][name] = low, high
        rows += [
            {"space": name, "roi": region, **_row(name, maps, again, null, test, region, chosen)}
            for region, chosen in regions.items()
        ]
    return maps, rows


def _row(
    name: str, maps: dict[str, dict[str, np.ndarray]], again: np.ndarray, null: Null,
    test: _Test, region: str, chosen: np.ndarray,
) -> dict[str, object]:  # fmt: skip
    r = maps["r"][name][chosen]
    low, high = interval(again, chosen)
    row: dict[str, object] = {
        "voxels": int(chosen.sum()),
        "r": np.median(r),
        "r_low": low,
        "r_high": high,
        "raw_r": np.median(r * test.scale[chosen]),
        "explained": np.median(maps["explained"][name][chosen]),
        "ceiling": np.median(test.scale[chosen]),
        "chance": CHANCE,
        "p": (1 + (null.medians[region] >= np.median(r) - 1e-9).sum())
        / (1 + len(null.medians[region])),
        "share": np.median(maps["share"][name][chosen]) if name in maps["share"] else np.nan,
    }
    if name not in maps["difference"]:
        return row | dict.fromkeys(COLUMNS[14:17], np.nan)
    between = interval(maps["samples"][name], chosen)
    row["minus_image"] = np.median(maps["difference"][name][chosen])
    return row | {"minus_image_low": between[0], "minus_image_high": between[1]}


def _likelihoods(
    models: dict[str, _Fitted], volumes: pd.DataFrame, measured: np.ndarray,
    spaces: dict[str, dict[str, np.ndarray]], ids: np.ndarray, delays: Sequence[int], rows: Rows,
) -> dict[str, np.ndarray]:  # fmt: skip
    """How likely each test clip makes each measured window, (n, n), by model."""
    window = response_windows(volumes, ids, delays)
    known = window.rows >= 0
    shown = volumes["stimulus_id"].to_numpy(dtype=str)[rows.train]
    seen = sorted(set(shown.tolist()) - {""})
    scaled = {}
    for name, vectors in spaces.items():
        scaling = Scaling.of(np.stack([vectors[one] for one in seen]))
        scaled[name] = scaling(np.stack([vectors[one] for one in ids]))
    found = {}
    for name, model in models.items():
        parts = [
            _batch_likelihood(model, scaled, measured, window, known, delays, voxels)
            for voxels in voxel_batches(measured.shape[1], _VOXELS)
        ]
        found[name] = np.sum(parts, axis=0)
    return found


def _batch_likelihood(
    model: _Fitted, scaled: dict[str, np.ndarray], measured: np.ndarray, window: Window,
    known: np.ndarray, delays: Sequence[int], voxels: slice,
) -> np.ndarray:  # fmt: skip
    """Part of the log-likelihoods that some voxels add, (n, n)."""
    windows = measured[:, voxels][window.rows] - model.intercept[voxels]  # (n, w, batch)
    predicted, start = np.zeros_like(windows), 0
    for space in model.spaces:
        stop = start + len(delays) * scaled[space].shape[1]
        coef = model.coef[start:stop, voxels]
        predicted += alone(scaled[space], coef, delays, window.lasts)
        start = stop
    return log_likelihoods(windows, predicted, model.variance[voxels], known)
