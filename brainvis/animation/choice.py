"""Which clips are shown: by a stated rule, never by eye."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from brainvis.errors import BrainvisError

_OBJECT = 0.5  # share of a cell that the object must cover
_MOVING = 0.1  # pixels of the grid per step: mean speed of an object that moves
_STREAM = 163  # sets this draw apart from others of the same seed

RULE = (
    "Of the test clips whose object moves (mean true speed over {moving:g} px of the {grid} grid "
    "per step; all where there are fewer than {least}): least, median and largest end-point error "
    "of the flow decoded by {method}, and {drawn} drawn at random with seed {seed} from the others."
)
_LEAST = 4


@dataclass(frozen=True)
class Shown:
    """A clip that is shown.

    Attributes
    ----------
    role : str
        "best", "median", "worst" or "random".
    row : int
    epe : float
        End-point error of its flow.
    """

    role: str
    row: int
    epe: float


def end_point_errors(true: np.ndarray, decoded: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Mean distance of decoded from true flow over the object of each clip, (n,).

    Parameters
    ----------
    true, decoded : ndarray, (n, k, g, g, 2)
    mask : ndarray, (n, k, g, g)
        Share of each cell that the object covers. Without any covered cell the whole clip counts.
    """
    return _over_object(np.linalg.norm(decoded - true, axis=-1), mask)


def choose(
    true: np.ndarray,
    decoded: np.ndarray,
    mask: np.ndarray,
    *,
    method: str,
    seed: int,
    drawn: int = 1,
) -> tuple[list[Shown], str]:
    """Clips to show, and the rule in words.

    Parameters
    ----------
    true, decoded, mask : ndarray
        As in `end_point_errors`.
    method : str
        What decoded the flow.
    seed : int
    drawn : int
        Clips drawn at random beside the best, the median and the worst.

    Raises
    ------
    BrainvisError
        No clips.
    """
    if not len(true):
        raise BrainvisError("has no clip to show", field="flow")
    errors = end_point_errors(true, decoded, mask)
    speeds = _over_object(np.linalg.norm(true, axis=-1), mask)
    among = np.flatnonzero(speeds > _MOVING)
    if len(among) < _LEAST:
        among = np.arange(len(true))
    order = among[np.argsort(errors[among], kind="stable")]
    ranked = {"best": order[0], "median": order[(len(order) - 1) // 2], "worst": order[-1]}
    chosen = {int(row): role for role, row in reversed(ranked.items())}  # of equals the first role
    others = np.setdiff1d(among, list(chosen))
    count = min(drawn, len(others))
    random = np.random.default_rng([seed, _STREAM]).choice(others, count, replace=False)
    roles = [(role, row) for row, role in reversed(chosen.items())]
    roles += [("random", int(row)) for row in random]
    rule = RULE.format(
        moving=_MOVING, grid=true.shape[2], least=_LEAST, method=method, drawn=count, seed=seed
    )
    return [Shown(role, row, float(errors[row])) for role, row in roles], rule


def _over_object(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Mean of (n, k, g, g) values over covered cells of each clip, or over all where none is."""
    covered = mask > _OBJECT
    covered[~covered.any(axis=(1, 2, 3))] = True
    return np.where(covered, values, 0).sum(axis=(1, 2, 3)) / covered.sum(axis=(1, 2, 3))
