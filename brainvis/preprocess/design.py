"""Design matrices of one run: one regressor per trial, drift and confounds."""

from __future__ import annotations

import numpy as np

from brainvis.preprocess.hrf import STEP, response_to


def frame_times(volumes: int, tr: float, start: float = 0.0) -> np.ndarray:
    """Time of each volume in seconds from the start of the run, (volumes,)."""
    return start + tr * np.arange(volumes)


def trial_regressors(
    impulse: np.ndarray, onsets: np.ndarray, durations: np.ndarray, times: np.ndarray
) -> np.ndarray:
    """One column per trial: the response to it, sampled at volume times, maximum one.

    Parameters
    ----------
    impulse : (320,)
        HRF every 0.1 s.
    onsets, durations : (trials,) seconds
    times : (volumes,) seconds

    Returns
    -------
    (volumes, trials) float64
    """
    matrix = np.zeros((len(times), len(onsets)))
    for duration in np.unique(durations):
        columns = np.flatnonzero(durations == duration)
        course = response_to(impulse, duration)
        lag = times[:, None] - onsets[columns][None]
        grid = STEP * np.arange(len(course))
        matrix[:, columns] = np.interp(lag, grid, course, left=0.0, right=0.0)
    return matrix


def subspace_regressors(
    impulses: np.ndarray, onsets: np.ndarray, durations: np.ndarray, times: np.ndarray, size: int
) -> np.ndarray:
    """`size` columns per trial, which span its response under (nearly) any HRF of a library.

    Projecting them out takes a trial out of the data, whatever its amplitude and HRF.

    Returns
    -------
    (volumes, trials * size)
    """
    columns = [np.zeros((len(times), 0))]
    for duration in np.unique(durations):
        courses = np.stack([response_to(impulse, duration) for impulse in impulses])
        grid = STEP * np.arange(courses.shape[1])
        lag = times[:, None] - onsets[durations == duration][None]
        for course in np.linalg.svd(courses, full_matrices=False)[2][:size]:
            columns.append(np.interp(lag, grid, course, left=0.0, right=0.0))
    return np.hstack(columns)


def nuisance_regressors(times: np.ndarray, high_pass: float, confounds: np.ndarray) -> np.ndarray:
    """Constant, cosine drift slower than `high_pass` Hz and z-scored confounds, (volumes, k)."""
    from nilearn.glm.first_level import make_first_level_design_matrix

    spread = confounds.std(axis=0)
    varying = confounds[:, spread > 0]
    scaled = (varying - varying.mean(axis=0)) / spread[spread > 0]
    matrix = make_first_level_design_matrix(
        times,
        drift_model="cosine",
        high_pass=high_pass,
        add_regs=scaled if scaled.shape[1] else None,
    )
    return matrix.to_numpy()


def orthonormal(columns: np.ndarray, tolerance: float = 1e-6) -> np.ndarray:
    """Orthonormal basis of the space of columns, (volumes, rank)."""
    norms = np.linalg.norm(columns, axis=0)
    scaled = columns[:, norms > 0] / norms[norms > 0]
    basis, size, _ = np.linalg.svd(scaled, full_matrices=False)
    return basis[:, size > tolerance * size.max()] if size.size else basis
