"""From passes of movie segments to averaged volumes and clip responses; arrays in, arrays out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from brainvis.preprocess.design import trial_regressors
from brainvis.preprocess.reliability import noise_ceiling, noise_ceiling_snr

PENALTY = 0.05  # of the clip responses' ridge, as a share of the mean power of a clip's regressor


@dataclass(frozen=True)
class Passes:
    """One segment and the runs that showed it.

    `runs`, their numbers from 0; `training`; `onset` and `duration` (events,) s; `clip` (events,)
    number of the clip; `times` (volumes,) s; `ids` (clips,) str.
    """

    runs: tuple[int, ...]
    training: bool
    onset: np.ndarray
    duration: np.ndarray
    clip: np.ndarray
    times: np.ndarray
    ids: np.ndarray

    @property
    def name(self) -> str:
        """``train-`` or ``test-`` and the number of its first run."""
        return f"{'train' if self.training else 'test'}-{self.runs[0] + 1:03d}"


@dataclass(frozen=True)
class Cleaned:
    """`bold` (t, v) and `betas` (c, v) float32 of all segments in order; `ceiling` and
    `test_ceiling` (v,), noise ceiling of averaged volumes of training and of test segments."""

    bold: np.ndarray
    betas: np.ndarray
    ceiling: np.ndarray
    test_ceiling: np.ndarray


@dataclass(frozen=True)
class ClipModel:
    """`design` (volumes, clips) without drift; `inverse` (clips, volumes), its ridge estimator."""

    design: np.ndarray
    inverse: np.ndarray


def clean(
    runs: list[np.ndarray],
    nuisance: list[np.ndarray],
    segments: list[Passes],
    models: list[ClipModel],
) -> Cleaned:
    """Detrend every pass, average, scale by training volumes, separate the clips.

    Parameters
    ----------
    runs : one (volumes, v) per run
    nuisance : one (volumes, k) orthonormal basis per run
    segments : list of Passes
    models : one ClipModel per segment

    Returns
    -------
    Cleaned
        Nothing of training rows depends on test segments; these are scaled alike.
    """
    bold, seen = [], {True: [], False: []}
    for segment in segments:
        passes = np.stack([_residual(runs[n], nuisance[n]) for n in segment.runs])
        bold.append(passes.mean(axis=0))
        seen[segment.training].append(passes)
    training = [segment.training for segment in segments]
    return Cleaned(
        scaled(bold, training),
        scaled(clip_responses(bold, models, training), training),
        repeat_ceiling(seen[True]),
        repeat_ceiling(seen[False]),
    )


def scaled(parts: list[np.ndarray], training: list[bool]) -> np.ndarray:
    """z-scores (rows, v) float32 with mean and deviation of the parts that are for training.

    A voxel that does not vary there becomes 0.
    """
    known = np.concatenate([part for part, own in zip(parts, training, strict=True) if own])
    mean, spread = known.mean(axis=0, dtype=float), known.std(axis=0, dtype=float)
    rows = np.concatenate(parts) - mean
    return np.divide(rows, spread, out=np.zeros_like(rows), where=spread > 0).astype(np.float32)


def repeat_ceiling(segments: list[np.ndarray]) -> np.ndarray:
    """Share of a mean volume's variance that repeats, 0 to 1, (v,) float32.

    Parameters
    ----------
    segments : list of (passes, volumes, v)
        NaN where no segment has two passes.
    """
    values, numbers, first = [], [], 0
    for passes in segments:
        count, length = passes.shape[:2]
        values.append(passes.reshape(count * length, -1))
        numbers.append(np.tile(np.arange(first, first + length), count))
        first += length
    index = np.concatenate(numbers)
    ratio = noise_ceiling_snr(np.concatenate(values), index)
    return noise_ceiling(ratio, np.unique(index, return_counts=True)[1])


def clip_model(segment: Passes, impulse: np.ndarray, drift: np.ndarray) -> ClipModel:
    """Model of a segment's volumes: a regressor per clip, the sum over its showings.

    Parameters
    ----------
    segment : Passes
    impulse : (320,)
        HRF every 0.1 s.
    drift : (volumes, k) orthonormal
        Projected out of the design.
    """
    single = trial_regressors(impulse, segment.onset, segment.duration, segment.times)
    count = len(segment.ids)
    design = _residual(single @ np.eye(count)[segment.clip], drift)  # (volumes, clips)
    power = np.square(design).sum(axis=0).mean()
    gram = design.T @ design + PENALTY * power * np.eye(count)
    return ClipModel(design, np.linalg.solve(gram, design.T))


def clip_responses(
    means: list[np.ndarray], models: list[ClipModel], training: list[bool]
) -> list[np.ndarray]:
    """One response per clip: ridge towards the mean response to training clips.

    Parameters
    ----------
    means : one (volumes, v) per segment
    models, training : one per segment

    Returns
    -------
    list of (clips, v)
    """
    common = [model.design.sum(axis=1) for model in models]
    known = [n for n, own in enumerate(training) if own]
    power = sum(float(np.square(common[n]).sum()) for n in known)
    mean = sum(common[n] @ means[n] for n in known) / max(power, 1e-12)  # (v,)
    return [
        mean + model.inverse @ (bold - np.outer(regressor, mean))
        for model, bold, regressor in zip(models, means, common, strict=True)
    ]


def _residual(data: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Data (volumes, v) without the space of an orthonormal basis (volumes, k)."""
    return data - basis.astype(data.dtype) @ (basis.T.astype(data.dtype) @ data)
