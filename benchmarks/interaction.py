"""Time and memory of the brain tokenizer beside torch_geometric's TransformerConv.

    python benchmarks/interaction.py [--sizes full|small] [--rounds 3] [--repeats 1] [--threads 1]

One forward and backward pass from activations and voxel embeddings to brain tokens, on simulated
numbers of the size of a large subject. `TransformerConv` runs as Brain-IT's public code runs it:
embeddings are gathered and multiplied by activations sample by sample, cluster nodes are appended
to voxel nodes, samples are separate graphs; and once more as kindly as it allows, with voxels and
clusters as two sets of nodes. Every measurement is a process of its own, rivals alternate, and
ratios are paired within a round. Before that, on a small problem, both get the same weights and
must give the same tokens.

Needs torch_geometric, which brainvis does not depend on:

    .venv/bin/uv pip install --python .venv/bin/python --editable ".[bench]"
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import resource
import subprocess
import sys
import time
import warnings
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from brainvis.decoding.interaction import BrainTokenizer, Sizes

INSTALL = '.venv/bin/uv pip install --python .venv/bin/python --editable ".[bench]"'
DEFAULT_HEADS = Sizes(1, 1, {}).heads
OURS = {"brainvis, one head": 1, f"brainvis, {DEFAULT_HEADS} heads": DEFAULT_HEADS}
KEYS = ("wall", "cpu", "peak", "step")
THEIRS = ("TransformerConv, as Brain-IT", "TransformerConv, bipartite")


@dataclass(frozen=True)
class Scale:
    """A subject's voxels, clusters, width of embeddings and tokens, trials in a step."""

    voxels: int
    clusters: int
    width: int
    batch: int


SCALES = {"full": Scale(40_000, 128, 512, 8), "small": Scale(4_000, 32, 64, 8)}


@dataclass(frozen=True)
class Problem:
    """Activations (b, v), voxel embeddings (v, w) and clusters (v,) of uneven sizes."""

    activations: Tensor
    embeddings: nn.Parameter
    cluster: Tensor

    @classmethod
    def simulated(cls, scale: Scale) -> Problem:
        rng = np.random.default_rng(0)
        share = rng.gamma(3.0, size=scale.clusters)
        cluster = rng.choice(scale.clusters, size=scale.voxels, p=share / share.sum())
        source = torch.Generator().manual_seed(0)
        return cls(
            torch.randn(scale.batch, scale.voxels, generator=source),
            nn.Parameter(0.1 * torch.randn(scale.voxels, scale.width, generator=source)),
            torch.from_numpy(cluster),
        )


class GraphTokenizer(nn.Module):
    """Brain tokens (b, clusters, width) by `TransformerConv`, ReLU and LayerNorm."""

    def __init__(self, scale: Scale, appended: bool) -> None:
        super().__init__()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from torch_geometric.nn.conv import TransformerConv
        self.appended = appended
        self.centres = nn.Parameter(torch.randn(scale.clusters, scale.width) * scale.width**-0.5)
        self.conv = TransformerConv(scale.width, scale.width)
        self.norm = nn.LayerNorm(scale.width)

    def edges(self, batch: int, cluster: Tensor) -> Tensor:
        """(2, b * v): each voxel of each sample to its cluster of that sample."""
        voxels, clusters = len(cluster), len(self.centres)
        sample = torch.arange(batch)[:, None]
        if self.appended:
            first = sample * (voxels + clusters)
            source, target = first + torch.arange(voxels), first + voxels + cluster
        else:
            source, target = sample * voxels + torch.arange(voxels), sample * clusters + cluster
        return torch.stack([source.flatten(), target.flatten()])

    def forward(self, activations: Tensor, embeddings: Tensor, cluster: Tensor) -> Tensor:
        summed = self.summed(activations, embeddings, self.edges(len(activations), cluster))
        return self.norm(torch.relu(summed))

    def summed(self, activations: Tensor, embeddings: Tensor, edges: Tensor) -> Tensor:
        """What clusters get from voxels, (b, clusters, width)."""
        batch, voxels = activations.shape
        centres = self.centres.expand(batch, -1, -1)
        if self.appended:
            rows = torch.arange(voxels).expand(batch, -1)
            nodes = torch.cat([activations[..., None] * embeddings[rows], centres], 1)
            found = self.conv(nodes.flatten(0, 1), edges)
            return found.view_as(nodes)[:, voxels:]
        valued = activations[..., None] * embeddings  # (b, v, w)
        pair = valued.flatten(0, 1), centres.flatten(0, 1)
        return self.conv(pair, edges).view_as(centres)


def build(name: str, scale: Scale) -> nn.Module:
    torch.manual_seed(0)
    if name in OURS:
        sizes = Sizes(scale.clusters, scale.width, {}, width=scale.width, heads=OURS[name])
        return BrainTokenizer(sizes)
    return GraphTokenizer(scale, appended=name == THEIRS[0])


def measured(name: str, scale: Scale, repeats: int) -> dict[str, float]:
    """Median seconds of a step after one to warm up; peak memory and what the step adds, GiB."""
    problem, network = Problem.simulated(scale), build(name, scale)
    before, times = settled(), []

    def step() -> None:
        network.zero_grad()
        problem.embeddings.grad = None
        found = network(problem.activations, problem.embeddings, problem.cluster)
        found.square().mean().backward()

    for _ in range(repeats + 1):
        wall, cpu = time.perf_counter(), time.process_time()
        step()
        times.append((time.perf_counter() - wall, time.process_time() - cpu))
    wall, cpu = np.median(times[1:], axis=0)
    return {"wall": wall, "cpu": cpu, "peak": peak(), "step": added(before)}


def peak() -> float:
    """Largest resident set of this process so far, GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def settled() -> float:
    """Resident set of this process now, GiB, from which `added` counts: imports peak higher."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def added(before: float) -> float:
    """Growth of the resident set at its largest since `settled`, GiB."""
    return _status("VmHWM") - before


def _status(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 2**20


def disagreement(scale: Scale) -> float:
    """Largest difference of standardised brain tokens between the three, with the same weights."""
    problem = Problem.simulated(scale)
    ours, theirs = build("brainvis, one head", scale), build(THEIRS[0], scale)
    kind = build(THEIRS[1], scale)
    assert isinstance(ours, BrainTokenizer) and isinstance(theirs, GraphTokenizer)
    assert isinstance(kind, GraphTokenizer)
    conv = theirs.conv
    with torch.no_grad():
        for part in (conv.lin_key, conv.lin_value, conv.lin_skip):
            part.bias.zero_()
        conv.lin_skip.weight.zero_()  # what a cluster's own node adds in every trial alike
        kind.load_state_dict(theirs.state_dict())
        ours.query.copy_(conv.lin_query(theirs.centres))
        ours.gain.weight.copy_(conv.lin_key.weight)
        ours.value.weight.copy_(conv.lin_value.weight)
        for part in (ours.gain, ours.value, ours.offset):
            part.bias.zero_()
        ours.offset.weight.zero_()
        ours.norm.eps = 1e-12
        x, embeddings, cluster = problem.activations, problem.embeddings, problem.cluster
        wanted = ours(x, embeddings, cluster)
        summed = [one.summed(x, embeddings, one.edges(len(x), cluster)) for one in (theirs, kind)]
        found = [nn.functional.layer_norm(one, one.shape[-1:], eps=1e-12) for one in summed]
    return max(float((one - wanted).abs().max()) for one in found)


def alone(given: argparse.Namespace, name: str) -> dict[str, float]:
    """`measured` in a process of its own."""
    options = ["--sizes", given.sizes, "--repeats", given.repeats, "--threads", given.threads]
    command = [sys.executable, __file__, *map(str, options), "--only", name]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"{name!r} ended with {done.returncode}; -9 means out of memory")
    return json.loads(done.stdout.splitlines()[-1])


def compare(given: argparse.Namespace) -> None:
    """Print one table: medians over rounds, ratios to the one-headed tokenizer."""
    names = [*OURS, *THEIRS]
    rounds = [{name: alone(given, name) for name in names} for _ in range(given.rounds)]
    print("| tokenizer | wall s | cpu s | peak GiB | of the step | wall | cpu | peak | step |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name in names:
        cells = [np.median([one[name][key] for one in rounds]) for key in KEYS]
        cells += [np.median([one[name][k] / one[names[0]][k] for one in rounds]) for k in KEYS]
        print(f"| {name} | " + " | ".join(f"{value:.3g}" for value in cells) + " |")
    print(f"\nLast four columns: ratios to {names[0]!r}; load average {os.getloadavg()[0]:.1f}.")


def machine(threads: int) -> str:
    """Commit, processor, threads, load and library versions."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    commit = subprocess.run(command, capture_output=True, text=True).stdout.strip() or "unknown"
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    libraries = [f"{name} {version(name)}" for name in ("torch", "torch_geometric")]
    fused = [name for name in ("torch_scatter", "pyg_lib") if importlib.util.find_spec(name)]
    return (
        f"Commit {commit}; {names[0] if names else platform.processor()}, {os.cpu_count()} cores, "
        f"{threads} threads, load average {os.getloadavg()[0]:.1f}, {', '.join(libraries)} "
        f"({' and '.join(fused) or 'without torch_scatter and pyg_lib'})"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", choices=SCALES, default="full")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=1, help="timed steps of a process")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", choices=[*OURS, *THEIRS], help="measure one, as JSON")
    given = parser.parse_args()
    if importlib.util.find_spec("torch_geometric") is None:
        print(f"needs torch_geometric; install it with\n\n    {INSTALL}", file=sys.stderr)
        return 1
    torch.set_num_threads(given.threads)
    scale = SCALES[given.sizes]
    if given.only:
        print(json.dumps(measured(given.only, scale, given.repeats)))
        return 0
    print(f"{machine(given.threads)}; simulated numbers, float32, one step forward and back.\n")
    print(f"{scale}; medians of {given.rounds} rounds.")
    off = disagreement(SCALES["small"])
    print(f"With the same weights, standardised tokens differ by {off:.1e} at most.\n")
    compare(given)
    return int(off > 1e-4)


if __name__ == "__main__":
    sys.exit(main())
