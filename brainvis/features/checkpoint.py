"""Weights from local folders: safetensors only, compared with the model tensor by tensor."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from brainvis.artifacts.files import sha256
from brainvis.errors import BrainvisError

if TYPE_CHECKING:
    import torch

_PICKLED = {".bin", ".pt", ".pth", ".ckpt", ".pkl"}
_SHOWN = 3  # mismatching tensors that an error names


def read_json(path: Path) -> dict:
    """A JSON object of a checkpoint folder.

    Raises
    ------
    BrainvisError
        Missing file, or one that holds no JSON object.
    """
    if not path.is_file():
        raise BrainvisError(
            "no such file", file=path, remedy="copy the whole checkpoint folder, settings included"
        )
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BrainvisError("is not JSON", file=path, found=error) from error
    if not isinstance(values, dict):
        raise BrainvisError("holds no settings", file=path, found=type(values).__name__)
    return values


def weight_files(folder: Path, *preferred: str) -> list[Path]:
    """The safetensors files of a checkpoint folder (the first preferred name alone, if present).

    Raises
    ------
    BrainvisError
        No such folder, no weights in it, or only pickled ones, which can run code when read.
    """
    if not folder.is_dir():
        raise BrainvisError(
            "no such checkpoint folder",
            file=folder,
            remedy="nothing is downloaded; put the files there",
        )
    for name in preferred:
        if (folder / name).is_file():
            return [folder / name]
    found = sorted(folder.glob("*.safetensors"))
    pickled = sorted(path.name for path in folder.iterdir() if path.suffix in _PICKLED)
    if not found and pickled:
        target = (*preferred, "model.safetensors")[0]
        raise BrainvisError(
            "weights are pickled, and a pickle can run code when it is read",
            file=folder,
            found=pickled[0],
            remedy="convert them once, where you trust them: safetensors.torch.save_file("
            f"torch.load('{pickled[0]}', weights_only=True), '{target}')",
        )
    if not found:
        raise BrainvisError(
            "has no weights",
            file=folder,
            found=sorted(path.name for path in folder.iterdir())[:5],
            remedy="add the .safetensors file of the model",
        )
    return found


def load_weights(model: torch.nn.Module, path: Path) -> None:
    """Fill every parameter and buffer of `model` from one safetensors file.

    Raises
    ------
    BrainvisError
        Unreadable file, or tensors that differ from the model's; the first ones are named.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        stored = load_file(path)
    except (SafetensorError, OSError) as error:
        raise BrainvisError(
            "cannot be read as safetensors, truncated or damaged", file=path, found=error
        ) from error
    wanted = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    given = {name: tuple(value.shape) for name, value in stored.items()}
    problems = [f"{name} is missing" for name in wanted if name not in given]
    problems += [
        f"{name} is {given[name]} instead of {shape}"
        for name, shape in wanted.items()
        if given.get(name, shape) != shape
    ]
    problems += [f"{name} is not in the model" for name in given if name not in wanted]
    refuse_mismatch(problems, path)
    model.load_state_dict(stored)


def refuse_mismatch(problems: list[str], path: Path) -> None:
    """Raise one error that names the first mismatching tensors, if there are any."""
    if problems:
        more = len(problems) - _SHOWN
        shown = ", ".join(problems[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
        raise BrainvisError(
            "weights do not fit the architecture of the settings beside them",
            file=path,
            found=shown,
            remedy="use the settings and the weights of one model",
        )


def model_name(folder: Path, weights: list[Path]) -> str:
    """Folder name with a short hash of the weights, such as ``image_text@1f0c2b7a9d3e``."""
    digests = "".join(sha256(path) for path in weights)
    if len(weights) > 1:
        import hashlib

        digests = hashlib.sha256(digests.encode()).hexdigest()
    return f"{folder.resolve().name}@{digests[:12]}"


def chosen_device(device: str) -> torch.device:
    """``auto`` takes the GPU where there is one."""
    import torch

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(device)
