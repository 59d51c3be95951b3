"""Folders of tiny object generators, made once."""

import shutil

import pytest
from tiny_object_generators import WRITERS


@pytest.fixture(scope="session")
def object_folders(tmp_path_factory):
    made = {}
    for name, write in WRITERS.items():
        made[name] = tmp_path_factory.mktemp(name)
        write(made[name])
    return made


@pytest.fixture
def copied_object(object_folders, tmp_path):
    """A copy of a generator's folder, to be damaged."""
    return lambda name: shutil.copytree(object_folders[name], tmp_path / name)
