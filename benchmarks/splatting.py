"""Forward splatting in torch against backward warping by cv2.remap, on one core.

    python benchmarks/splatting.py [--side 256] [--repeats 30]

Both move the same image by the same smooth flow. They are not the same work: remap looks up, for
each target, where it is from, and needs the flow of the target frame, which a decoder does not
give; splatting throws each source pixel, weighs what lands on one place, and finds the holes.
Printed is a markdown table of frames per second, of processor time (other work on the machine
does not count) and of wall time, the median of the repeats.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import cv2
import numpy as np
import torch

from brainvis.animation.splatting import splat


def frames_per_second(work: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Of processor time and of wall time, the medians, after three runs to warm up."""
    for _ in range(3):
        work()
    spent, passed = [], []
    for _ in range(repeats):
        cpu, wall = time.process_time(), time.perf_counter()
        work()
        spent.append(time.process_time() - cpu)
        passed.append(time.perf_counter() - wall)
    return 1 / float(np.median(spent)), 1 / float(np.median(passed))


def smooth_flow(side: int) -> np.ndarray:
    """A few pixels of shift, turn and growth, (side, side, 2)."""
    along = np.linspace(-1, 1, side, dtype=np.float32)
    x, y = np.meshgrid(along, along)
    return np.stack([3 + 4 * x - 2 * y, -2 + 2 * x + 4 * y], axis=-1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--side", type=int, default=256, help="Side of the image in pixels.")
    parser.add_argument("--repeats", type=int, default=30, help="Timed runs of each.")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    side, rng = chosen.side, np.random.default_rng(0)
    image, flow = rng.random((side, side, 3), dtype=np.float32), smooth_flow(side)
    planes = torch.from_numpy(image).permute(2, 0, 1)[None].contiguous()
    field, weight = torch.from_numpy(flow)[None], torch.from_numpy(flow[..., 0])[None]
    y, x = np.mgrid[:side, :side].astype(np.float32)
    from_x, from_y = x - flow[..., 0], y - flow[..., 1]

    def forward() -> object:
        with torch.inference_mode():
            return splat(planes, field, weight)

    def backward() -> object:
        return cv2.remap(image, from_x, from_y, cv2.INTER_LINEAR)

    rates = {
        "forward splatting with importance (torch)": frames_per_second(forward, chosen.repeats),
        "backward warping (cv2.remap)": frames_per_second(backward, chosen.repeats),
    }
    reference = rates["backward warping (cv2.remap)"][0]
    print(f"Images of {side} x {side} x 3 float32, one thread, {chosen.repeats} repeats.\n")
    print("| | frames/s of one core | frames/s of wall time | times remap's time |")
    print("|---|---|---|---|")
    for name, (spent, passed) in rates.items():
        print(f"| {name} | {spent:.0f} | {passed:.0f} | {reference / spent:.1f} |")


if __name__ == "__main__":
    main()
