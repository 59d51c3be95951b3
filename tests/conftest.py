"""Shared fixtures: where measured data lie, and small containers."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("shared-machine", deadline=None)  # a busy machine is no failure
settings.load_profile("shared-machine")

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session")
def measured():
    """Folder finder for measured data; skips where the data set is not on this machine."""
    roots = os.environ.get("BRAINVIS_DATA", str(REPOSITORY.parent / "shared/data"))

    def find(name: str) -> Path:
        for root in roots.split(os.pathsep):
            if (Path(root) / name).exists():
                return Path(root) / name
        pytest.skip(f"measured data {name!r} not found in {roots} (set BRAINVIS_DATA)")

    return find
