"""A small run made up for the report's own tests: shapes on backgrounds, noise as responses."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter

from brainvis import containers
from brainvis.evaluate.stage import evaluate

SIDE, COUNT = 24, 20


@dataclass
class MadeUpRun:
    """Paths of the containers and the keyword arguments of `write_report`."""

    folder: Path
    kind: str = "simulated"
    arguments: dict = field(default_factory=dict)


def shapes(rng, count=COUNT):
    y, x = np.mgrid[:SIDE, :SIDE]
    images = np.empty((count, SIDE, SIDE, 3))
    for image in images:
        sky, ground, body = rng.random((3, 3))
        horizon = rng.integers(12, 24)
        image[...] = np.where(y[..., None] < horizon, 0.5 + sky / 2, ground / 2)
        centre, size = rng.integers(8, 24, 2), rng.integers(4, 9)
        square = rng.random() < 0.5
        distance = [abs(x - centre[0]), abs(y - centre[1])]
        inside = np.maximum(*distance) < size if square else np.hypot(*distance) < size
        image[inside] = body
    return (images * 255).astype(np.uint8)


def write_run(folder: Path, kind="simulated", subjects=("01", "02")) -> MadeUpRun:
    rng = np.random.default_rng(0)
    ids = np.array([f"stim{i:03d}" for i in range(COUNT)])
    images = shapes(rng)
    real = images / 255
    table = pd.DataFrame({"stimulus_id": ids, "category": np.tile(["ball", "box"], COUNT // 2)})
    stimuli = folder / "stimuli.h5"
    containers.write_stimuli(stimuli, images, table, dataset="made-up", kind=kind)
    made, responses = [], []
    for number, subject in enumerate(subjects):
        noise = rng.normal(0, 0.25 + 0.05 * number, real.shape)
        blurred = gaussian_filter(real, (0, 3, 3, 0))
        recovered = gaussian_filter(real + 2 * noise, (0, 1.5, 1.5, 0))
        methods = {
            "ridge-pixels": np.clip(blurred + 0.4 * noise, 0, 1),
            "transformer": np.clip(recovered, 0, 1),
            "mean": np.broadcast_to(real.mean(axis=0), real.shape),
            "shuffled": recovered[rng.permutation(COUNT)],
            "nearest_training": shapes(rng) / 255,
        }
        for method, pixels in methods.items():
            path = folder / f"{method}-{number}.h5"
            labels = {"method": method, "subject": subject, "split": "main", "kind": kind}
            containers.write_reconstructions(
                path, ids, pixels, np.zeros(COUNT), dataset="made-up", **labels
            )
            made.append(path)
        responses.append(write_responses(folder, subject, number, kind, ids, rng))
    scores = folder / "scores.parquet", folder / "summary.csv"
    evaluate(stimuli, made, *scores, bootstrap=200, permutations=199)
    arguments = {
        "title": "A made-up run for the report's own tests",
        "kind": kind,
        "stimuli": stimuli,
        "reconstructions": made,
        "table": scores[0],
        "summary": scores[1],
        "responses": responses,
        "lineage": lineage(),
        "config": {"run": "made-up", "seed": 7, "dataset": {"name": "made-up"}},
    }
    return MadeUpRun(folder, kind, arguments)


def write_responses(folder, subject, number, kind, ids, rng):
    grid = np.argwhere(np.hypot(*(np.mgrid[:14, :18] - np.array([7, 9])[:, None, None])) < 7)
    places = np.concatenate([np.column_stack([grid, np.full(len(grid), k)]) for k in range(8)])
    depth = np.exp(-((places[:, 1] - 3) ** 2) / 30)
    ceiling = np.clip(depth * rng.beta(2, 3, len(places)), 0, 1)
    regions = np.array(["V1", "V2", "V4", "LOC", ""])[np.minimum(places[:, 1] // 3, 4)]
    voxels = pd.DataFrame(places, columns=["i", "j", "k"])
    voxels = voxels.assign(roi=regions, noise_ceiling=ceiling, reliability=np.sqrt(ceiling) - 0.1)
    trials = pd.DataFrame(
        {
            "stimulus_id": np.repeat(ids, 3),
            "run": np.arange(3 * len(ids)) % 6,
            "repeat": np.tile(np.arange(3), len(ids)),
        }
    )
    path = folder / f"responses-{number}.h5"
    betas = rng.normal(size=(len(trials), len(voxels)))
    labels = {"subject": subject, "dataset": "made-up", "kind": kind, "units": "z-score"}
    containers.write_responses(
        path, betas, trials, voxels, affine=np.diag([2.0, 2, 2, 1]), dropped_voxels=3, **labels
    )
    return path


def lineage():
    return [
        {
            "artifact": "responses/sub-01_responses.h5",
            "stage": "responses",
            "kind": "simulated",
            "sha256": "ab12" * 16,
            "parents": [{"name": "betas", "sha256": "cd34" * 16, "path": "x", "raw": False}],
            "bytes": 123456,
            "wall_seconds": 4.2,
            "peak_memory_mib": 310.0,
        }
    ]
