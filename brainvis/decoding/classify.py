"""Linear classification of single-trial betas, leaving out one run at a time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from brainvis.containers import Responses
from brainvis.errors import BrainvisError
from brainvis.preprocess.normalise import zscore_by_run


def leave_one_run_out_accuracy(
    betas: np.ndarray, labels: np.ndarray, runs: np.ndarray
) -> np.ndarray:
    """Predict each trial's label by a linear classifier trained on the other runs.

    Linear discriminant analysis with the covariance shrunk by Ledoit and Wolf's formula (2004,
    J Multivariate Analysis 88), for more voxels than trials.

    Parameters
    ----------
    betas : (trials, voxels)
    labels, runs : (trials,)

    Returns
    -------
    (trials,) predicted labels; their agreement with `labels` is the accuracy
    """
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict

    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    return np.asarray(cross_val_predict(model, betas, labels, groups=runs, cv=LeaveOneGroupOut()))


def write_accuracies(
    betas: Sequence[Path],
    out: Path,
    *,
    bootstrap: int = 2000,
    permutations: int = 2000,
    seed: int = 0,
) -> None:
    """Write a table of leave-one-run-out accuracies, all categories and each alone (CSV).

    Each run is first z-scored by its own trials, which uses no label.

    Parameters
    ----------
    betas : sequence of Path
        `Responses` files whose trials carry trial_type and run.
    out : Path
        Columns subject, target, accuracy, ci_low, ci_high (95 %, bootstrap over runs), chance, p
        (labels permuted within runs against the same predictions), n.
    bootstrap, permutations : int
        Draws.
    seed : int

    Raises
    ------
    BrainvisError
        Fewer than two categories or two runs.
    """
    rows = []
    for path in betas:
        source = Responses.open(path)
        labels = source.trials["trial_type"].to_numpy(dtype=str)
        runs = source.trials["run"].to_numpy()
        if len(set(labels)) < 2 or len(set(runs)) < 2:
            raise BrainvisError(
                "needs two categories and two runs to classify",
                file=path,
                field="trials/trial_type, run",
                found=f"{len(set(labels))} categories, {len(set(runs))} runs",
            )
        normal = zscore_by_run(source.betas(), runs, np.ones(len(runs), dtype=bool))
        predicted = leave_one_run_out_accuracy(normal, labels, runs)
        right = predicted == labels
        rng = np.random.default_rng([seed, 0])
        for target in ("all", *sorted(set(labels))):
            kept = np.ones(len(labels), bool) if target == "all" else labels == target
            low, high = _interval(right[kept], runs[kept], bootstrap, rng)
            rows.append(
                {
                    "subject": source.subject,
                    "target": target,
                    "accuracy": right[kept].mean(),
                    "ci_low": low,
                    "ci_high": high,
                    "chance": 1 / len(set(labels)),
                    "p": _permutation_p(predicted, labels, runs, kept, permutations, rng),
                    "n": int(kept.sum()),
                }
            )
    pd.DataFrame(rows).to_csv(out, index=False)


def _interval(
    right: np.ndarray, runs: np.ndarray, draws: int, rng: np.random.Generator
) -> tuple[float, float]:
    """95 % interval of the accuracy, whole runs drawn with replacement."""
    means = np.array([right[runs == run].mean() for run in np.unique(runs)])
    drawn = rng.choice(means, size=(draws, len(means))).mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def _permutation_p(
    predicted: np.ndarray,
    labels: np.ndarray,
    runs: np.ndarray,
    kept: np.ndarray,
    draws: int,
    rng: np.random.Generator,
) -> float:
    """Share of label orders within runs that agree as well with the predictions."""
    observed = (predicted == labels)[kept].mean()
    order = np.lexsort((np.arange(len(runs)), runs))
    beaten = 0
    for _ in range(draws):
        shuffled = np.empty_like(labels)
        # sorting by (run, random) shuffles inside every run at once
        shuffled[order] = labels[np.lexsort((rng.random(len(runs)), runs))]
        hit = predicted == shuffled
        # the category's own rate is over the trials that carry its name in this order
        rows = kept if kept.all() else np.isin(shuffled, labels[kept])
        beaten += hit[rows].mean() >= observed
    return float((1 + beaten) / (1 + draws))
