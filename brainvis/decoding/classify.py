"""Linear classification of single-trial betas, leaving out one run at a time."""

from __future__ import annotations

import numpy as np


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
