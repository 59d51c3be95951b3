"""Voxelwise ridge side by side with himalaya and scikit-learn, on simulated responses.

    python benchmarks/ridge.py --sizes small|full [--repeats 3]

Every fit runs in a process of its own, in turn, so that peak memory is its own and that all meet
the same machine. Printed is a markdown table of medians, and of ratios paired within a repeat:
wall time, processor time (which other jobs on the machine disturb less) and peak memory above
that of the loaded data.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np

ALPHAS = np.logspace(-1, 6, 10)
FOLDS, BATCH = 5, 2000
# (rows, features, voxels): what is compared at that size
SIZES = {
    "small": {
        (2000, 512, 5000): ["himalaya", "sklearn-cv", "sklearn-loo"],
        (1000, 3000, 2000): ["himalaya", "himalaya-kernel", "sklearn-cv", "sklearn-loo"],
    },
    "full": {
        (9000, 1280, 15000): ["himalaya", "sklearn-cv"],
        (9000, 1280, 2000): ["himalaya", "sklearn-loo"],  # n x v x alphas float64 in scikit-learn
    },
}
LABELS = {
    "brainvis": "brainvis VoxelwiseRidge, alpha per voxel",
    "himalaya": "himalaya RidgeCV, alpha per voxel",
    "himalaya-kernel": "himalaya KernelRidgeCV, alpha per voxel",
    "sklearn-cv": "scikit-learn RidgeCV(cv=5), one alpha for all",
    "sklearn-loo": "scikit-learn RidgeCV(cv=None), leave-one-out, alpha per voxel",
}


def simulate(folder: Path, n: int, p: int, v: int) -> None:
    """Features with a power-law spectrum, voxels from no signal to a strong one."""
    rng = np.random.default_rng([n, p, v])
    spectrum = np.arange(1, p + 1, dtype=np.float32) ** -0.5
    rotation = np.linalg.qr(rng.standard_normal((p, p), dtype=np.float32))[0]
    X = (rng.standard_normal((n, p), dtype=np.float32) * spectrum) @ rotation
    X = (X - X.mean(0)) / X.std(0)
    W = rng.standard_normal((p, v), dtype=np.float32) * np.float32(p**-0.5)
    signal = X @ W
    Y = signal * np.linspace(0, 1, v, dtype=np.float32)
    Y += rng.standard_normal((n, v), dtype=np.float32)
    np.save(folder / "X.npy", X)
    np.save(folder / "Y.npy", Y)


def fit(method: str, X: np.ndarray, Y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Alphas and weights (p, v) by one method."""
    if method == "brainvis":
        from brainvis.encoding.ridge import VoxelwiseRidge

        model = VoxelwiseRidge(ALPHAS, FOLDS, voxels_batch=BATCH, progress=False).fit(X, Y)
        return model.alpha_, model.coef_
    if method.startswith("himalaya"):
        from himalaya.kernel_ridge import KernelRidgeCV
        from himalaya.ridge import RidgeCV

        settings = {"n_targets_batch": BATCH, "n_targets_batch_refit": BATCH}
        if method == "himalaya":
            settings["warn"] = False
        kind = RidgeCV if method == "himalaya" else KernelRidgeCV
        model = kind(ALPHAS, cv=FOLDS, fit_intercept=True, solver_params=settings).fit(X, Y)
        coef = model.coef_ if method == "himalaya" else model.get_primal_coef(X)
        return model.best_alphas_, coef
    from sklearn.linear_model import RidgeCV as SklearnRidgeCV

    loo = method == "sklearn-loo"
    model = SklearnRidgeCV(ALPHAS, cv=None if loo else FOLDS, alpha_per_target=loo).fit(X, Y)
    return np.broadcast_to(model.alpha_, Y.shape[1]), model.coef_.T


def measure(method: str, folder: Path) -> None:
    """Child process: fit once, save what was chosen, print time and memory as JSON."""
    X, Y = np.load(folder / "X.npy"), np.load(folder / "Y.npy")
    fit(method, X[:200, :20], Y[:200, :20])  # imports and thread pools
    Path("/proc/self/clear_refs").write_text("5")  # peak memory counts from here
    before = peak_memory()
    wall, cpu = time.perf_counter(), time.process_time()
    alphas, coef = fit(method, X, Y)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = peak_memory()
    np.savez(folder / f"{method}.npz", alphas=alphas, coef=coef)
    facts = {"wall": wall, "cpu": cpu, "peak": peak, "added": peak - before}
    print(json.dumps(facts))


def peak_memory() -> float:
    """Largest resident memory of this process so far, GiB (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 2**20


def run(method: str, folder: Path) -> dict[str, float]:
    command = [sys.executable, __file__, "--child", method, "--folder", str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def agreement(method: str, folder: Path) -> str:
    """Share of voxels of equal alpha, and largest difference in weight among them."""
    with np.load(folder / "brainvis.npz") as ours, np.load(folder / f"{method}.npz") as theirs:
        equal = np.isclose(ours["alphas"], theirs["alphas"], rtol=1e-3)
        largest = np.abs(ours["coef"] - theirs["coef"])[:, equal].max(initial=0)
        scale = np.abs(theirs["coef"]).max()
    return f"{equal.mean():.2%} | {largest / scale:.1e}"


def compare(shape: tuple[int, int, int], peers: list[str], repeats: int) -> None:
    """Print the rows of one size."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        simulate(folder, *shape)
        methods = ["brainvis", *peers]
        runs = {method: [] for method in methods}
        for _ in range(repeats):
            for method in methods:
                runs[method].append(run(method, folder))
        for method in methods:
            found = {key: [one[key] for one in runs[method]] for key in runs[method][0]}
            middle = {key: np.median(values) for key, values in found.items()}
            ratio = {
                key: np.median(np.divide(found[key], [one[key] for one in runs["brainvis"]]))
                for key in ("wall", "cpu")
            }
            same = "- | -" if method == "brainvis" else agreement(method, folder)
            print(
                f"| {shape[0]} x {shape[1]} x {shape[2]} | {LABELS[method]} "
                f"| {middle['wall']:.1f} | {middle['cpu']:.1f} | {ratio['wall']:.1f} "
                f"| {ratio['cpu']:.1f} | {middle['added']:.2f} | {middle['peak']:.2f} | {same} |",
                flush=True,
            )


def machine() -> str:
    """Processor, cores, threads, load and library versions."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    cpu = names[0] if names else platform.processor()
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    libraries = [f"{name} {version(name)}" for name in ("numpy", "himalaya", "scikit-learn")]
    return (
        f"{cpu}, {os.cpu_count()} cores, OMP_NUM_THREADS {threads}, load average "
        f"{os.getloadavg()[0]:.1f}, Python {platform.python_version()}, {', '.join(libraries)}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", choices=list(SIZES), default="small")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--child", choices=list(LABELS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        measure(given.child, given.folder)
        return
    print(f"{machine()}; simulated data, float32, {len(ALPHAS)} alphas, {FOLDS} folds, intercept")
    print()
    print(
        "| rows x features x voxels | method | wall s | cpu s | wall / brainvis | cpu / brainvis "
        "| memory added GiB | peak GiB | equal alphas | max dW / max W |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for shape, peers in SIZES[given.sizes].items():
        compare(shape, peers, given.repeats)
    print(f"\nload average at the end {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
