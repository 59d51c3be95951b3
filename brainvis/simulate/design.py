"""Trials: which stimulus is shown when."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LEAD_SECONDS = 8.0  # rest before the first trial
TAIL_SECONDS = 14.0  # rest after the last, for its response
_BLANK_SHARE = 0.05
BLANK = -1


@dataclass(frozen=True)
class Run:
    """One run: `stimulus` (trials,) row numbers or `BLANK`; `repeat` (trials,), 0-based;
    `onset` (trials,) seconds; `volumes`."""

    stimulus: np.ndarray
    repeat: np.ndarray
    onset: np.ndarray
    volumes: int


def make_design(
    stimuli: int,
    repeats: int,
    trials_per_run: int,
    trial_seconds: float,
    tr: float,
    rng: np.random.Generator,
) -> list[Run]:
    """Spread the repeats of every stimulus over different runs, in random order.

    About one trial in twenty is blank. Runs are equally long, of at most `trials_per_run` trials,
    and there are at least as many as repeats.

    Returns
    -------
    list of Run
    """
    total = int(np.ceil(stimuli * repeats * (1 + _BLANK_SHARE)))
    count = max(repeats, int(np.ceil(total / trials_per_run)))
    trials = int(np.ceil(total / count))
    room = np.full(count, int(np.ceil(stimuli * repeats / count)))
    shown: list[list[tuple[int, int]]] = [[] for _ in range(count)]
    for stimulus in rng.permutation(stimuli):
        # Filling the emptiest runs first always leaves distinct runs for the next stimulus.
        chosen = np.lexsort((rng.random(count), -room))[:repeats]
        room[chosen] -= 1
        for repeat, run in enumerate(np.sort(chosen)):
            shown[run].append((stimulus, repeat))
    volumes = int(np.ceil((LEAD_SECONDS + trials * trial_seconds + TAIL_SECONDS) / tr))
    onset = LEAD_SECONDS + trial_seconds * np.arange(trials)
    runs = []
    for items in shown:
        slots = np.full((trials, 2), BLANK)
        slots[rng.permutation(trials)[: len(items)]] = rng.permutation(items)
        runs.append(Run(slots[:, 0], slots[:, 1], onset, volumes))
    return runs
