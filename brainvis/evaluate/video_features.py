"""Made clips beside true ones in the spaces of networks: of frames, and of whole clips."""

from __future__ import annotations

import numpy as np

from brainvis.evaluate.identification import n_way, retrieval, two_way
from brainvis.evaluate.retrieval import cosines

FIFTY = 50


def clip_pairs(real: np.ndarray, made: np.ndarray) -> dict[str, np.ndarray]:
    """Cosine and identification of whole clips by one vector each, all pairs (n, n).

    Parameters
    ----------
    real, made : ndarray, (n, d)

    Returns
    -------
    dict
        ``cosine``, ``two_way``, ``fifty_way`` (where there are 50 clips) and ``top1``. The n-way
        scores are exact means over all draws of distractors, hence without a seed.
    """
    similarity = cosines(real, made)
    return {"cosine": similarity, **_identified(similarity), "top1": retrieval(similarity)}


def frame_pairs(real: np.ndarray, made: np.ndarray) -> dict[str, np.ndarray]:
    """Cosine and identification of frames, the mean over the frames of a clip, (n, n).

    A made frame is identified among the true frames at its own place in all clips.

    Parameters
    ----------
    real, made : ndarray, (n, frames, d)

    Returns
    -------
    dict
        ``frame_cosine``, ``frame_two_way`` and ``frame_fifty_way`` (where there are 50 clips).
    """
    found: dict[str, list[np.ndarray]] = {}
    for frame in range(real.shape[1]):
        similarity = cosines(real[:, frame], made[:, frame])
        for name, values in {"cosine": similarity, **_identified(similarity)}.items():
            found.setdefault(f"frame_{name}", []).append(values)
    return {name: np.mean(values, axis=0) for name, values in found.items()}


def temporal_consistency(made: np.ndarray) -> np.ndarray:
    """Mean cosine of consecutive frames of each made clip, (n,): 1 where nothing moves.

    It asks nothing of what is shown, so that a frozen clip of anything is best.

    Parameters
    ----------
    made : ndarray, (n, frames, d)
        Two frames or more.
    """
    return _paired(made[:, :-1], made[:, 1:]).mean(axis=1)


def gated(consistency: np.ndarray, similarity: np.ndarray, gate: float) -> np.ndarray:
    """Temporal consistency, set to 0 where made and true clips are not more alike than `gate`.

    Parameters
    ----------
    consistency : ndarray, (n,)
    similarity : ndarray, (n,) or (n, n)
        Mean cosine of made and true frames; of all pairs for permutation tests.
    gate : float
    """
    return np.where(similarity > gate, consistency, 0.0)


def _identified(similarity: np.ndarray) -> dict[str, np.ndarray]:
    found = {"two_way": two_way(similarity)}
    return found | ({"fifty_way": n_way(similarity, FIFTY)} if len(similarity) >= FIFTY else {})


def _paired(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Cosine along the last axis; 0 where a vector is 0."""
    first, second = first.astype(np.float64), second.astype(np.float64)
    norm = np.linalg.norm(first, axis=-1) * np.linalg.norm(second, axis=-1)
    return (first * second).sum(-1) / np.where(norm > 0, norm, np.inf)
