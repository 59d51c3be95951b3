# What all rules share: the checked configuration, the paths of the run, params, retries.
import os
from pathlib import Path

from snakemake.exceptions import WorkflowError

from brainvis.artifacts.fingerprint import fingerprint
from brainvis.commands.common import settings_text
from brainvis.config import find_data, run_folder, validated
from brainvis.errors import BrainvisError
from brainvis.paths import Layout


def checked_config():
    """The run's configuration, or the one line that says what is wrong with it."""
    source = workflow.configfiles[-1] if workflow.configfiles else "--config"
    try:
        return validated(dict(config), source)
    except BrainvisError as error:
        raise WorkflowError(str(error)) from None


def data_folder(relative):
    """A data set's folder inside the data roots."""
    try:
        return find_data(relative)
    except BrainvisError as error:
        raise WorkflowError(str(error)) from None


def settings(*keys):
    """Params function: the slice of the configuration under `keys`, wildcards filled in."""
    return lambda wildcards: settings_text(
        RUN, *(key.format(**dict(wildcards)) for key in keys)
    )


def code(stage):
    """Params value: fingerprint of the code that the stage runs."""
    return fingerprint(f"brainvis.commands.{stage}")


def memory(mib):
    """Resources function: more memory at every retry."""
    return lambda wildcards, attempt: mib * attempt


RUN = checked_config()
LAYOUT = Layout(run_folder(RUN))
DATASET = RUN.dataset.name
RETRIES = 1
if RUN.cache:
    os.environ.setdefault("BRAINVIS_CACHE", str(Path(RUN.cache).resolve()))
