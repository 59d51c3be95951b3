"""Decode the test stimuli of a split: fold by fold, learning from training stimuli alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from brainvis.containers import (
    Features,
    Responses,
    Stimuli,
    row_numbers,
    write_features,
    write_reconstructions,
)
from brainvis.datasets.splits import Fold, checked
from brainvis.decoding.latent import Latent
from brainvis.decoding.registry import Settings, feature_decoder, for_fold, image_decoder
from brainvis.errors import BrainvisError


def decode(
    responses: Path,
    stimuli: Path,
    split: Sequence[Fold],
    out: Path,
    *,
    method: str = "bayesian_linear",
    name: str | None = None,
    split_name: str = "main",
    prior: Path | None = None,
    features: Path | None = None,
    base: str = "bayesian_linear",
    trials: str = "averaged",
    voxels: int | None = None,
    explained: float = 0.99,
    inner_folds: int = 5,
    levels: bool = False,
    seed: int = 0,
) -> None:
    """Reconstruct the test stimuli of every fold and write a `Reconstructions` file.

    Test responses are averaged over repeats. Everything that is learned (voxel selection,
    normalising, components, penalties, shrinkage) is learned in each fold from its training
    stimuli, and from `prior` where given.

    Parameters
    ----------
    responses, stimuli : Path
        `Responses` and `Stimuli` files.
    split : sequence of Fold
        Training and test stimuli of each fold; no stimulus may be tested twice.
    out : Path
        File to write.
    method : str
        One of `registry.IMAGE_METHODS`.
    name : str, optional
        What the file calls the method; `method` by default.
    split_name : str
        Name of the split, recorded in the file.
    prior : Path, optional
        `Stimuli` file of images that are no stimuli, for "bayesian_linear",
        "bayesian_mixture", "ridge_pca" and "prior_only"; by default the training images
        of each fold serve.
    features : Path, optional
        `Features` file for "nearest_training"; principal components of pixels by default.
    base : str
        Method that "shuffled" trains on a shuffled pairing.
    trials : {"averaged", "single"}
        Train on responses averaged over the repeats of a stimulus, or on single trials.
    voxels : int, optional
        Upper limit on voxels, selected by left-out encoding in training stimuli.
    explained : float
        Share of variance that principal components keep.
    inner_folds : int
        Folds of the inner cross-validation.
    levels : bool
        Stretch images of "bayesian_mixture" between levels learned in training stimuli.
    seed : int
        Drives inner folds, shuffles and draws.

    Raises
    ------
    BrainvisError
        Unknown method or setting, files that do not belong together, overlapping folds, a prior
        that holds a stimulus.
    """
    shown, measured = Stimuli.open(stimuli), Responses.open(responses)
    folds = _folds(split, shown.ids)
    _check_settings(trials, explained, inner_folds, voxels)
    pool = None if prior is None else _prior_vectors(prior, shown)
    settings = Settings(base, voxels, explained, inner_folds, seed, levels, pool=pool)
    if pool is not None and {method, base} & {"bayesian_linear", "bayesian_mixture", "ridge_pca"}:
        settings = replace(settings, prior=Latent.fit(pool, explained))
    vectors = []
    for number, fold in enumerate(tqdm(folds, disable=None, desc=f"decode {method}")):
        ids, x, groups = _training(measured, fold, trials)
        known = None if features is None else Features.open(features).pooled(ids)
        decoder = image_decoder(method, for_fold(settings, number, known))
        decoder.fit(x, _flat(shown.images(shown.rows(ids))), groups)
        vectors.append(decoder.predict(_finite(measured.averaged(np.array(fold.test)), measured)))
    ids, flat, numbers = _gathered(folds, vectors)
    images = flat.reshape(len(flat), *shown.shape)
    write_reconstructions(
        out, ids, images, numbers, **_attributes(measured, name or method, split_name)
    )


def decode_features(
    responses: Path,
    features: Path,
    split: Sequence[Fold],
    out: Path,
    *,
    method: str = "ridge_features",
    name: str | None = None,
    split_name: str = "main",
    base: str = "ridge_features",
    tokens: bool = False,
    trials: str = "averaged",
    voxels: int | None = None,
    explained: float = 0.99,
    inner_folds: int = 5,
    seed: int = 0,
) -> None:
    """Decode the pooled features of the test stimuli and write a `Features` file.

    The file has one row per test stimulus and the attributes space, model, kind, dataset, subject,
    split and method.

    Parameters
    ----------
    responses, features : Path
        `Responses` file, and `Features` file of the stimuli.
    split, out, name, split_name, base, trials, voxels, explained, inner_folds, seed
        See `decode`.
    method : str
        One of `registry.FEATURE_METHODS`; "ceiling" gives the true features of the test stimuli,
        to see what a generator makes of them, and reads no response.
    tokens : bool
        Decode the tokens of the last layer too, for a generator.

    Raises
    ------
    BrainvisError
        See `decode`.
    """
    measured, known = Responses.open(responses), Features.open(features)
    folds = _folds(split, known.ids)
    _check_settings(trials, explained, inner_folds, voxels)
    settings = Settings(base, voxels, explained, inner_folds, seed)
    vectors = []
    for number, fold in enumerate(tqdm(folds, disable=None, desc=f"decode {known.space}")):
        if method == "ceiling":
            vectors.append(_vectors(known, np.array(fold.test), tokens))
            continue
        ids, x, groups = _training(measured, fold, trials)
        decoder = feature_decoder(method, for_fold(settings, number))
        decoder.fit(x, _vectors(known, ids, tokens), groups)
        vectors.append(decoder.predict(_finite(measured.averaged(np.array(fold.test)), measured)))
    ids, flat, _ = _gathered(folds, vectors)
    attributes = _attributes(measured, name or method, split_name)
    model = str(known.attributes.get("model", ""))
    width = known.pooled(ids[:1]).shape[1]
    last = flat[:, width:].reshape(len(flat), *_last(known, ids[:1]).shape[1:]) if tokens else None
    write_features(out, ids, flat[:, :width], last, space=known.space, model=model, **attributes)


def _vectors(known: Features, ids: np.ndarray, tokens: bool) -> np.ndarray:
    """Pooled vectors, followed by all tokens of the last layer where wanted, (n, d)."""
    pooled = known.pooled(ids)
    return np.hstack([pooled, _flat(_last(known, ids))]) if tokens else pooled


def _last(known: Features, ids: np.ndarray) -> np.ndarray:
    """Tokens of the last layer, (n, tokens, width) float32."""
    tokens = known.tokens(ids).astype(np.float32)
    return tokens[:, -1] if tokens.ndim == 4 else tokens


def _folds(split: Sequence[Fold], known: np.ndarray) -> list[Fold]:
    """Folds that are sound and test no stimulus twice."""
    folds = checked(list(split), known)
    tested = [name for fold in folds for name in fold.test]
    if len(set(tested)) < len(tested) or not tested:
        raise BrainvisError(
            "needs folds that test each stimulus once",
            field="split",
            found=f"{len(tested)} tests of {len(set(tested))} stimuli",
        )
    return folds


def _check_settings(trials: str, explained: float, inner_folds: int, voxels: int | None) -> None:
    checks = {
        "trials": (trials, trials in ("averaged", "single"), "'averaged' or 'single'"),
        "explained": (explained, 0 < explained <= 1, "a share in (0, 1]"),
        "inner_folds": (inner_folds, inner_folds >= 2, "at least 2"),
        "voxels": (voxels, voxels is None or voxels >= 1, "at least 1, or null for no limit"),
    }
    for name, (value, good, allowed) in checks.items():
        if not good:
            raise BrainvisError("unknown value", field=name, found=value, remedy=allowed)


def _training(
    measured: Responses, fold: Fold, trials: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Training rows: stimulus identifiers (n,), responses (n, v), stimulus numbers (n,).

    Of stimuli that the subject saw: in some data sets each subject has training images of its own.
    """
    stimulus = measured.trials["stimulus_id"].to_numpy(dtype=str)
    shown = set(stimulus.tolist())
    train = np.array([name for name in fold.train if name in shown])
    if len(train) < 3:
        raise BrainvisError("needs three training stimuli", field="split", found=len(train))
    if trials == "averaged":
        return train, _finite(measured.averaged(train), measured), np.arange(len(train))
    numbers = row_numbers(train, stimulus, measured.path, missing=-1)
    rows = np.flatnonzero(numbers >= 0)
    return stimulus[rows], _finite(measured.betas(rows), measured), numbers[rows]


def _finite(betas: np.ndarray, measured: Responses) -> np.ndarray:
    if not np.isfinite(betas).all():
        raise BrainvisError(
            "holds values that are not finite",
            file=measured.path,
            field="betas",
            found=f"{int((~np.isfinite(betas)).any(axis=0).sum())} such voxels",
            remedy="drop these voxels or run the betas stage again",
        )
    return betas


def _prior_vectors(prior: Path, shown: Stimuli) -> np.ndarray:
    """Prior images as flat vectors, (k, p); none of them may be a stimulus."""
    extra = Stimuli.open(prior)
    if extra.shape != shown.shape:
        raise BrainvisError(
            f"images differ in size from the stimuli, {shown.shape}",
            file=prior,
            field="images",
            found=extra.shape,
        )
    images = extra.read("images")
    seen = {image.tobytes() for image in shown.read("images")}
    if overlap := sum(image.tobytes() in seen for image in images):
        raise BrainvisError(
            "holds stimuli", file=prior, field="images", found=overlap, remedy="remove them"
        )
    return _flat(images.astype(np.float32) / 255.0)


def _flat(images: np.ndarray) -> np.ndarray:
    """(n, h, w, 3) -> (n, h * w * 3)."""
    return images.reshape(len(images), -1)


def _gathered(
    folds: list[Fold], vectors: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Test identifiers, their decoded vectors and fold numbers, over all folds."""
    ids = np.array([name for fold in folds for name in fold.test])
    numbers = np.repeat(np.arange(len(folds)), [len(fold.test) for fold in folds])
    return ids, np.concatenate(vectors), numbers


def _attributes(measured: Responses, method: str, split_name: str) -> dict[str, str]:
    return {
        "method": method,
        "subject": measured.subject,
        "split": split_name,
        "dataset": str(measured.attributes.get("dataset", "")),
        "kind": measured.kind,
    }
