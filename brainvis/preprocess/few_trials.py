"""A subject as it would be after a short recording: the first of its training trials, no more."""

from __future__ import annotations

import math
from collections.abc import Collection
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from brainvis.containers import Responses, write_responses
from brainvis.errors import BrainvisError
from brainvis.preprocess.normalise import write_normalised

_PLACE = ("i", "j", "k", "x", "y", "z", "roi")  # what is known of a voxel without a response
_ORDER = ("session", "run", "onset")
_FEWEST = 3  # training stimuli from which anything is learned


def write_few(
    betas: Path,
    out: Path,
    *,
    share: int,
    train_ids: Collection[str],
    test_ids: Collection[str],
    by: str = "run",
) -> None:
    """Write normalised `Responses`: the first 1/share of the training trials, all test trials.

    All other trials are left out before anything is computed, so that nothing after this stage can
    depend on them; columns of the voxel table that come from responses (noise ceiling, HRF) too.
    Statistics of normalisation and the noise ceilings are those of the trials kept.

    Parameters
    ----------
    betas, out : Path
        `Responses` files: with betas as estimated, and to be written.
    share : int
        40 for a fortieth of the training trials, in the order in which they were recorded.
    train_ids, test_ids : collection of str
        Stimuli of the fold; trials of others are dropped.
    by : str
        See `brainvis.preprocess.normalise.write_normalised`.

    Raises
    ------
    BrainvisError
        Fewer than three training stimuli among the trials kept; see also `write_normalised`.
    """
    source = Responses.open(betas)
    stimulus = source.trials["stimulus_id"].to_numpy(dtype=str)
    train = np.flatnonzero(np.isin(stimulus, sorted(train_ids)))
    first = recorded_first(source.trials, train, math.ceil(len(train) / share))
    if (shown := len(np.unique(stimulus[first]))) < _FEWEST:
        raise BrainvisError(
            f"1/{share} of {len(train)} training trials shows fewer than {_FEWEST} stimuli",
            file=betas,
            field="few_trials.shares",
            found=shown,
            remedy="take a larger share",
        )
    rows = np.sort(np.concatenate([first, np.flatnonzero(np.isin(stimulus, sorted(test_ids)))]))
    place = [name for name in _PLACE if name in source.voxels]
    dropped = ("schema", "complete")
    attributes = {k: v for k, v in source.attributes.items() if k not in dropped}
    with TemporaryDirectory(dir=out.parent) as folder:
        kept = Path(folder) / "betas.h5"
        write_responses(
            kept, source.betas(rows), source.trials.iloc[rows].reset_index(drop=True),
            source.voxels.loc[:, place], **attributes, share=share,
        )  # fmt: skip
        write_normalised(kept, out, train_ids=train_ids, by=by)


def recorded_first(trials: pd.DataFrame, rows: np.ndarray, count: int) -> np.ndarray:
    """The `count` of these rows that were recorded first, by session, run and onset."""
    keys = [trials[name].to_numpy()[rows] for name in reversed(_ORDER) if name in trials]
    return rows[np.lexsort([np.arange(len(rows)), *keys])][:count]
