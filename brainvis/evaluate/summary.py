"""From the tidy table to method x metric: mean, interval, chance, p, and what beats a baseline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from brainvis.evaluate import statistics
from brainvis.evaluate.catalogue import describe
from brainvis.evaluate.table import GROUP, scores_by_subject

ALL = "all"
_PART = GROUP[:3]  # dataset, split, modality: what is compared with each other
Key = tuple[str, ...]  # dataset, split, modality, method, metric, subject


@dataclass(frozen=True)
class Null:
    """What permuted pairings give for one subject: draws, the true mean beside them, chance."""

    draws: np.ndarray
    observed: float
    chance: float


@dataclass(frozen=True)
class _Options:
    baselines: tuple[str, ...]
    draws: int
    interval: str
    seed: int


def summarise(
    table: pd.DataFrame,
    nulls: dict[Key, Null],
    *,
    baselines: tuple[str, ...] = (),
    bootstrap: int = 1000,
    interval: str = "percentile",
    seed: int = 0,
) -> pd.DataFrame:
    """One row per split, modality, method, metric and subject, and one for all subjects.

    Parameters
    ----------
    table : DataFrame
        Tidy scores (`brainvis.evaluate.table.COLUMNS`).
    nulls : dict
        Permutation nulls by (dataset, split, modality, method, metric, subject).
    baselines : tuple of str
        Methods that stand for "nothing decoded"; others are compared with the best of them.
    bootstrap : int
        Draws.
    interval : {"percentile", "bca"}
    seed : int

    Returns
    -------
    DataFrame
        Columns: those of the group, subject ("all" or a label), baseline (bool),
        higher_is_better, n (stimuli), subjects, mean, ci_low, ci_high (95 %, over stimuli, subjects
        fixed), ci_low_subjects, ci_high_subjects (subjects drawn too; NaN with one subject),
        chance, chance_is (exact | permuted), p (permuted pairing, one-sided), q
        (Benjamini-Hochberg over the methods and metrics of one split and subject), best_baseline,
        difference, difference_low, difference_high, difference_p (paired, sign flips), protocol.
    """
    options = _Options(baselines, bootstrap, interval, seed)
    rows = []
    for names in sorted(set(table[_PART].itertuples(index=False, name=None))):
        part = table.loc[(table[_PART] == names).all(axis=1)]
        for subject in [ALL, *sorted(set(part["subject"]))]:
            chosen = part if subject == ALL else part.loc[part["subject"] == subject]
            rows += _part_rows(chosen, names, subject, nulls, options)
    summary = pd.DataFrame(rows)
    family = [*_PART, "subject", "baseline"]
    p_to_q = summary.groupby(family)["p"].transform(
        lambda p: statistics.false_discovery_rate(p.to_numpy())
    )
    summary.insert(list(summary.columns).index("p") + 1, "q", p_to_q)
    return summary


def _part_rows(
    part: pd.DataFrame, names: tuple, subject: str, nulls: dict[Key, Null], options: _Options
) -> list[dict]:
    rows = []
    for metric in part["metric"].unique():
        methods = sorted(part.loc[part["metric"] == metric, "method"].unique())
        scores = {method: scores_by_subject(part, method, metric) for method in methods}
        best = _best_baseline(scores, options.baselines, describe(metric).higher_is_better)
        for method in methods:
            key = (*names, method, metric)
            row = dict(zip(GROUP, key, strict=True))
            row |= {"subject": subject, "baseline": method in options.baselines}
            row |= _location(scores[method], metric, options)
            people = [nulls[*key, name] for name in scores[method] if (*key, name) in nulls]
            row |= _against_chance(people, metric)
            row |= _against_baseline(scores, method, best, options)
            row["protocol"] = _protocol(part, method, metric)
            rows.append(row)
    return rows


def _location(scores: pd.DataFrame, metric: str, options: _Options) -> dict[str, object]:
    values = scores.to_numpy()
    draws, seed = options.draws, options.seed
    low, high = statistics.bootstrap_interval(
        values, draws=draws, method=options.interval, seed=seed
    )
    wide = (np.nan, np.nan)
    if values.shape[1] > 1:
        wide = statistics.bootstrap_interval(values, draws=draws, resample_subjects=True, seed=seed)
    return {
        "higher_is_better": describe(metric).higher_is_better,
        "n": int((~np.isnan(values)).any(axis=1).sum()),
        "subjects": values.shape[1],
        "mean": statistics.mean_score(values),
        "ci_low": low,
        "ci_high": high,
        "ci_low_subjects": wide[0],
        "ci_high_subjects": wide[1],
    }


def _against_chance(people: list[Null], metric: str) -> dict[str, object]:
    """Chance and p for the mean over subjects; one permutation is applied to all of them."""
    described = describe(metric)
    kind = "exact" if described.chance else "permuted"
    if not people:
        return {"chance": np.nan, "chance_is": kind, "p": np.nan}
    null = np.mean([person.draws for person in people], axis=0)
    observed = float(np.mean([person.observed for person in people]))
    p = statistics.permutation_p(observed, null, higher_is_better=described.higher_is_better)
    chance = float(np.mean([person.chance for person in people]))
    return {"chance": chance, "chance_is": kind, "p": p}


def _best_baseline(
    scores: dict[str, pd.DataFrame], baselines: tuple[str, ...], higher: bool
) -> str | None:
    means = {
        method: statistics.mean_score(values.to_numpy()) * (1 if higher else -1)
        for method, values in scores.items()
        if method in baselines
    }
    return max(means, key=lambda method: means[method]) if means else None


def _against_baseline(
    scores: dict[str, pd.DataFrame], method: str, best: str | None, options: _Options
) -> dict[str, object]:
    names = ("difference", "difference_low", "difference_high", "difference_p")
    if best is None or method in options.baselines:
        return {"best_baseline": "", **dict.fromkeys(names, np.nan)}
    first, second = scores[method].align(scores[best], join="inner")
    if first.empty:
        return {"best_baseline": best, **dict.fromkeys(names, np.nan)}
    pair = (first.to_numpy(), second.to_numpy())
    found = statistics.paired_difference(*pair, draws=options.draws, seed=options.seed)
    values = (found.mean, found.low, found.high, found.p)
    return {"best_baseline": best, **dict(zip(names, values, strict=True))}


def _protocol(part: pd.DataFrame, method: str, metric: str) -> str:
    chosen = (part["method"] == method) & (part["metric"] == metric)
    return "; ".join(part.loc[chosen, "protocol"].unique())
