"""Stage: what decoding of new subjects is worth by the number of their training trials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from brainvis.containers import Features, Responses
from brainvis.datasets.splits import Fold
from brainvis.errors import BrainvisError
from brainvis.evaluate import table as tables
from brainvis.evaluate.evaluated import order_of
from brainvis.evaluate.scoring import score_vectors
from brainvis.evaluate.statistics import bootstrap_interval, mean_score, paired_difference

MODEL, RIDGE, SHUFFLED = "transformer", "ridge", "shuffled"
METHODS = (MODEL, RIDGE, SHUFFLED)
CHANCE = 0.5  # of two-way identification
_GAINS = ("of_full", "above_ridge")
COLUMNS = ("share", "trials", "images", "method", "name", "space", "subjects", "stimuli", "chance")
COLUMNS += (
    "two_way",
    "low",
    "high",
    *(f"{g}{end}" for g in _GAINS for end in ("", "_low", "_high")),
)


@dataclass(frozen=True)
class Budget:
    """Files of one new subject and share of its trials.

    `share` counts parts: 40 for a fortieth, 1 for all; `responses` are what was learned from, and
    `decoded` the `Features` of each of `METHODS`.
    """

    share: int
    responses: Path
    decoded: dict[str, Path]


def score_budgets(
    features: Path,
    budgets: Sequence[Budget],
    fold: Fold,
    out: Path,
    *,
    bootstrap: int = 1000,
    seed: int = 0,
) -> None:
    """Two-way identification by number of trials, beside ridge on the same trials.

    Parameters
    ----------
    features : Path
        `Features` of the stimuli, in the space that is decoded.
    budgets : sequence of Budget
        Those of share 1 among them, the same subjects at every share.
    fold : Fold
        Its training stimuli count as trials.
    out : Path
        Table with the columns `COLUMNS`, a row per share and method: two_way with 95 % interval
        over stimuli (subjects fixed); of_full, the part of the method's two-way above chance from
        all trials that this share keeps; above_ridge, the difference from ridge on the same trials,
        both with intervals paired over stimuli.
    bootstrap, seed : int

    Raises
    ------
    BrainvisError
        No files of all trials, subjects that differ between shares, vectors of another space.
    """
    known = Features.open(features)
    shares = sorted({one.share for one in budgets}, reverse=True)
    if 1 not in shares:
        raise BrainvisError(
            "needs files from all trials to compare with", field="share", found=shares
        )
    values = {
        (share, method): _values(known, [one for one in budgets if one.share == share], method)
        for share in shares
        for method in METHODS
    }
    rows = []
    for share in shares:
        own = [one for one in budgets if one.share == share]
        trials, images = np.mean([_learned(one.responses, fold) for one in own], axis=0)
        for method in METHODS:
            found, full = values[share, method], values[1, method]
            if list(found.columns) != list(full.columns) or not found.index.equals(full.index):
                raise BrainvisError(
                    "needs the same subjects and test stimuli from all trials",
                    file=own[0].decoded[method],
                    field="subject, ids",
                    found=list(found.columns),
                )
            low, high = bootstrap_interval(found.to_numpy(), draws=bootstrap, seed=seed)
            row = {"share": share, "trials": trials, "images": images, "method": method}
            row |= {"name": _name(own[0].decoded[method]), "space": known.space}
            row |= {"subjects": found.shape[1], "stimuli": len(found), "chance": CHANCE}
            row |= {"two_way": mean_score(found.to_numpy()), "low": low, "high": high}
            row |= _kept(found.to_numpy(), full.to_numpy(), bootstrap, seed)
            row |= _above(found.to_numpy(), values[share, RIDGE].to_numpy(), bootstrap, seed)
            rows.append(row)
    tables.write(pd.DataFrame(rows, columns=list(COLUMNS)), out)


def _values(known: Features, budgets: Sequence[Budget], method: str) -> pd.DataFrame:
    """Two-way identification of each stimulus (rows) and subject (columns)."""
    columns = {}
    for one in budgets:
        made = Features.open(one.decoded[method])
        if made.space != known.space:
            raise BrainvisError(
                f"is not of the space of {known.path}, {known.space!r}",
                file=made.path,
                field="space",
                found=made.space,
            )
        order = order_of(made)
        ids = made.ids[order]
        (score,) = score_vectors(
            known.pooled(ids), made.pooled(ids), None, known.space, measures=("two_way",),
            permutations=1,
        )  # fmt: skip
        columns[str(made.attributes["subject"])] = pd.Series(score.values, index=ids)
    return pd.DataFrame(columns).sort_index(axis=1)


def _learned(responses: Path, fold: Fold) -> tuple[int, int]:
    """Training trials of a file, and how many stimuli they show."""
    shown = Responses.open(responses).trials["stimulus_id"].to_numpy(dtype=str)
    own = shown[np.isin(shown, fold.train)]
    return len(own), len(np.unique(own))


def _name(decoded: Path) -> str:
    return str(Features.open(decoded).attributes["method"])


def _kept(found: np.ndarray, full: np.ndarray, draws: int, seed: int) -> dict[str, float]:
    """Part of what lies above chance from all trials, with its paired interval."""
    rng = np.random.default_rng([seed, 5])
    weights = rng.multinomial(len(found), np.full(len(found), 1 / len(found)), size=draws)
    few, all_ = (weights @ one.mean(axis=1) / len(found) - CHANCE for one in (found, full))
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = np.nanquantile(np.where(all_ > 0, few / all_, np.nan), [0.025, 0.975])
        kept = (mean_score(found) - CHANCE) / (mean_score(full) - CHANCE)
    return {"of_full": float(kept), "of_full_low": float(low), "of_full_high": float(high)}


def _above(found: np.ndarray, ridge: np.ndarray, draws: int, seed: int) -> dict[str, float]:
    gained = paired_difference(found, ridge, draws=draws, seed=seed)
    return {
        "above_ridge": gained.mean,
        "above_ridge_low": gained.low,
        "above_ridge_high": gained.high,
    }
