"""Seconds an object takes: voxels, latents, meshes, refinement; and what refinement changes.

    python benchmarks/objects3d.py [--objects 12] [--seed 5]

Objects and images are rendered anew in a namespace that no model has seen. Refinement is given
the true image, and one as coarse as a decoded image (8 x 8 pixels, enlarged).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from brainvis.containers import Stimuli
from brainvis.evaluate.resize import resize
from brainvis.features.open_clip_model import OpenClip
from brainvis.features.pixels import Pixels
from brainvis.objects3d.refine import refine
from brainvis.objects3d.shape_prior import ShapePrior
from brainvis.objects3d.solids import filled
from brainvis.objects3d.truth import azimuths, true_shape
from brainvis.stimuli.world import write_world

SHIPPED = Path(__file__).resolve().parents[1] / "data" / "foundation"


def seconds(work, count: int) -> tuple[float, object]:
    """Wall and CPU time per object, and the result."""
    wall, cpu = time.perf_counter(), time.process_time()
    made = work()
    passed = time.perf_counter() - wall, time.process_time() - cpu
    return tuple(one / count for one in passed), made  # pyright: ignore


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Intersection over union of two grids."""
    a, b = first >= 0.5, second >= 0.5
    return float((a & b).sum() / max((a | b).sum(), 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objects", type=int, default=12)
    parser.add_argument("--seed", type=int, default=5)
    asked = parser.parse_args()
    count = asked.objects
    with tempfile.TemporaryDirectory() as folder:
        path, meshes = Path(folder) / "world.h5", Path(folder) / "meshes"
        write_world(
            path, count=count, seed=asked.seed, namespace="benchmark", clips=False, workers=1,
            meshes=meshes,
        )  # fmt: skip
        source = Stimuli.open(path)
        turns = azimuths(source)
        shapes = [
            true_shape(meshes, str(one), turn) for one, turn in zip(source.ids, turns, strict=True)
        ]
        images = source.images()
    prior = ShapePrior(SHIPPED / "shape")
    clip = OpenClip(SHIPPED / "image_text", (-1,), device="cpu")
    tokens, low = np.asarray(clip.extract(images)[1]), Pixels(8).extract(images)[0]
    tokens = tokens.reshape(count, prior.tokens, prior.width)
    seeds = np.arange(count)
    print("| step | wall s | CPU s |\n|---|---|---|")
    timed = {
        "voxels of a mesh, 64^3": lambda: [filled(one) for one in shapes],
        "mesh to latent": lambda: prior.encode(shapes),
        "tokens to latent, regression": lambda: prior.latents(tokens, seeds, low, "regression"),
        "tokens to latent, diffusion": lambda: prior.latents(tokens, seeds, low, "diffusion"),
    }
    results = {}
    for name, work in timed.items():
        (wall, cpu), results[name] = seconds(work, count)
        print(f"| {name} | {wall:.3f} | {cpu:.3f} |")
    latents = results["tokens to latent, regression"]
    (wall, cpu), made = seconds(lambda: prior.decode(latents), count)
    print(f"| latent to mesh, 64^3 | {wall:.3f} | {cpu:.3f} |")
    solids = results["voxels of a mesh, 64^3"]
    coarse = resize(resize(images, 8, 8), *images.shape[1:3])
    rows = []
    for name, given in (("true image", images), ("8 x 8 image", coarse)):
        (wall, cpu), found = seconds(
            lambda given=given: [
                refine(prior.autoencoder, one, image)
                for one, image in zip(latents, given, strict=True)
            ],
            count,
        )
        print(f"| refinement, {name} | {wall:.3f} | {cpu:.3f} |")
        refined = prior.decode(np.stack([one.latent for one in found]))
        before, after = (
            np.mean([overlap(filled(a), b) for a, b in zip(some, solids, strict=True)])
            for some in (made, refined)
        )
        seen = [
            [np.nanmean([getattr(o, when)[key] for o in found]) for key in ("silhouette", "color")]
            for when in ("before", "after")
        ]  # fmt: skip
        rows.append((name, before, after, *seen[0], *seen[1], sum(o.refined for o in found)))
    print("\n| refined by | IoU before | after | silhouette before | colour before "
          "| silhouette after | colour after | changed |\n" + "|---" * 8 + "|")  # fmt: skip
    for name, *numbers, changed in rows:
        print(f"| {name} | " + " | ".join(f"{one:.3f}" for one in numbers) + f" | {changed} |")


if __name__ == "__main__":
    main()
