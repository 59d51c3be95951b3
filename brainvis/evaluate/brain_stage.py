"""Stage: brain correlation of all methods, beside the noise ceiling and the encoder's limit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from brainvis.containers import Responses, row_numbers
from brainvis.datasets.splits import Fold
from brainvis.errors import BrainvisError
from brainvis.evaluate.brain import GROUPS, groups_of, pattern_ceiling
from brainvis.evaluate.evaluated import Evaluated
from brainvis.evaluate.scoring import Score, score_vectors
from brainvis.evaluate.written import write_scores

SEEN, CEILING = "seen-image", "noise-ceiling"
_MEASURES = ("correlation", "two_way")
_PLACE = ["i", "j", "k"]


def evaluate_brain(
    responses: Sequence[Path],
    predicted: Sequence[Path],
    split: Sequence[Fold],
    out_table: Path,
    out_summary: Path,
    *,
    split_name: str = "main",
    threshold: float = 0.2,
    baselines: Sequence[str] = (),
    bootstrap: int = 1000,
    permutations: int = 1000,
    seed: int = 0,
) -> None:
    """Score predicted responses to reconstructions against measured ones to what was seen.

    Parameters
    ----------
    responses : sequence of Path
        Measured `Responses`, one file per subject, with noise ceilings from training stimuli.
    predicted : sequence of Path
        `Responses` that an encoder predicts, one file per subject and method (attribute method);
        those of method `SEEN` are to the seen images themselves and hold every test stimulus.
    split : sequence of Fold
        One fold: its training stimuli standardise, its test stimuli are scored.
    out_table, out_summary : Path
        Tidy scores and their summary, as of `brainvis.evaluate.stage.evaluate`; modality "brain",
        metrics ``brain_<group>_correlation`` and ``brain_<group>_two_way`` for each of
        `brain.GROUPS`, and method `CEILING` for what a prediction without error would reach.
    split_name : str
    threshold : float
        Voxels with a lower noise ceiling are left out.
    baselines, bootstrap, permutations, seed
        See `brainvis.evaluate.stage.evaluate`.

    Raises
    ------
    BrainvisError
        More than one fold, predictions of other voxels, no voxel that counts, two files of one
        method.
    """
    if len(split) != 1:
        raise BrainvisError(
            "the encoder knows the training stimuli of one fold", field="split", found=len(split)
        )
    measured = {(one := Responses.open(path)).subject: one for path in responses}
    folds = {name: _Measured(one, split[0], threshold) for name, one in measured.items()}
    options = {"permutations": permutations, "seed": seed}
    evaluated = []
    for path in tqdm(predicted, disable=None, desc="brain correlation"):
        given = Responses.open(path)
        if given.subject not in folds:
            raise BrainvisError(
                "predicts a subject that was not measured", file=path, found=given.subject
            )
        evaluated.append(folds[given.subject].scored(given, split_name, options))
    evaluated += [one.ceiling(split_name) for one in folds.values()]
    write_scores(
        evaluated, out_table, out_summary, baselines=baselines, bootstrap=bootstrap, seed=seed
    )


class _Measured:
    """Standardised responses of one subject to the test stimuli of a fold, by group of voxels."""

    def __init__(self, source: Responses, fold: Fold, threshold: float) -> None:
        if "noise_ceiling" not in source.voxels:
            raise BrainvisError("knows no noise ceiling", file=source.path, field="noise_ceiling")
        self.source, self.ids = source, np.array(sorted(fold.test), dtype=str)
        shown = set(source.trials["stimulus_id"].to_numpy(dtype=str).tolist())
        train = source.averaged(np.array(sorted(set(fold.train) & shown), dtype=str))
        spread = train.std(axis=0)
        self.mean, self.scale = train.mean(axis=0), np.where(spread > 0, spread, np.inf)
        reliable = source.voxels["noise_ceiling"].to_numpy(float) > threshold
        self.groups = groups_of(source.voxels["roi"].to_numpy(dtype=str), reliable)
        if not self.groups:
            raise BrainvisError(
                f"has no two voxels with a noise ceiling above {threshold}",
                file=source.path,
                field="noise_ceiling",
                remedy="lower encoders.threshold",
            )
        self.answers = self._standardised(source.averaged(self.ids))

    def _standardised(self, values: np.ndarray) -> np.ndarray:
        return (values - self.mean) / self.scale

    def scored(self, given: Responses, split: str, options: dict) -> Evaluated:
        """Scores of one file of predicted responses."""
        mine, theirs = self.source.voxels, given.voxels
        if len(mine) != len(theirs) or not np.array_equal(mine[_PLACE], theirs[_PLACE]):
            raise BrainvisError(
                f"predicts other voxels than those measured in {self.source.path}",
                file=given.path,
                field="voxels",
                found=len(theirs),
            )
        made = self._standardised(given.averaged(self.ids))
        scores = [
            score
            for name, voxels in self.groups.items()
            for score in score_vectors(
                self.answers[:, voxels], made[:, voxels], None, f"brain_{name}",
                measures=_MEASURES, **options,
            )
        ]  # fmt: skip
        return self._evaluated(str(given.attributes["method"]), split, scores)

    def ceiling(self, split: str) -> Evaluated:
        """What a prediction without error would correlate, stimulus by stimulus."""
        shown = self.source.trials["stimulus_id"].to_numpy(dtype=str)
        number = row_numbers(self.ids, shown, self.source.path, missing=-1)
        rows = np.flatnonzero(number >= 0)
        trials = self._standardised(self.source.betas(rows))
        scores = [
            Score(
                f"brain_{name}_correlation",
                pattern_ceiling(trials[:, voxels], number[rows]),
                np.empty(0),
                np.nan,
            )
            for name, voxels in self.groups.items()
        ]
        return self._evaluated(CEILING, split, scores)

    def _evaluated(self, method: str, split: str, scores: list[Score]) -> Evaluated:
        labels = {
            "dataset": str(self.source.attributes.get("dataset", "")),
            "subject": self.source.subject,
            "split": split,
            "method": method,
            "modality": "brain",
        }
        counts = ", ".join(f"{name} {int(v.sum())}" for name, v in self.groups.items())
        protocol = f"universal encoder | voxels: {counts} | pool {len(self.ids)}"
        return Evaluated(labels, self.ids, scores, protocol)


def describe_groups() -> str:
    """What the groups of voxels are, in words."""
    return "; ".join(f"{name}: {words}" for name, words in GROUPS.items())
