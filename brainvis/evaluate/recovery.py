"""How well estimated betas recover the simulated ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from brainvis.artifacts import hdf5
from brainvis.containers import Responses, row_numbers
from brainvis.errors import BrainvisError


def aligned(
    truth: Path, *estimates: Path, test_ids: list[str], ceiling: float
) -> tuple[np.ndarray, ...]:
    """True betas of each trial of test stimuli, and each estimate of them, in one order.

    Parameters
    ----------
    truth : Path
        What the simulator knows (schema "truth").
    *estimates : Path
        `Responses` files of the same subject.
    test_ids : list of str
        Stimuli whose trials are compared.
    ceiling : float
        Voxels whose true noise ceiling is above it count as responsive.

    Returns
    -------
    tuple of ndarray, each (trials, voxels)

    Raises
    ------
    BrainvisError
        Voxels of an estimate that the truth does not know.
    """
    with hdf5.opened(truth, schema="truth") as file:
        ids, voxels = hdf5.get(file, "ids"), hdf5.get_table(file, "voxels")
        betas = hdf5.get(file, "betas")  # stimuli x voxels
    responsive = voxels.loc[voxels["noise_ceiling"] > ceiling]
    column_of = dict(zip(_ijk(responsive), responsive.index, strict=True))
    found = []
    for number, path in enumerate(estimates):
        responses = Responses.open(path)
        stimulus = responses.trials["stimulus_id"].to_numpy(dtype=str)
        rows = np.flatnonzero(np.isin(stimulus, test_ids))
        pairs = [
            (column, column_of[ijk])
            for column, ijk in enumerate(_ijk(responses.voxels))
            if ijk in column_of
        ]
        if not pairs or not rows.size:
            raise BrainvisError("shares no voxel or trial with the truth", file=path)
        ours, true = np.array(pairs).T
        if number == 0:
            found.append(betas[row_numbers(ids, stimulus[rows], truth)][:, true])
        found.append(responses.betas(rows)[:, ours])
    return tuple(found)


def _ijk(table: pd.DataFrame) -> list[tuple[int, ...]]:
    return [tuple(int(n) for n in row) for row in table[["i", "j", "k"]].to_numpy()]
