"""Tiny animators with random weights, made once; one test file may copy and damage them."""

import shutil

import numpy as np
import pytest
from tiny_animators import WRITERS


@pytest.fixture(scope="session")
def animator_folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("animators")
    for name, write in WRITERS.items():
        write(root, root / name)
    return {name: root / name for name in WRITERS} | {"root": root}


@pytest.fixture
def copied_animators(animator_folders, tmp_path):
    """A whole root of animators that may be damaged."""
    return shutil.copytree(animator_folders["root"], tmp_path / "animators")


@pytest.fixture
def scene():
    """Two first frames, a square on a ramp, with flow of the square to the right."""
    first = np.zeros((2, 16, 16, 3), np.float32) + np.linspace(0.2, 0.5, 16)[:, None, None]
    first[:, 5:11, 3:9] = (0.9, 0.1, 0.1)
    flow = np.zeros((2, 3, 8, 8, 2), np.float32)
    flow[:, :, 2:6, 1:6, 0] = 0.25
    return first.astype(np.float32), flow
