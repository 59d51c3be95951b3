"""Time of the shape metrics on 100 pairs of objects, and of all metrics with their nulls.

    python benchmarks/shape_metrics.py [--objects 100]

Objects are random unions of boxes; wall and CPU time, single process.
"""

import argparse
import time

import numpy as np
import trimesh

from brainvis.evaluate.shape_distances import earth_mover, surface_scores
from brainvis.evaluate.shape_scoring import ShapeProtocol, measure, score_shapes
from brainvis.objects3d.mesh import ColoredMesh, normalised


def random_object(rng: np.random.Generator) -> ColoredMesh:
    """Three boxes of random size and place."""
    parts = [
        trimesh.creation.box(rng.uniform(0.1, 0.8, 3)).apply_translation(rng.uniform(-0.3, 0.3, 3))
        for _ in range(3)
    ]
    mesh = trimesh.util.concatenate(parts)
    colors = rng.integers(0, 256, (len(mesh.vertices), 3)).astype(np.uint8)
    return normalised(
        ColoredMesh(mesh.vertices.astype(np.float32), np.asarray(mesh.faces, np.int32), colors)
    )


def main() -> None:
    """Print one line a step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=100)
    count = parser.parse_args().objects
    rng, protocol = np.random.default_rng(0), ShapeProtocol()
    pairs = [(random_object(rng), random_object(rng)) for _ in range(count)]
    clock = (time.perf_counter(), time.process_time())

    def told(what: str) -> None:
        nonlocal clock
        now = (time.perf_counter(), time.process_time())
        print(f"| {what} | {now[0] - clock[0]:.1f} | {now[1] - clock[1]:.1f} |", flush=True)
        clock = now

    print(f"| {count} objects | wall s | CPU s |\n|---|---|---|")
    true, made = (
        [measure(pair[side], f"{side} {i}", protocol) for i, pair in enumerate(pairs)]
        for side in (0, 1)
    )
    told(f"points, cells and {protocol.views} views of both")
    for a, b in zip(true, made, strict=True):
        surface_scores(a.surface, b.surface, protocol.threshold)
    told(f"Chamfer, F-score, normals ({protocol.points} points)")
    few = protocol.transport_points
    for a, b in zip(true, made, strict=True):
        earth_mover(a.points[:few], b.points[:few])
    told(f"exact EMD ({few} points)")
    score_shapes(true, made, protocol=protocol, permutations=1000)
    told("all metrics of a method with identification and nulls")


if __name__ == "__main__":
    main()
