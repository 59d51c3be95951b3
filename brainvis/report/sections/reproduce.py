"""How to make every number and figure again."""

from __future__ import annotations

import json

from brainvis.artifacts.manifest import installed_versions
from brainvis.report.context import Context
from brainvis.report.section import Code, Section, Text


def build(context: Context) -> Section:
    """The configuration as it was, the versions, and what they guarantee."""
    versions = "\n".join(f"{name}=={value}" for name, value in installed_versions().items())
    return Section(
        "reproduce",
        "How to reproduce",
        [
            Text(
                "Save the configuration below as JSON (YAML reads it too), install the versions "
                "named under it, and run the workflow with that configuration file. All random "
                "draws come from its seed, so the same configuration gives the same numbers."
            ),
            Code(json.dumps(context.config, indent=2, sort_keys=True, default=str)),
            Code(versions),
        ],
    )
