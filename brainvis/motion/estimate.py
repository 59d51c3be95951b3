"""Optical flow of clips whose true flow nobody knows: one interface, three estimators."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Protocol

import numpy as np
from tqdm import tqdm

from brainvis.errors import BrainvisError
from brainvis.motion.grid import FRAMES, SIZE, coarse_flow

ESTIMATORS = ("dis", "farneback", "raft")
_RAFT_SIDE = 128  # its pyramid of correlations needs no less


class Estimator(Protocol):
    """Flow between frames."""

    name: str

    def __call__(self, clip: np.ndarray) -> np.ndarray:
        """Clip (frames, height, width, 3) uint8 to flow (frames - 1, height, width, 2) float32."""
        ...


class Dis:
    """Dense inverse search (Kroeger et al. 2016) of OpenCV."""

    name = "dis"

    def __init__(self) -> None:
        import cv2

        self.method = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self.method.setFinestScale(0)  # clips here are small

    def __call__(self, clip: np.ndarray) -> np.ndarray:
        grey = _grey(clip)
        empty = np.zeros((*grey.shape[1:], 2), dtype=np.float32)
        return np.stack([self.method.calc(*pair, empty.copy()) for pair in pairwise(grey)])


class Farneback:
    """Polynomial expansion (Farneback 2003) of OpenCV, with the parameters of Mind-Animator."""

    name = "farneback"

    def __call__(self, clip: np.ndarray) -> np.ndarray:
        import cv2

        grey = _grey(clip)
        empty = np.zeros((*grey.shape[1:], 2), dtype=np.float32)
        return np.stack(
            [
                cv2.calcOpticalFlowFarneback(one, two, empty.copy(), 0.5, 3, 15, 3, 5, 1.2, 0)
                for one, two in pairwise(grey)
            ]
        )


class Raft:
    """RAFT (Teed & Deng 2020) of torchvision, weights from a local file.

    Parameters
    ----------
    weights : Path
        State dictionary of torchvision's raft_small or raft_large, as safetensors.
    updates : int
        Refinements of the flow.

    Raises
    ------
    BrainvisError
        No such file, or weights of another network.
    """

    name = "raft"

    def __init__(self, weights: Path, updates: int = 12) -> None:
        self.updates, self.network = updates, _raft(_state(weights), weights)

    def __call__(self, clip: np.ndarray) -> np.ndarray:
        import torch
        from torch.nn.functional import interpolate

        height, width = clip.shape[1:3]
        sides = [max(_RAFT_SIDE, -(-side // 8) * 8) for side in (height, width)]
        frames = torch.from_numpy(clip).permute(0, 3, 1, 2).float() / 127.5 - 1  # (t, 3, h, w)
        frames = interpolate(frames, sides, mode="bilinear")
        with torch.no_grad():
            flow = self.network(frames[:-1], frames[1:], num_flow_updates=self.updates)[-1]
        flow = interpolate(flow, (height, width), mode="bilinear").permute(0, 2, 3, 1).numpy()
        return flow * np.array([width / sides[1], height / sides[0]], dtype=np.float32)


def estimator(name: str = "dis", weights: Path | None = None) -> Estimator:
    """An estimator by name.

    Raises
    ------
    BrainvisError
        Unknown name; "raft" without weights.
    """
    match name:
        case "dis":
            return Dis()
        case "farneback":
            return Farneback()
        case "raft" if weights is not None:
            return Raft(weights)
        case "raft":
            raise BrainvisError(
                "needs weights", field="weights", remedy="give a local file of torchvision's RAFT"
            )
    raise BrainvisError("unknown", field="estimator", found=name, remedy=f"one of {ESTIMATORS}")


def estimate(
    clips: np.ndarray, name: str = "dis", *, weights: Path | None = None,
    size: int = SIZE, frames: int = FRAMES,
) -> np.ndarray:  # fmt: skip
    """Coarse flow of clips by an estimator.

    Parameters
    ----------
    clips : (n, frames, height, width, 3) uint8
    name : {"dis", "farneback", "raft"}
    weights : Path, optional
        Of "raft".
    size, frames : int
        See `brainvis.motion.grid.coarse_flow`.

    Returns
    -------
    (n, frames, size, size, 2) float32, see `brainvis.motion.grid.UNITS`

    Raises
    ------
    BrainvisError
        See `estimator` and `brainvis.motion.grid.coarse_flow`.
    """
    if clips.ndim != 5 or clips.shape[-1] != 3 or clips.dtype != np.uint8:
        raise BrainvisError(
            "need to be (n, frames, height, width, 3) uint8",
            field="clips",
            found=f"{clips.shape} {clips.dtype}",
        )
    method = estimator(name, weights)
    found = [np.zeros((0, frames, size, size, 2), dtype=np.float32)]
    for clip in tqdm(clips, disable=None, desc=f"flow by {method.name}"):
        flow = method(clip) if len(clip) > 1 else np.zeros((0, *clip.shape[1:3], 2), np.float32)
        found.append(coarse_flow(flow[None], size, frames))
    return np.concatenate(found)


def _grey(clip: np.ndarray) -> np.ndarray:
    import cv2

    return np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in clip])


def _state(weights: Path) -> dict:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(weights)
    except (OSError, SafetensorError) as error:
        raise BrainvisError(
            "cannot be read as safetensors",
            file=weights,
            found=error,
            remedy="save torchvision's state dictionary with safetensors.torch.save_file",
        ) from error


def _raft(state: dict, weights: Path):
    from torchvision.models.optical_flow import raft_large, raft_small

    for make in (raft_small, raft_large):
        network = make(weights=None)
        if set(network.state_dict()) == set(state):
            try:
                network.load_state_dict(state)
            except RuntimeError as error:
                raise BrainvisError("is no RAFT", file=weights, found=error) from error
            return network.eval()
    raise BrainvisError(
        "is no RAFT of torchvision",
        file=weights,
        field="weights",
        found=f"{len(state)} tensors",
        remedy="give raft_small or raft_large",
    )
