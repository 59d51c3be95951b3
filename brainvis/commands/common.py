"""What every stage command does around its own work: settings in, job executed, log written."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from brainvis import config as configuration
from brainvis.artifacts.fingerprint import fingerprint
from brainvis.artifacts.stage import Job, Paths, execute
from brainvis.errors import BrainvisError

ConfigOption = Annotated[
    str,
    typer.Option(
        "--config",
        help="A run's YAML file, or the JSON slice of it that the workflow passes.",
        metavar="YAML|JSON",
    ),
]
LogOption = Annotated[
    Path | None, typer.Option("--log", help="Also write messages and errors to this file.")
]

logger = logging.getLogger("brainvis")


def settings_text(config: configuration.RunConfig, *keys: str) -> str:
    """The slice that a stage needs, as the canonical JSON that goes into a rule's params."""
    settings = config.slice(*keys)
    context = {
        "dataset": getattr(config.dataset, "label", config.dataset.name),
        "kind": config.kind,
        "seed": config.seed,
        "settings": settings,
        "checkpoints": configuration.checkpoint_versions(settings),
    }
    return json.dumps(context, sort_keys=True, separators=(",", ":"))


def read_settings(text: str, *keys: str) -> dict:
    """Settings of a stage from the JSON slice, or cut from a run's YAML file."""
    if not text.lstrip().startswith("{"):
        text = settings_text(configuration.load(Path(text)), *keys)
    try:
        values = json.loads(text)
        missing = [key for key in keys if key not in values["settings"]]
    except (ValueError, KeyError, TypeError) as error:
        raise BrainvisError("is not a settings slice", field="--config", found=error) from error
    if missing:
        raise BrainvisError("settings are missing", field="--config", found=missing)
    return values


def feature_settings(settings: dict) -> tuple[dict, Path | None]:
    """Settings of a feature space with its checkpoint folder found, and that folder."""
    if "folder" not in settings:
        return settings, None
    folder = configuration.find_checkpoint(settings["folder"])
    return {**settings, "folder": folder}, folder


def paired(option: str, names: list[str], files: list[Path]) -> dict[str, Path]:
    """Output files by the option that each belongs to.

    Raises
    ------
    BrainvisError
        More or fewer files than names, or a name given twice.
    """
    if len(names) != len(files) or len(set(names)) != len(names):
        raise BrainvisError(
            f"needs one --out for each different --{option}",
            field="--out",
            found=f"{len(files)} files for {', '.join(names)}",
        )
    return dict(zip(names, files, strict=True))


def log_to(path: Path | None) -> None:
    """Send messages to the terminal and, where given, to a log file."""
    logger.setLevel(logging.INFO)
    logger.handlers = [logging.StreamHandler()]
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        logger.addHandler(logging.FileHandler(path, mode="w"))
    for handler in logger.handlers:
        handler.setFormatter(logging.Formatter("%(message)s"))


def run_stage(
    stage: str,
    work: Callable[[dict[str, Path]], None],
    *,
    inputs: Paths,
    outputs: dict[str, Path],
    values: dict,
    log: Path | None,
    **extra: object,
) -> None:
    """Execute a stage's `work` as a job of the artifact store and say what happened.

    Parameters
    ----------
    stage : str
        Name of the command module in `brainvis.commands`.
    work : callable
        Takes the temporary output paths by name and writes them.
    inputs, outputs : dict
        Named paths; see `brainvis.artifacts.stage.Job`.
    values : dict
        From `read_settings`.
    log : Path or None
        Log file of the rule.
    **extra
        Other arguments that shape the result (subject, split, method).
    """
    log_to(log)
    job = Job(
        stage=stage,
        inputs=inputs,
        outputs=outputs,
        config=values["settings"],
        code=fingerprint(f"brainvis.commands.{stage}"),
        kind=values["kind"],
        seed=values["seed"],
        extra=extra,
    )
    cache = os.environ.get("BRAINVIS_CACHE")  # not a setting: where a result lies does not shape it
    label = " ".join([stage, *(str(value) for value in extra.values())])
    try:
        cached = execute(job, work, Path(cache) if cache else None)
    except BrainvisError as error:
        logger.error("error: %s", error)
        raise typer.Exit(1) from error
    except Exception:
        logger.exception("error: %s failed in a way that brainvis did not foresee", label)
        raise typer.Exit(2) from None
    logger.info("%s: %s", label, "taken from the cache" if cached else "done")
