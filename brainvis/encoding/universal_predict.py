"""Predicted responses of any subject to any images with a trained universal encoder."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from brainvis.containers import row_numbers
from brainvis.encoding.universal import UniversalEncoder
from brainvis.encoding.universal_data import Backbone
from brainvis.encoding.universal_embeddings import Embeddings
from brainvis.encoding.universal_files import CONFIG, read_config, read_encoder
from brainvis.encoding.universal_fit import predict
from brainvis.errors import BrainvisError

_IMAGES = 32  # per batch


def open_trained(
    encoder: Path, embeddings: Path, backbone: Backbone
) -> tuple[UniversalEncoder, Embeddings]:
    """An encoder and embeddings, checked against each other and against the features.

    Raises
    ------
    BrainvisError
        Embeddings of another encoder, features of another space or shape.
    """
    config, known = read_config(encoder), Embeddings.open(embeddings)
    if known.attributes["encoder"] != config["sha256"]:
        raise BrainvisError(
            f"belongs to another encoder than {encoder}",
            file=embeddings,
            field="encoder",
            found=str(known.attributes["encoder"])[:12] or "none",
            remedy=f"use embeddings of encoder {config['sha256'][:12]}",
        )
    network = read_encoder(encoder)
    wanted = _described(config["spaces"], network.architecture.tokens, network.architecture.widths)
    found = _described(backbone.spaces, backbone.tokens, backbone.widths)
    if found != wanted:
        raise BrainvisError(
            f"is not the backbone of {encoder / CONFIG}: {wanted}",
            file=backbone.path,
            field="tokens",
            found=found,
        )
    return network, known


def _described(spaces: list[str], tokens: tuple[int, ...], widths: tuple[int, ...]) -> str:
    layers = ", ".join(f"{t} x {w}" for t, w in zip(tokens, widths, strict=True))
    return f"{'+'.join(spaces)} with layers of {layers}"


def predicted_batches(
    network: UniversalEncoder, known: Embeddings, backbone: Backbone, ids: np.ndarray, subject: str
) -> Iterator[np.ndarray]:
    """Predicted responses batch by batch over images, each (b, v) float32, in response units."""
    rows = row_numbers(backbone.ids, ids, backbone.path)
    table = torch.from_numpy(known.values(subject))
    mean, scale = known.units(subject)
    for part in np.array_split(rows, math.ceil(len(rows) / _IMAGES)):
        yield predict(network, table, backbone[part]) * scale + mean


def predicted_responses(
    encoder: Path,
    embeddings: Path,
    features: list[Path],
    *,
    subject: str,
    ids: np.ndarray | None = None,
) -> np.ndarray:
    """Predicted responses of one subject's voxels.

    Parameters
    ----------
    encoder, embeddings : Path
        Folder, and HDF5 file of schema "embeddings".
    features : list of Path
        Of the encoder's feature spaces, in their order.
    subject : str
        One that `embeddings` knows.
    ids : (n,) array of str, optional
        Stimuli; all that `features` hold by default.

    Returns
    -------
    (n, v) float32
        In the units of the responses that the embeddings were learned from.

    Raises
    ------
    BrainvisError
        See `open_trained`; unknown subject or stimulus.
    """
    backbone = Backbone(features)
    network, known = open_trained(encoder, embeddings, backbone)
    wanted = backbone.ids if ids is None else np.asarray(ids, dtype=str)
    return np.concatenate(list(predicted_batches(network, known, backbone, wanted, subject)))
