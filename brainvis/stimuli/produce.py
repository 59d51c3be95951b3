"""Render many stimuli in several processes, in order and with bounded memory."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from brainvis.stimuli.attributes import attributes
from brainvis.stimuli.render import render
from brainvis.stimuli.scene import sample_scene

Product = tuple[dict[str, object], np.ndarray, np.ndarray, np.ndarray]  # row, clip, flow, mask


@dataclass(frozen=True)
class Task:
    """Settings of one rendering, sent to a worker."""

    seed: int
    namespace: str
    index: int
    size: int
    frames: int
    fps: int
    meshes: Path | None


def _make(task: Task) -> Product:
    """Render one stimulus: its table row, clip, flow and mask."""
    scene = sample_scene(task.seed, task.namespace, task.index)
    rendering = render(scene, size=task.size, frames=task.frames, fps=task.fps)
    if task.meshes is not None:
        rendering.mesh.export(task.meshes / f"{scene.stimulus_id}.ply")
    return attributes(scene, rendering), rendering.clip, rendering.flow, rendering.mask


def produce(tasks: list[Task], workers: int) -> Iterator[Product]:
    """Results in order, computed by `workers` processes with a short queue in memory."""
    if workers == 1:
        yield from map(_make, tasks)
        return
    # forked children of a threaded parent can hang; fresh ones cannot
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        waiting, pending = iter(tasks), []
        pending.extend(pool.submit(_make, task) for task in islice(waiting, 8 * workers))
        while pending:
            yield pending.pop(0).result()
            pending.extend(pool.submit(_make, task) for task in islice(waiting, 1))
