"""One made-up run, shared by the tests of the report."""

import pytest
from made_up_run import write_run


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("run"))
