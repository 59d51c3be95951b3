"""Stage: chosen methods beside each other, paired over stimuli, in one table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from brainvis.errors import BrainvisError
from brainvis.evaluate import statistics
from brainvis.evaluate import table as tables
from brainvis.evaluate.comparison import paired_differences, rank_sum
from brainvis.evaluate.table import scores_by_subject

_PART = ["dataset", "split", "modality"]
COLUMNS = (*_PART, "method", "against", "metric", "higher_is_better", "stimuli", "subjects")
COLUMNS += ("difference", "low", "high", "p", "q", "better")
COLUMNS += ("rank_sum", "rank_sum_against", "metrics_ranked")


def compare_methods(
    table: Path,
    out: Path,
    *,
    pairs: Sequence[tuple[str, Sequence[str]]],
    draws: int = 1000,
    seed: int = 0,
) -> None:
    """Paired differences of chosen methods in every data set, split and modality that both are in.

    Parameters
    ----------
    table : path
        Tidy scores, from `brainvis.evaluate.stage`.
    out : path
        Table with the columns `COLUMNS`: those of `comparison.paired_differences` (q within a
        pair, over metrics), and the rank sums of the two among all methods of their entry of
        `pairs`, over the metrics that all of these have (NaN where there is none).
    pairs : sequence of (str, sequence of str)
        Method, and those that it is compared with.
    draws, seed : int
        Of the bootstrap and of the sign flips.

    Raises
    ------
    BrainvisError
        Nothing to compare, or two methods that no part of the table holds both of.
    """
    scores = tables.read(table)
    parts = {
        names: scores.loc[(scores[_PART] == names).all(axis=1)]
        for names in sorted(set(scores[_PART].itertuples(index=False, name=None)))
    }
    rows = []
    for method, against in pairs:
        found = [
            frame.assign(**dict(zip(_PART, names, strict=True)))
            for names, part in parts.items()
            if (frame := _compared(part, method, against, draws, seed)) is not None
        ]
        compared = {name for frame in found for name in frame["against"]}
        if missing := [name for name in against if name not in compared]:
            raise BrainvisError(
                f"holds no split and modality with both {method!r} and {missing[0]!r}",
                file=table,
                field="method",
                found=sorted(set(scores["method"])),
            )
        rows += found
    if not rows:
        raise BrainvisError("nothing to compare", field="evaluate.compare", found="no pairs")
    tables.write(pd.concat(rows, ignore_index=True).reindex(columns=list(COLUMNS)), out)


def _compared(
    part: pd.DataFrame, method: str, against: Sequence[str], draws: int, seed: int
) -> pd.DataFrame | None:
    """Rows of one method beside others, or None where the part has not it and any of them."""
    present = set(part["method"])
    others = [name for name in against if name in present]
    if method not in present or not others:
        return None
    sums, metrics = _rank_sums(part, [method, *others])
    frames = []
    for other in others:
        frame = paired_differences(part, method, other, draws=draws, seed=seed)
        own = {"method": method, "against": other, "metrics_ranked": metrics}
        own |= {"rank_sum": sums[method], "rank_sum_against": sums[other]}
        frames.append(frame.assign(**own))
    return pd.concat(frames, ignore_index=True)


def _rank_sums(part: pd.DataFrame, methods: list[str]) -> tuple[dict[str, float], int]:
    """Sum of ranks of each method, and over how many metrics; NaN where they share none."""
    means = {
        metric: {
            method: statistics.mean_score(scores_by_subject(part, method, metric).to_numpy())
            for method in methods
            if ((part["method"] == method) & (part["metric"] == metric)).any()
        }
        for metric in part["metric"].unique()
    }
    frame = pd.DataFrame(means, index=pd.Index(methods, name="method"))
    shared = frame.dropna(axis="columns")
    if shared.empty:
        return dict.fromkeys(methods, float("nan")), 0
    sums = rank_sum(shared)["rank_sum"].to_dict()
    return {str(name): float(value) for name, value in sums.items()}, shared.shape[1]
