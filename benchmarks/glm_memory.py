"""Peak memory of the betas stage on a BOLD series of 4 GiB.

    python benchmarks/glm_memory.py [--gib 4] [--voxels 60000] [--folder DIR]

Writes a synthetic series (random int16, uncompressed NIfTI, several runs) with events and a brain
mask into a temporary folder, runs the stage with its default settings in a process of its own, and
prints that process's peak resident set as JSON and as a row of a Markdown table.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

GRID, VOLUMES, TR = (128, 128, 64), 256, 1.6
STIMULI = 90  # per run, the same ones in every run
LIMIT_GIB = 1.5

STAGE = """
import json, resource, sys, time
from pathlib import Path
from brainvis.preprocess.betas import estimate_betas

start, used = time.perf_counter(), time.process_time()
estimate_betas(Path(sys.argv[1]), Path(sys.argv[2]), subject="01", dataset="benchmark",
               kind="simulated")
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"peak_rss_gib": peak / 2**20, "wall_s": time.perf_counter() - start,
                  "cpu_s": time.process_time() - used}))
"""


def write_series(root: Path, gib: float, voxels: int) -> int:
    """Write a BIDS tree whose BOLD files take `gib` GiB; returns their size in bytes."""
    func = root / "sub-01/func"
    func.mkdir(parents=True)
    (root / "task-made_bold.json").write_text(json.dumps({"RepetitionTime": TR}))
    affine = np.diag([1.8, 1.8, 1.8, 1.0])
    runs = max(2, round(gib * 2**30 / (2 * np.prod(GRID) * VOLUMES)))
    total = 0
    for run in range(1, runs + 1):
        rng, name = np.random.default_rng([run]), f"sub-01_task-made_run-{run:02d}"
        header = nib.Nifti1Header()
        header.set_data_shape((*GRID, VOLUMES))
        header.set_data_dtype(np.int16)
        header.set_sform(affine, code=1)
        header["vox_offset"], header["magic"] = 352, b"n+1"
        path = func / f"{name}_bold.nii"
        with path.open("wb") as file:
            file.write(header.binaryblock + bytes(4))
            for _ in range(VOLUMES):
                file.write(rng.integers(900, 1100, np.prod(GRID), dtype=np.int16).tobytes())
        total += path.stat().st_size
        events = pd.DataFrame({"onset": 8 + 4.0 * np.arange(STIMULI), "duration": 2.0})
        events["stimulus_id"] = [f"s{number}" for number in rng.permutation(STIMULI)]
        events.to_csv(func / f"{name}_events.tsv", sep="\t", index=False)
    mask = np.zeros(np.prod(GRID), dtype=np.uint8)
    mask[np.random.default_rng(0).permutation(mask.size)[:voxels]] = 1
    image = nib.Nifti1Image(mask.reshape(GRID), affine)
    image.set_sform(affine, code=1)
    nib.save(image, func / "sub-01_desc-brain_mask.nii.gz")
    return total


def main() -> int:
    """Measure; the exit status tells whether the peak is below the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gib", type=float, default=4.0)
    parser.add_argument("--voxels", type=int, default=60_000, help="voxels of the brain mask")
    parser.add_argument("--folder", type=Path, default=None, help="where the series is written")
    settings = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=settings.folder) as folder:
        start = time.perf_counter()
        size = write_series(Path(folder) / "bids", settings.gib, settings.voxels)
        seconds = time.perf_counter() - start
        print(f"Series of {size / 2**30:.2f} GiB, written in {seconds:.0f} s.\n")
        arguments = [str(Path(folder) / "bids"), str(Path(folder) / "betas.h5")]
        done = subprocess.run(
            [sys.executable, "-c", STAGE, *arguments], stdout=subprocess.PIPE, text=True, check=True
        )
    found = json.loads(done.stdout.splitlines()[-1])
    found |= {"series_gib": size / 2**30, "voxels": settings.voxels, "limit_gib": LIMIT_GIB}
    print(f"```json\n{json.dumps(found, indent=2, sort_keys=True)}\n```\n")
    print("| series (GiB) | voxels | peak memory (GiB) | CPU (s) | wall (s) |")
    print("|---|---|---|---|---|")
    print(
        f"| {found['series_gib']:.2f} | {settings.voxels} | {found['peak_rss_gib']:.2f} "
        f"| {found['cpu_s']:.0f} | {found['wall_s']:.0f} |"
    )
    return int(found["peak_rss_gib"] > LIMIT_GIB)


if __name__ == "__main__":
    sys.exit(main())
