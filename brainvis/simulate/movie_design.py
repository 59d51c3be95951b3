"""Movie segments: which clip is on screen when, the same for all subjects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from brainvis.simulate.design import LEAD_SECONDS, TAIL_SECONDS, Run


@dataclass(frozen=True)
class Segment:
    """One stretch of film that is shown whole, several times.

    `clips` (k,) row numbers of stimuli in order; `run`, the showings as trials of a run; `passes`.
    """

    clips: np.ndarray
    run: Run
    passes: int


def make_segments(
    train: np.ndarray,
    test: np.ndarray,
    *,
    tr: float,
    clip_seconds: float,
    showings: int,
    gap: float,
    clips_per_segment: int,
    repeats: int,
    test_repeats: int,
    seed: int,
) -> list[Segment]:
    """Spread clips over segments, training and test clips apart, in an order drawn from `seed`.

    Parameters
    ----------
    train, test : (n,) int
        Row numbers of stimuli.
    tr, clip_seconds, gap : float
        Repetition time, length of a clip, and grey between clips, seconds.
    showings : int
        Times that a clip is played in a row.
    clips_per_segment : int
        At most; segments of a kind are equally long up to one clip.
    repeats, test_repeats : int
        Passes of training and of test segments.

    Returns
    -------
    list of Segment
        Training segments first.
    """
    rng = np.random.default_rng([seed, 0x6D6F76])
    segments = []
    for rows, passes in ((train, repeats), (test, test_repeats)):
        order = rng.permutation(np.asarray(rows, dtype=int))
        for clips in np.array_split(order, int(np.ceil(len(order) / clips_per_segment))):
            run = _run(clips, tr, clip_seconds, showings, gap)
            segments.append(Segment(clips, run, passes))
    return segments


def _run(clips: np.ndarray, tr: float, clip_seconds: float, showings: int, gap: float) -> Run:
    """A pass: rest, clips, rest; the first clip starts with a volume."""
    lead = tr * np.ceil(LEAD_SECONDS / tr)
    step = showings * clip_seconds + gap
    start = lead + step * np.arange(len(clips))
    onset = start[:, None] + clip_seconds * np.arange(showings)[None]  # (k, showings)
    volumes = int(np.ceil((lead + step * len(clips) + TAIL_SECONDS) / tr))
    stimulus = np.repeat(clips, showings)
    repeat = np.tile(np.arange(showings), len(clips))
    return Run(stimulus, repeat, onset.ravel(), volumes)
