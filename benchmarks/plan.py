"""What `brainvis plan` says beside what runs take: parameters, disk and peak memory of every rule.

    python benchmarks/plan.py [--sizes small middle large] [--folder DIR] [--runs CONFIG=DIR ...]

Stimuli, a split and betas of two subjects are made up at three sizes (smooth random images, voxels
linear in their pixels, noise), and the workflow itself runs everything from there to scores, with
short trainings, one job at a time. Measured: bytes of every artifact, peak resident memory of the
largest job (both as its manifest records them), parameters of the networks as they were saved.
Rules before the betas are compared in finished runs, if `--runs` names some. Prints Markdown.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from brainvis import config as configuration
from brainvis import containers
from brainvis.artifacts import hdf5, inspect
from brainvis.artifacts.manifest import Manifest
from brainvis.datasets import splits
from brainvis.paths import Layout
from brainvis.planning.plan import measured_product, plan, seconds
from brainvis.planning.size import Size, size_of
from brainvis.report.results import commit, markdown

REPOSITORY = Path(__file__).resolve().parents[1]
# Voxels, images. The constants of brainvis/planning were set on `large` and on finished runs of
# simulated brains.
SIZES = {"small": (500, 100), "middle": (3000, 300), "large": (12_000, 800), "check": (7000, 1100)}
SETTINGS = {
    "seed": 0,
    "splits": {"main": {"scheme": "holdout", "test_share": 0.15}},
    "features": {
        "pixels": {"kind": "pixels"},
        "gabor": {"kind": "gabor"},
        "image-text": {"kind": "open-clip", "layers": [1, 3, -1]},
    },
    "decoders": {
        "bayesian-linear": {"method": "bayesian_linear", "prior": True},
        "ridge-pixels": {"method": "ridge_pixels"},
        "ridge-pca": {"method": "ridge_pca", "prior": True},
        "mean": {"method": "mean"},
        "nearest-training": {"method": "nearest_training", "features": "image-text"},
    },
    "feature_decoders": {
        "ridge-gabor": {"method": "ridge_features", "features": "gabor"},
        "ridge-image-text": {"method": "ridge_features", "features": "image-text", "tokens": True},
    },
    "encoders": {
        "backbone": ["gabor", "image-text"],
        "contexts": [10, 30],
        "threshold": 0.01,
        "prompt_space": "image-text",
        "prompt_images": 30,
        "prompts": {"cups": ["a cup", "a mug"], "houses": ["a house", "a hut"]},
        "universal": {"epochs": 1},
        "adapted": {"epochs": 1},
        "in_context": {"steps": [2, 2, 2], "context": [10, 60]},
        "decoder": {"steps": 2},
    },
    "interaction": {"brain-it": {"spaces": ["image-text"], "epochs": 1}},
    "generators": {"diffusion": {"tokens": "ridge-image-text", "steps": 2}},
    "evaluate": {"features": ["gabor", "image-text"], "bootstrap": 200, "permutations": 200},
}
REPEATS, SIDE, KINDS = 3, 64, 24
RULES = {"betas": "estimate_betas", "responses": "normalise_responses"}  # stages by another name


@dataclass
class Measured:
    """What the jobs of a rule took: MiB of the largest, bytes and seconds of all."""

    jobs: int = 0
    memory: float = 0.0
    disk: float = 0.0
    seconds: float = 0.0
    parameters: int = 0


def settings_of(name: str) -> dict:
    """Configuration of a run of one size."""
    voxels, images = SIZES[name]
    stimuli = {"count": images, "prior": images // 2}
    dataset = {"name": "simulated", "stimuli": stimuli, "brain": {"subjects": 2, "voxels": voxels}}
    return {"run": name, "dataset": dataset, **SETTINGS}


def smooth_images(rng: np.random.Generator, count: int) -> np.ndarray:
    """Coarse random colours with some noise, (count, 64, 64, 3) uint8."""
    coarse = rng.random((count, 8, 8, 3)).repeat(SIDE // 8, 1).repeat(SIDE // 8, 2)
    return ((0.9 * coarse + 0.1 * rng.random((count, SIDE, SIDE, 3))) * 255).astype(np.uint8)


def write_data(folder: Path, name: str) -> None:
    """Configuration, stimuli, split and betas of one size."""
    voxels, count = SIZES[name]
    rng, layout = np.random.default_rng(0), Layout(folder / "results" / name)
    for room in ("stimuli", "splits", "responses"):
        (layout.root / room).mkdir(parents=True)
    (folder / "run.yaml").write_text(yaml.safe_dump(settings_of(name)))
    labels = {"dataset": "made-up", "kind": "simulated"}
    images, unseen = smooth_images(rng, count), smooth_images(rng, count // 2)
    tables = [_stimulus_table(prefix, len(x)) for prefix, x in (("s", images), ("p", unseen))]
    containers.write_stimuli(Path(layout.stimuli), images, tables[0], **labels)
    containers.write_stimuli(Path(layout.prior), unseen, tables[1], **labels)
    ids, kinds = (tables[0][c].to_numpy(dtype=str) for c in ("stimulus_id", "category"))
    splits.write(Path(layout.splits), {"main": splits.holdout(ids, kinds, 0.15, 0)})
    seen = images[:, ::8, ::8].reshape(count, -1).astype(np.float32) / 255 - 0.5
    for subject in ("01", "02"):
        clean = seen @ rng.normal(size=(seen.shape[1], voxels)).astype(np.float32)
        _write_betas(Path(layout.betas(subject)), rng, clean, ids, {"subject": subject, **labels})


def _stimulus_table(prefix: str, count: int) -> pd.DataFrame:
    names = [f"{prefix}timulus-{number:05d}" for number in range(count)]
    kinds = [f"kind-{number % KINDS:02d}" for number in range(count)]
    return pd.DataFrame({"stimulus_id": names, "category": kinds, "caption": "a thing"})


def _write_betas(
    path: Path, rng: np.random.Generator, clean: np.ndarray, ids: np.ndarray, labels: dict
) -> None:
    """Betas with noise, written repeat by repeat."""
    count, voxels = clean.shape
    trials = pd.DataFrame(
        {
            "stimulus_id": np.tile(ids, REPEATS),
            "run": np.arange(REPEATS * count) // 50,
            "repeat": np.repeat(np.arange(REPEATS), count),
        }
    )
    side = int(np.ceil(voxels ** (1 / 3)))
    places = np.stack(np.unravel_index(np.arange(voxels), (side,) * 3), 1).astype(np.int32)
    table = pd.DataFrame(places, columns=["i", "j", "k"])
    table[["x", "y", "z"]] = 2 * places.astype(np.float32)
    table["roi"] = np.array(["V1", "V2", "V3", "V4"])[np.arange(voxels) % 4]
    facts = {"schema": "responses", "units": "percent signal change", **labels}
    grid = {"affine": np.eye(4), "grid": np.full(3, side)}
    with hdf5.create(path, facts | grid) as file:
        betas = hdf5.dataset(file, "betas", (REPEATS * count, voxels), "f4")
        for first in range(0, REPEATS * count, count):
            noise = 3 * rng.standard_normal(clean.shape, dtype=np.float32)
            betas[first : first + count] = clean + noise
        hdf5.put_table(file, "trials", trials)
        hdf5.put_table(file, "voxels", table)


def run(folder: Path, *targets: str) -> None:
    """The workflow from betas to the targets; files that are there stay."""
    one = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = [
        sys.executable, "-m", "snakemake", *targets, "--cores", "1", "--quiet",
        "--snakefile", str(REPOSITORY / "Snakefile"), "--directory", str(folder),
        "--rerun-triggers", "mtime", "--configfile", str(folder / "run.yaml"),
    ]  # fmt: skip
    subprocess.run(command, env={**os.environ, **one, "PATH": path}, check=True, stdout=sys.stderr)


def measure(root: Path) -> dict[str, Measured]:
    """What every rule of a finished run took."""
    found: dict[str, Measured] = defaultdict(Measured)
    jobs: dict[tuple[str, str], float] = {}
    for path, known in inspect.catalogue(root):
        rule = _rule(path, known)
        one = found[rule]
        one.memory = max(one.memory, known.peak_memory_mib)
        one.disk += known.bytes
        one.parameters = max(one.parameters, _saved_parameters(path, rule))
        jobs[rule, known.key] = max(jobs.get((rule, known.key), 0.0), known.wall_seconds)
    for (rule, _), time in jobs.items():
        found[rule].jobs += 1
        found[rule].seconds += time
    return found


def _rule(path: Path, known: Manifest) -> str:
    if known.stage == "features":
        return "prior_features" if "stimuli-prior" in path.name else "stimulus_features"
    return RULES.get(known.stage, known.stage)


def _saved_parameters(path: Path, rule: str) -> int:
    """Learned numbers of the networks that a training rule saved, with voxel embeddings."""
    if path.name.endswith((".csv", ".html")) or not path.is_dir():
        return 0
    if rule == "encode_universal":
        from brainvis.encoding.universal_embeddings import Embeddings
        from brainvis.encoding.universal_files import read_encoder

        embeddings = Embeddings.open(path.parent / "embeddings.h5")
        return _count(read_encoder(path)) + embeddings.values().size
    if rule == "interaction_train":
        from brainvis.decoding.interaction_files import read_network
        from brainvis.encoding.universal_embeddings import Embeddings

        voxels = path.with_name(path.name.replace("_network", "_voxels.h5"))
        return _count(read_network(path).network) + Embeddings.open(voxels).values().size
    if rule == "encode_in_context":
        from brainvis.encoding.in_context_stage import read_network as read_in_context

        return _count(read_in_context(path))
    return 0


def _count(network) -> int:
    return sum(one.numel() for one in network.parameters())


def compare(config: Path, root: Path, label: str) -> tuple[list[list[str]], list[float]]:
    """Lines of the table, and the ratios of memory and disk."""
    run_config = configuration.load(config)
    size, measured = size_of(run_config), measure(root)
    lines, ratios = [], []
    for one in plan(run_config, size):
        took = measured.get(one.rule)
        if took is None:
            continue
        share = took.jobs / one.jobs  # below 1 in a run that was not finished
        disk = share * one.disk / 2**20
        pairs = [(one.memory / 2**20, took.memory), (disk, took.disk / 2**20)]
        cells = [label, one.rule]
        for estimated, found in pairs:
            cells += [f"{estimated:.2f}", f"{found:.2f}", f"{estimated / found:.2f}"]
            ratios.append(estimated / found)
        known = f"{one.parameters:,} / {took.parameters:,}" if took.parameters else ""
        cells += [known, f"{share * seconds(one):.0f} / {took.seconds:.0f}"]
        lines.append(cells)
    return lines, ratios


def described(name: str, size: Size) -> str:
    """Size of a run in words."""
    return (
        f"`{name}`: {size.subjects} subjects x {size.voxels:,} voxels x {size.trials:,} trials, "
        f"{size.images:,} images of {size.side} pixels, {size.prior:,} unseen ones"
    )


def page(parts: list[tuple[str, Path, Path]]) -> str:
    """Markdown of all runs."""
    head = ["run", "rule", "memory est. (MiB)", "measured", "ratio", "disk est. (MiB)"]
    head += ["measured", "ratio", "parameters est. / measured", "seconds est. / measured"]
    body, ratios, words = [], [], []
    for label, config, root in parts:
        words.append(f"- {described(label, size_of(configuration.load(config)))}")
        lines, found = compare(config, root, label)
        body, ratios = body + lines, ratios + found
    near = sum(0.75 <= one <= 1.25 for one in ratios)
    said = (
        f"{near} of {len(ratios)} estimates of memory and disk lie within 25 % of what was "
        f"measured; the lowest ratio is {min(ratios):.2f}, the highest {max(ratios):.2f}. "
        "The constants were set on such runs, those of movies, objects and report on `demo` and "
        "`full` alone. Memory: peak resident memory of the rule's largest job. Disk: outputs of "
        "the jobs that ran. "
        "Seconds: all jobs of the rule one after the other; the machine was busy with other work, "
        f"so they tell only the order. A large matrix product runs at "
        f"{measured_product() / 1e9:.0f} GFLOP/s on one core here."
    )
    settings = yaml.safe_dump(SETTINGS, sort_keys=False, default_flow_style=None, width=96)
    return "\n\n".join(
        [
            f"# What `brainvis plan` says beside what was measured, commit {commit()}",
            "Made by benchmarks/plan.py from runs of these sizes; all are simulated.",
            "\n".join(words), said, markdown([head, *body]),
            "## Configuration of runs on made-up data", f"```yaml\n{settings}```",
        ]
    )  # fmt: skip


def main() -> None:
    """Make the runs that are not there, and print the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="*", choices=SIZES, default=list(SIZES))
    parser.add_argument("--folder", type=Path, default=Path("results/plan"))
    parser.add_argument("--runs", nargs="*", default=[], help="finished runs: CONFIG=RESULTS")
    given = parser.parse_args()
    parts = []
    for name in given.sizes:
        folder = (given.folder / name).resolve()
        if not (folder / "run.yaml").is_file():
            write_data(folder, name)
        run(folder, "metrics", "encoders")
        parts.append((name, folder / "run.yaml", folder / "results" / name))
    for text in given.runs:
        config, _, root = text.partition("=")
        parts.append((Path(root).name, Path(config), Path(root)))
    print(page(parts))


if __name__ == "__main__":
    main()
