"""Stage: scores of decoded flow, of made clips and of identified clips, as two tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from brainvis.containers import Stimuli
from brainvis.encoding.movie_files import MovieScores
from brainvis.evaluate import table as tables
from brainvis.evaluate import video_protocol
from brainvis.evaluate import video_scoring as scoring
from brainvis.evaluate.evaluated import order_of
from brainvis.evaluate.side_by_side import side_by_side
from brainvis.evaluate.video_files import CLIPS, FLOW, TARGETS, Items
from brainvis.evaluate.video_frames import matched
from brainvis.evaluate.video_scoring import Options, Reader, Scored
from brainvis.evaluate.written import write_scores

# From clips (n, frames, height, width, 3) uint8, a name, a grid and a number of flow frames.
Estimate = Callable[..., np.ndarray]
ToFlow = Callable[[np.ndarray], np.ndarray]
_WITHOUT_WEIGHTS = ("dis", "farneback")
_ABSENT = "not computed: no {} space in motion.score"


def score_videos(
    stimuli: Path, targets: Path, out_table: Path, out_summary: Path, out_protocols: Path, *,
    flow: Sequence[Path] = (), clips: Sequence[Path] = (), encoding: Sequence[Path] = (),
    estimate: Estimate, frames: Reader | None = None,
    video: Reader | None = None, baselines: Sequence[str] = (), gate: float = 0.6,
    null_items: int = 20, bootstrap: int = 1000, permutations: int = 1000, seed: int = 0,
    threads: int = 1,
) -> None:  # fmt: skip
    """Score every file against what was seen.

    Parameters
    ----------
    stimuli : path
        `Stimuli` with the true clips; they are read for scores alone.
    targets : path
        True flow and object masks (schema "flow-targets").
    out_table, out_summary, out_protocols : path
        As `brainvis.evaluate.stage.evaluate` writes them for images; modality is "flow" (decoded
        flow), "video" (made clips) or "encoding" (clips identified by an encoding model). The
        columns of the protocols are `brainvis.evaluate.video_protocol.COLUMNS`.
    flow, clips : sequence of path
        Decoded flow and made clips (schemas "decoded-flow", "clips"), one per method and subject.
    encoding : sequence of path
        `brainvis.encoding.movie_files.MovieScores`, one per subject.
    estimate : callable
        `brainvis.motion.estimate.estimate`; applied to true and made clips alike, with the
        targets' own estimator, or "dis" where the targets are exact (or need weights).
    frames, video : Reader, optional
        Networks of frames and of clips; their metrics are listed as absent without them.
    baselines : sequence of str
        Names of methods that know nothing of the brain, beside those whose files say so.
    gate : float
        Of the gated temporal consistency.
    null_items : int
        Clips in the permutation null of frame metrics.
    bootstrap, permutations, seed : int
    threads : int
        Files scored at a time; the scores do not depend on it.

    Raises
    ------
    BrainvisError
        Files of another kind, stimuli without clips, two files of one method and subject.
    """
    seen, true = Stimuli.open(stimuli), Items.open(targets, TARGETS)
    options = Options(permutations, seed, null_items, gate)
    decoded = [Items.open(path, FLOW) for path in flow]
    made = [Items.open(path, CLIPS) for path in clips]
    found: list[Scored] = []
    found += side_by_side(
        lambda file: scoring.score_flow(true, file, options), decoded, "scoring flow", threads
    )
    if made:
        name = str(true.attributes.get("estimator"))
        name = name if name in _WITHOUT_WEIGHTS else _WITHOUT_WEIGHTS[0]
        truth = _Truth(seen, true, made, _same_grid(estimate, name, true), frames, video)
        parts = side_by_side(
            lambda file: _score_clips(truth, file, name, options), made, "scoring clips", threads
        )
        found += [one for part in parts for one in part]
    for path in encoding:
        found += _identified(MovieScores.open(path), options)
    own = {str(file.attributes["method"]) for file in (*decoded, *made) if file.baseline}
    write_scores(
        [one.evaluated for one in found], out_table, out_summary,
        baselines=sorted({*baselines, *own}), bootstrap=bootstrap, seed=seed,
    )  # fmt: skip
    spaces = {"frames": frames, "video": video} if made else {}
    tables.write(_protocols(found, spaces), out_protocols)


class _Truth:
    """True clips of all files with their flow and vectors, each made once."""

    def __init__(
        self, seen: Stimuli, true: Items, made: Sequence[Items], estimate: ToFlow,
        frames: Reader | None, video: Reader | None,
    ) -> None:  # fmt: skip
        self.ids = np.unique(np.concatenate([np.asarray(file.ids, dtype=str) for file in made]))
        self.clips = seen.read("clips", seen.rows(self.ids))
        self.estimate = estimate
        self.flow, self.mask = estimate(self.clips), true.read("mask", self.ids)
        self.readers = {"frames": frames, "video": video}
        self.frames = None if frames is None else frames.frames(self.clips)
        self.video = None if video is None else video.clips(self.clips)

    def rows(self, ids: np.ndarray) -> np.ndarray:
        return np.searchsorted(self.ids, ids)


def _same_grid(estimate: Estimate, name: str, true: Items) -> ToFlow:
    """Estimation on the grid of the targets."""
    frames, size = true.read("flow", np.asarray(true.ids, dtype=str)[:1]).shape[1:3]
    return lambda clips: estimate(clips, name, size=size, frames=frames)


def _score_clips(truth: _Truth, file: Items, estimator: str, options: Options) -> list[Scored]:
    ids = np.asarray(file.ids, dtype=str)[order_of(file)]
    rows = truth.rows(ids)
    real = truth.clips[rows]
    clips = matched(file.read("clips", ids), *real.shape[1:4])
    found = [
        scoring.score_clip_flow(
            truth.flow[rows], truth.mask[rows], truth.estimate(clips), file, ids, estimator, options
        ),
        scoring.score_frames(real, clips, file, ids, options),
    ]
    frames, video = truth.readers["frames"], truth.readers["video"]
    if frames is not None and truth.frames is not None:
        made = frames.frames(clips)
        found.append(
            scoring.score_frame_features(truth.frames[rows], made, file, ids, frames, options)
        )
    if video is not None and truth.video is not None:
        made = video.clips(clips)
        found.append(
            scoring.score_clip_features(
                truth.video[rows], made, file, ids, video, clips.shape[1], options
            )
        )
    return found


def _identified(scores: MovieScores, options: Options) -> list[Scored]:
    labels = {name: str(scores.attributes[name]) for name in ("dataset", "subject", "split")}
    return [
        scoring.score_identification(
            likelihood, scores.ids, labels | {"method": space, "modality": "encoding"}, options
        )
        for space, likelihood in scores.likelihood.items()
    ]


def _protocols(found: Sequence[Scored], spaces: Mapping[str, Reader | None]) -> pd.DataFrame:
    """One row per metric and modality; metrics of absent networks with the reason."""
    rows: dict[tuple[str, str], dict] = {}
    for one in found:
        modality = one.evaluated.labels["modality"]
        for row in video_protocol.rows(
            modality, [score.metric for score in one.evaluated.scores], one.protocol
        ):
            rows.setdefault((modality, row["metric"]), row)
    absent = {
        "frames": ("clip_temporal_consistency", "clip_pcc_gated"),
        "video": ("video_cosine",),
    }
    for name, reader in spaces.items():
        if reader is None:
            for row in video_protocol.rows("video", absent[name], _ABSENT.format(name)):
                rows[("video", row["metric"])] = row
    return pd.DataFrame(list(rows.values()), columns=list(video_protocol.COLUMNS))
