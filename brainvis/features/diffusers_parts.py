"""Parts of a diffusion pipeline from a local folder: offline, safetensors only, every tensor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers.schedulers.scheduling_utils import SchedulerMixin
from diffusers.utils import logging
from safetensors import SafetensorError, safe_open

from brainvis.errors import BrainvisError
from brainvis.features.checkpoint import read_json, refuse_mismatch, weight_files

WEIGHTS = "diffusion_pytorch_model.safetensors"


def load_model(folder: Path, name: str, kind: type, weights: str = WEIGHTS) -> Any:
    """One network of a checkpoint in the layout of diffusers or transformers, in float32.

    Parameters
    ----------
    folder : Path
        The checkpoint.
    name : str
        The component's folder in it, such as ``unet``.
    kind : type
        Class of the network.
    weights : str
        Name of its weights file.

    Raises
    ------
    BrainvisError
        Missing folder or settings, pickled weights, another class, an unreadable file, tensors
        that are missing, left over or of another shape than the settings say.
    """
    path = folder / name
    _refuse_missing(folder, name)
    files = weight_files(path, weights)
    found = read_json(path / "config.json").get("_class_name", kind.__name__)
    if found != kind.__name__:
        raise BrainvisError(f"is no {kind.__name__}", file=path, field="_class_name", found=found)
    with loading(path):
        model, report = kind.from_pretrained(
            path,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
            low_cpu_mem_usage=False,
            ignore_mismatched_sizes=True,
        )
    problems = [f"{key} is missing" for key in sorted(report["missing_keys"])]
    problems += [f"{one[0]} has shape {tuple(one[1])}" for one in report["mismatched_keys"]]
    problems += [f"{key} is not in the model" for key in sorted(report["unexpected_keys"])]
    refuse_mismatch(problems, files[0])
    return model.float().eval().requires_grad_(False)


def load_scheduler(folder: Path) -> Any:
    """The noise schedule and sampler that ``scheduler/scheduler_config.json`` names.

    Raises
    ------
    BrainvisError
        Missing settings, or a class that is no scheduler of diffusers.
    """
    path = folder / "scheduler" / "scheduler_config.json"
    settings = read_json(path)
    name = str(settings.get("_class_name", ""))
    kind = getattr(diffusers, name, None) if name.endswith("Scheduler") else None
    if not (isinstance(kind, type) and issubclass(kind, SchedulerMixin)):
        raise BrainvisError(
            "is no scheduler of diffusers", file=path, field="_class_name", found=name
        )
    made_by: Any = kind
    with loading(path):
        return made_by.from_config(settings)


def tensor_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors of a safetensors file, read from its header."""
    with loading(path), safe_open(path, framework="pt") as file:
        return {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118


def _refuse_missing(folder: Path, name: str) -> None:
    if not (folder / name).exists():
        if any(folder.glob("*.ckpt")) or any(folder.glob("*.pt")):
            weight_files(folder)  # tells how to convert a pickled checkpoint
        raise BrainvisError(
            "component is missing",
            file=folder,
            field=name,
            found=sorted(one.name for one in folder.iterdir()),
            remedy="copy the whole checkpoint in the diffusers layout",
        )


@contextmanager
def loading(path: Path) -> Iterator[None]:
    """Tell what cannot be loaded in one line."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise BrainvisError(
            "cannot be loaded, damaged or of another model",
            file=path,
            found=f"{type(error).__name__}: {str(error)[:200]}",
            remedy="copy the checkpoint again, settings and weights of one model",
        ) from error
    finally:
        logging.set_verbosity(verbosity)


@contextmanager
def memory_for(batch: int) -> Iterator[None]:
    """Turn want of memory, on a GPU or the CPU, into advice.

    Raises
    ------
    BrainvisError
        Names the setting ``batch``.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        words = ("allocate memory", "not enough memory", "out of memory")
        known = isinstance(error, torch.OutOfMemoryError | MemoryError)
        if not known and not any(word in str(error) for word in words):
            raise
        raise BrainvisError(
            "images do not fit in memory together",
            field="batch",
            found=batch,
            remedy="set a smaller batch" if batch > 1 else "use a machine with more memory",
        ) from error
