"""brainvis: decode what a person saw from fMRI, and ask what cortex responds to."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"
__all__ = ["__version__", "open_run"]


def open_run(path: Any) -> Any:
    """Open the folder of a run, such as ``results/demo``: see `brainvis.opened.Run`."""
    # by name: an import statement would put it into every stage's code fingerprint
    return import_module("brainvis.opened").open_run(path)
