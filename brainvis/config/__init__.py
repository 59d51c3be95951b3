"""The configuration of a run: pydantic models, from which the JSON schema is generated.

Every key has a type, a default where a default makes sense, and a description; unknown keys are
refused. Each stage gets only the slice of the configuration that it reads (`RunConfig.slice`), so
that a change reruns what it touches and nothing else.
"""

from brainvis.config.checkpoints import checkpoint_versions
from brainvis.config.load import (
    data_roots,
    find_checkpoint,
    find_data,
    load,
    run_folder,
    schema,
    validated,
)
from brainvis.config.run import RunConfig

__all__ = [
    "RunConfig",
    "checkpoint_versions",
    "data_roots",
    "find_checkpoint",
    "find_data",
    "load",
    "run_folder",
    "schema",
    "validated",
]
