"""Cost of a training step of the universal encoder against voxels per step.

Run: ``python benchmarks/universal_step.py``. Prints one line of JSON per attention kind: seconds
per step (median of repeats) for each number of voxels, and the exponent of the growth between the
largest and the smallest, which is at most one where the cost grows no faster than linearly.
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np
import torch

from brainvis.encoding.universal import Architecture, Attention, build, initial_embeddings
from brainvis.encoding.universal_fit import Schedule, Viewer, start, step

IMAGES = 32


class _Layers:
    """Token features of three layers, by row."""

    def __init__(self, layers: list[np.ndarray]) -> None:
        self._layers = layers

    def __getitem__(self, rows: np.ndarray, /) -> list[np.ndarray]:
        return [layer[rows] for layer in self._layers]


def step_seconds(attention: Attention, voxels: int, repeats: int, total: int) -> float:
    """Median seconds of a training step with random voxels of `total`, after two to warm up."""
    rng = np.random.default_rng(0)
    tokens = _Layers([rng.normal(size=(IMAGES, 64, 128)).astype(np.float16) for _ in range(3)])
    rows = np.arange(IMAGES)
    responses = rng.normal(size=(IMAGES, total)).astype(np.float32)
    viewer, schedule = Viewer(rows, responses, 0, rows, rows), Schedule()
    encoder = build(Architecture((64,) * 3, (128,) * 3, attention=attention), 0)
    table = initial_embeddings(total, encoder.architecture.embedding, 0)
    learning = start(encoder, table, schedule, network=True)
    encoder.train()
    seconds = []
    for _ in range(repeats + 2):
        chosen = np.sort(rng.choice(total, size=voxels, replace=False))
        begun = time.perf_counter()
        step(learning, viewer, rows, chosen, tokens, schedule, 1.0)
        seconds.append(time.perf_counter() - begun)
    return float(np.median(seconds[2:]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--voxels", type=int, nargs="+", default=[128, 256, 512, 1024, 2048])
    parser.add_argument("--total", type=int, default=4096, help="voxels of the subject")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    kinds: tuple[Attention, ...] = ("position", "content")
    for attention in kinds:
        seconds = [step_seconds(attention, v, given.repeats, given.total) for v in given.voxels]
        growth = np.log(seconds[-1] / seconds[0]) / np.log(given.voxels[-1] / given.voxels[0])
        result = {
            "attention": attention,
            "images": IMAGES,
            "voxels": given.voxels,
            "seconds": [round(s, 4) for s in seconds],
            "exponent": round(float(growth), 3),
            "threads": given.threads,
        }
        print(json.dumps(result))


if __name__ == "__main__":
    main()
