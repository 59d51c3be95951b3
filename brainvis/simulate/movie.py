"""One simulated subject watches a movie made of the world's clips, as a BIDS folder."""

from __future__ import annotations

import json
import zlib
from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from brainvis import __version__
from brainvis.containers import Stimuli
from brainvis.errors import BrainvisError
from brainvis.simulate import bids as tree
from brainvis.simulate.brain import Brain, make_brain
from brainvis.simulate.channels import Channels, read_channels
from brainvis.simulate.design import make_design
from brainvis.simulate.haemodynamics import hrf, hrf_basis
from brainvis.simulate.movie_brain import watching
from brainvis.simulate.movie_design import Segment, make_segments
from brainvis.simulate.noise import draw_confounds
from brainvis.simulate.scan import scan_run
from brainvis.simulate.selective import category_domains

TASK = "movie"
_STREAM = 0x6D6F76  # keeps the movie's random numbers apart from those of the image experiment
_README = """Simulated fMRI of a movie, made by brainvis.

This is simulated data: no person was scanned. The simulated subjects of the image experiment watch
the clips of the procedural world in segments that are shown whole, several times.
"""
_IGNORED = "*_desc-confounds_timeseries.tsv\n*_mask.nii.gz\n"
_EVENTS = {
    "trial_type": {"Description": "What was shown.", "Levels": {"clip": "a clip of the world"}},
    "stimulus_id": {"Description": "Identifier of the clip."},
}


def write_movie_dataset(root: Path, subjects: Collection[str], tr: float) -> None:
    """Write the files at the root of the movie's BIDS tree, which all say "simulated"."""
    root.mkdir(parents=True, exist_ok=True)
    description = {
        "Name": "brainvis simulated subjects watching a movie of a procedural world (simulated)",
        "BIDSVersion": "1.10.0",
        "DatasetType": "raw",
        "License": "CC0",
        "GeneratedBy": [{"Name": "brainvis", "Version": __version__, "Description": "simulated"}],
    }
    _write_json(root / "dataset_description.json", description)
    _write_json(root / f"task-{TASK}_bold.json", _sidecar(tr))
    _write_json(root / f"task-{TASK}_events.json", _EVENTS)
    (root / "README").write_text(_README, encoding="utf-8")
    (root / ".bidsignore").write_text(_IGNORED, encoding="utf-8")
    labels = [f"sub-{subject}" for subject in subjects]
    tree.write_table(root / "participants.tsv", pd.DataFrame({"participant_id": labels}))


def simulate_movie(
    stimuli: Path,
    channels: Path,
    bids: Path,
    *,
    subject: str,
    test_ids: Collection[str],
    brain: dict,
    movie: dict,
    seed: int = 0,
) -> None:
    """Simulate one subject that watches all clips.

    The subject is that of `brainvis.simulate.subject.simulate_subject` with the same settings,
    seed and label: cortex, tuning, haemodynamic responses and noise are drawn alike. Every showing
    of a clip evokes the voxel's true response to it (percent signal change), to which early areas
    add direction selectivity (`brainvis.simulate.movie_brain`), through the voxel's own response
    function, with gains and jitter from showing to showing; responses to overlapping clips add up.
    Noise, drift and head motion differ from pass to pass.

    Parameters
    ----------
    stimuli, channels : Path
        `Stimuli` HDF5 with clips, and its channels.
    bids : Path
        Folder to make, which becomes ``sub-<subject>`` of a BIDS tree: a run per pass.
    subject : str
        Label without ``sub-``.
    test_ids : collection of str
        Clips that are shown in segments of their own.
    brain, movie : dict
        Settings ``dataset.brain`` and ``motion.movie`` of the configuration.
    seed : int

    Raises
    ------
    BrainvisError
        Channels of other stimuli; stimuli without clips; test clips unknown, or none, or all.
    """
    source, seen = Stimuli.open(stimuli), _matching(stimuli, channels)
    seconds = clip_seconds(source)
    test = np.isin(seen.ids, np.asarray(sorted(test_ids), dtype=str))
    if test.sum() != len(set(test_ids)) or not test.any() or test.all():
        raise BrainvisError(
            "test clips must be some of the stimuli, and not all",
            file=stimuli,
            field="test_ids",
            found=f"{int(test.sum())} of {len(test)} stimuli for {len(set(test_ids))} test clips",
            remedy="make the split from these stimuli",
        )
    viewer = _same_brain(source, seen, subject, brain, seed)
    rng = np.random.default_rng([seed, zlib.crc32(subject.encode()), _STREAM])
    viewer = watching(viewer, seen, rng)
    segments = make_segments(
        np.flatnonzero(~test), np.flatnonzero(test), clip_seconds=seconds, seed=seed, **movie
    )
    func = bids / "func"
    func.mkdir(parents=True)
    tree.write_masks(func, subject, viewer.cortex)
    shape = hrf_basis(hrf(viewer.peak, viewer.width, seconds))
    shown = [segment for segment in segments for _ in range(segment.passes)]
    for number, segment in enumerate(
        tqdm(shown, disable=None, desc=f"sub-{subject} movie"), start=1
    ):
        start = func / f"sub-{subject}_task-{TASK}_run-{number:03d}"
        events = _events(segment, seen.ids, seconds)
        _write_pass(start, viewer, segment, shape, movie["tr"], events, rng)


def clip_seconds(stimuli: Stimuli) -> float:
    """Length of the clips.

    Raises
    ------
    BrainvisError
        No clips, or no frame rate.
    """
    fps = float(np.asarray(stimuli.attributes.get("fps", 0)))
    try:
        frames = stimuli.read("clips", slice(0, 1)).shape[1]
    except BrainvisError:
        frames = 0
    if frames < 2 or fps <= 0:
        raise BrainvisError(
            "has no clips with a frame rate: nothing moves",
            file=stimuli.path,
            field="clips, fps",
            found=(frames, fps),
        )
    return frames / fps


def _matching(stimuli: Path, channels: Path) -> Channels:
    seen = read_channels(channels)
    if not np.array_equal(Stimuli.open(stimuli).ids, seen.ids):
        raise BrainvisError(
            "belongs to other stimuli", file=channels, field="ids", remedy=f"make it from {stimuli}"
        )
    return seen


def _same_brain(source: Stimuli, seen: Channels, subject: str, brain: dict, seed: int) -> Brain:
    """The brain that the image experiment draws, from the same stream of random numbers."""
    table = source.table
    domains = category_domains(
        table["category"].to_numpy(str), table["supercategory"].to_numpy(str)
    )
    rng = np.random.default_rng([seed, zlib.crc32(subject.encode())])
    timing = (brain["trials_per_run"], brain["trial_seconds"], brain["tr"])
    runs = make_design(len(seen.ids), brain["repeats"], *timing, rng)
    names = ("voxels", "repeats", "tr", "stimulus_seconds", "ceiling_median")
    chosen = {name: brain[name] for name in names}
    return make_brain(seen, domains, runs[0], seed=seed, rng=rng, **chosen)


def _write_pass(
    start: Path,
    viewer: Brain,
    segment: Segment,
    shape: tuple[np.ndarray, np.ndarray],
    tr: float,
    events: pd.DataFrame,
    rng: np.random.Generator,
) -> None:
    confounds = draw_confounds(segment.run.volumes, rng)
    volumes = scan_run(viewer, segment.run, *shape, confounds, tr, rng)
    tree.write_bold(Path(f"{start}_bold.nii.gz"), volumes, viewer.cortex.affine, tr)
    _write_json(Path(f"{start}_bold.json"), _sidecar(tr))
    tree.write_table(Path(f"{start}_events.tsv"), events)
    tree.write_table(
        Path(f"{start}_desc-confounds_timeseries.tsv"), tree.confounds_table(confounds)
    )


def _events(segment: Segment, ids: np.ndarray, seconds: float) -> pd.DataFrame:
    run = segment.run
    return pd.DataFrame(
        {
            "onset": run.onset,
            "duration": np.full(len(run.onset), seconds),
            "trial_type": "clip",
            "stimulus_id": ids[run.stimulus],
        }
    )


def _sidecar(tr: float) -> dict[str, object]:
    return {
        "RepetitionTime": tr,
        "TaskName": TASK,
        "TaskDescription": "Simulated subject watching a movie of a world (simulated data)",
    }


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
