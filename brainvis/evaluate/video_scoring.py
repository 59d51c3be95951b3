"""Scores of decoded flow, made clips and identified clips of one file, with their protocols."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np

from brainvis.evaluate import video_features, video_frames
from brainvis.evaluate.evaluated import Evaluated, labels_of, order_of
from brainvis.evaluate.identification import n_way, retrieval, two_way
from brainvis.evaluate.scoring import Score, score_vectors
from brainvis.evaluate.statistics import permuted_means
from brainvis.evaluate.video_files import Items
from brainvis.evaluate.video_flow import MOVING, OBJECT, flow_pairs
from brainvis.evaluate.video_protocol import VideoProtocol

_FLOW_VECTORS = ("correlation", "two_way", "ten_way", "top1")
EXACT = "exact mean over all draws"


@dataclass(frozen=True)
class Scored:
    """Scores of one file under one protocol."""

    evaluated: Evaluated
    protocol: VideoProtocol


@dataclass(frozen=True)
class Reader:
    """A network that made clips are compared in.

    Attributes
    ----------
    space, name : str
        Of the feature space, and of what makes it.
    size : int
        Side of its input in pixels.
    read : callable
        From images (b, h, w, 3), or clips (b, frames, h, w, 3), in [0, 1] to vectors (b, d).
    """

    space: str
    name: str
    size: int
    read: Callable[[np.ndarray], np.ndarray]

    def frames(self, clips: np.ndarray, batch: int = 64) -> np.ndarray:
        """Vectors of every frame of clips of bytes, (n, frames, d)."""
        flat = clips.reshape(-1, *clips.shape[2:])
        return self.clips(flat, batch).reshape(*clips.shape[:2], -1)

    def clips(self, clips: np.ndarray, batch: int = 16) -> np.ndarray:
        """Vectors of items of bytes, (n, d)."""
        parts = [
            self.read(clips[start : start + batch].astype(np.float32) / 255)
            for start in range(0, len(clips), batch)
        ]
        return np.concatenate(parts)


@dataclass(frozen=True)
class Options:
    """Of the permutation tests, and of the gate of temporal consistency."""

    permutations: int
    seed: int
    null_items: int
    gate: float


def pair_scores(
    matrices: Mapping[str, np.ndarray], options: Options, prefix: str = ""
) -> list[Score]:
    """Scores on the diagonals, with nulls from permuted pairings; metrics without any are left out.

    Parameters
    ----------
    matrices : mapping of metric to (n, n) array
        True item in rows, made item in columns, NaN where undefined.
    options : Options
    prefix : str
        Before the names.
    """
    scores = []
    for name, matrix in matrices.items():
        values = np.diagonal(matrix).copy()
        if np.isfinite(values).any():
            null = permuted_means(matrix, draws=options.permutations, seed=options.seed)
            scores.append(Score(prefix + name, values, null, float(np.nanmean(values))))
    return scores


def score_flow(true: Items, made: Items, options: Options) -> Scored:
    """Decoded flow beside the targets, and identification of the clip by it."""
    ids = np.asarray(made.ids, dtype=str)[order_of(made)]
    real, flow, mask = true.read("flow", ids), made.read("flow", ids), true.read("mask", ids)
    scores = pair_scores(flow_pairs(real, flow, mask), options)
    scores += score_vectors(
        real, flow, None, "flow", measures=_fitting(_FLOW_VECTORS, len(ids)),
        permutations=options.permutations, seed=options.seed,
    )  # fmt: skip
    protocol = _flow_protocol(str(true.attributes.get("estimator", "unstated")), real.shape)
    labels = labels_of(made, "flow")
    return Scored(Evaluated(labels, ids, scores, _words(protocol, ids)), protocol)


def score_clip_flow(
    true_flow: np.ndarray, mask: np.ndarray, flow: np.ndarray, file: Items, ids: np.ndarray,
    estimator: str, options: Options,
) -> Scored:  # fmt: skip
    """Flow of made clips beside that of true clips, both by one estimator."""
    scores = pair_scores(flow_pairs(true_flow, flow, mask), options, prefix="clip_")
    protocol = _flow_protocol(f"{estimator}, on true and made clips", true_flow.shape)
    return Scored(Evaluated(labels_of(file, "video"), ids, scores, _words(protocol, ids)), protocol)


def score_frames(
    real: np.ndarray, clips: np.ndarray, file: Items, ids: np.ndarray, options: Options
) -> Scored:
    """SSIM, PSNR and hue of frames; their null rests on a random subset of the clips."""
    values = video_frames.frame_scores(real, clips)
    drawn = np.random.default_rng([options.seed, 4]).permutation(len(ids))[: options.null_items]
    few = np.sort(drawn)
    scores = []
    for name, matrix in video_frames.frame_pairs(real[few], clips[few]).items():
        null = permuted_means(matrix, draws=options.permutations, seed=options.seed)
        scores.append(Score(name, values[name], null, float(np.diagonal(matrix).mean())))
    height, width = real.shape[2:4]
    protocol = VideoProtocol(
        resolution=f"{height}x{width} pixels",
        mask="whole frame",
        frames=f"{real.shape[1]}, score per frame, then the mean",
        libraries=f"scikit-image {version('scikit-image')} | opencv {_opencv()}",
    )
    return Scored(Evaluated(labels_of(file, "video"), ids, scores, _words(protocol, ids)), protocol)


def score_frame_features(
    real: np.ndarray, made: np.ndarray, file: Items, ids: np.ndarray, reader: Reader,
    options: Options,
) -> Scored:  # fmt: skip
    """Frames in a space of images: similarity, identification, temporal consistency.

    Parameters
    ----------
    real, made : ndarray, (n, frames, d)
    """
    pairs = video_features.frame_pairs(real, made)
    scores = pair_scores(pairs, options, prefix=f"{reader.space}_")
    steady = video_features.temporal_consistency(made)
    gated = video_features.gated(steady, pairs["frame_cosine"], options.gate)
    alike = np.broadcast_to(steady, gated.shape)  # it compares nothing with the true clip
    scores += pair_scores({"clip_temporal_consistency": alike, "clip_pcc_gated": gated}, options)
    protocol = VideoProtocol(
        resolution=f"{reader.size}x{reader.size} pixels",
        mask="whole frame",
        frames=f"{real.shape[1]}; gate: mean cosine with true frames above {options.gate:g}",
        layer=f"{reader.name}, pooled vector of each frame",
        draws=EXACT,
        libraries=f"numpy {version('numpy')}",
    )
    return Scored(Evaluated(labels_of(file, "video"), ids, scores, _words(protocol, ids)), protocol)


def score_clip_features(
    real: np.ndarray, made: np.ndarray, file: Items, ids: np.ndarray, reader: Reader,
    frames: int, options: Options,
) -> Scored:  # fmt: skip
    """Whole clips in a space of clips: cosine and identification; vectors (n, d)."""
    pairs = video_features.clip_pairs(real, made)
    scores = pair_scores(pairs, options, prefix=f"{reader.space}_")
    protocol = VideoProtocol(
        resolution=f"{reader.size}x{reader.size} pixels",
        mask="whole clip",
        frames=f"{frames}",
        layer=f"{reader.name}, pooled vector of the clip",
        draws=EXACT,
        libraries=f"numpy {version('numpy')}",
    )
    return Scored(Evaluated(labels_of(file, "video"), ids, scores, _words(protocol, ids)), protocol)


def score_identification(
    likelihood: np.ndarray, ids: np.ndarray, labels: dict[str, str], options: Options
) -> Scored:
    """The clip on screen among all held-out clips, by an encoding model's likelihood (n, n)."""
    matrices = {"two_way": two_way(likelihood), "top1": retrieval(likelihood)}
    if len(ids) >= 10:
        matrices["ten_way"] = n_way(likelihood, 10)
    scores = pair_scores(matrices, options, prefix="encoding_")
    protocol = VideoProtocol(
        resolution=f"{len(ids)} held-out clips",
        mask="voxels that held-out training folds predict",
        layer=f"Gaussian likelihood under ridge on {labels['method']}, each clip alone",
        draws=EXACT,
        libraries=f"numpy {version('numpy')}",
    )
    return Scored(Evaluated(labels, ids, scores, _words(protocol, ids)), protocol)


def _fitting(measures: tuple[str, ...], count: int) -> tuple[str, ...]:
    return tuple(name for name in measures if name != "ten_way" or count >= 10)


def _flow_protocol(estimator: str, shape: tuple[int, ...]) -> VideoProtocol:
    _, frames, rows, columns, _ = shape
    return VideoProtocol(
        estimator=estimator,
        resolution=f"{rows}x{columns} cells, in their pixels per frame step",
        mask=f"object: cells covered above {OBJECT:g}; moving: above {MOVING:g} pixels per step",
        frames=f"{frames} flow frames",
        draws=EXACT,
        libraries=f"numpy {version('numpy')} | opencv {_opencv()}",
    )


def _words(protocol: VideoProtocol, ids: np.ndarray) -> str:
    return f"{protocol.words()} | pool {len(ids)}"


def _opencv() -> str:
    import cv2

    return str(cv2.__version__)
