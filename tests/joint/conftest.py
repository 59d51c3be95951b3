"""Tiny decoders and generators that fit together, made once."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.append(str(Path(__file__).parents[1] / "generation"))  # tiny generators

from joint_world import JointWorld, make_joint_world


@pytest.fixture(scope="package", autouse=True)
def one_thread():
    """Small matrices are quickest on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def joint_world(tmp_path_factory) -> JointWorld:
    """Files that fit a generator with an adapter; not to be changed."""
    return make_joint_world(tmp_path_factory.mktemp("joint"), "stable-diffusion")
