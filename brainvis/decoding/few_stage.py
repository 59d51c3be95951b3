"""Stage: bring the Brain-Interaction Transformer to a new subject with few trials."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from brainvis.artifacts import hdf5
from brainvis.clusters.methods import Voxels
from brainvis.clusters.stage import Clusters
from brainvis.containers import Features, Responses
from brainvis.datasets.splits import Fold
from brainvis.decoding.few import Tuning, place, units
from brainvis.decoding.interaction_files import Trained, read_network
from brainvis.encoding.in_context import adapt
from brainvis.encoding.in_context_stage import read_network as read_in_context
from brainvis.encoding.population_stage import KnownVoxels
from brainvis.encoding.universal_embeddings import Embeddings, voxel_rows, write_embeddings
from brainvis.encoding.weights import training_responses
from brainvis.errors import BrainvisError


def transfer_few(
    network: Path,
    reference: Path,
    responses: Path,
    in_context: Path,
    population: Path,
    features: Path,
    clusters: Path,
    fold: Fold,
    voxels: Path,
) -> None:
    """Place a new subject's voxels among known ones by a few of its trials; nothing is trained.

    Parameters
    ----------
    network, reference : Path
        Outputs of `brainvis.decoding.interaction_stage.train_interaction`.
    responses : Path
        `Responses` of the new subject. What its training trials say is all that is used.
    in_context : Path
        Trained in-context encoder, which estimates each voxel's tuning.
    population, features : Path
        Known voxels, and features of the stimuli, that it was trained with.
    clusters : Path
        Clusters of known voxels that the network was trained on; the new ones are assigned.
    fold : Fold
    voxels : Path
        `Embeddings` to write, as `interaction decode` reads them.

    Raises
    ------
    BrainvisError
        Files that do not belong together, unusable trials (see
        `brainvis.encoding.in_context.check_context`).
    """
    opened, known = read_network(network), _Known.open(reference, population)
    _check(opened, known, Clusters.open(clusters), network)
    source, space = Responses.open(responses), Features.open(features)
    ids, values = training_responses(source, fold.train, None, 0)
    weights, noise = adapt(
        read_in_context(in_context),
        torch.from_numpy(space.pooled(ids)),
        torch.from_numpy(values.T.copy()),
    )
    per_mean = _repeats(source, ids)
    tuning = Tuning(weights[:, :-1].numpy(), weights[:, -1].numpy(), noise.numpy() * per_mean)
    shown = np.array(sorted(set(fold.train) & set(space.ids.tolist())), dtype=str)
    mean, scale = units(tuning, space.pooled(shown), _repeats(source, np.array(fold.test)))
    scaled = tuning.weights / scale[:, None]
    table = voxel_rows(source.subject, source.voxels)
    table["cluster"] = _assigned(
        Clusters.open(clusters), place(scaled, known.tuning, known.initial), table
    )
    write_embeddings(
        voxels,
        place(scaled, known.tuning, known.learned),
        table,
        mean=mean,
        scale=np.where(np.isfinite(scale), scale, 0),
        encoder=opened.digest,
        space="functional gauge",
        kind=source.kind,
        images=len(ids),
    )


@dataclass(frozen=True)
class _Known:
    """Tuning (k, d) of known voxels, embeddings (k, e) before and after the network's training."""

    tuning: np.ndarray
    initial: np.ndarray
    learned: np.ndarray
    encoder: str

    @classmethod
    def open(cls, reference: Path, population: Path) -> _Known:
        voxels, kept = Embeddings.open(reference), KnownVoxels.open(population)
        names = zip(voxels.voxels["subject"].astype(str), voxels.voxels["index"], strict=True)
        row = {(subject, int(index)): number for number, (subject, index) in enumerate(names)}
        rows = [row.get((s, int(i)), -1) for s, i in zip(kept.subject, kept.row, strict=True)]
        if min(rows) < 0:
            raise BrainvisError(
                f"lacks known voxels of {population}",
                file=reference,
                field="voxels",
                found=f"{rows.count(-1)} of {len(rows)}",
                remedy="make both from the same subjects",
            )
        with hdf5.opened(reference, schema="embeddings") as file:
            initial = hdf5.get(file, "initial")
        encoder = str(voxels.attributes["encoder"])
        return cls(kept.weights, initial[rows], voxels.values()[rows], encoder)


def _check(opened: Trained, known: _Known, clusters: Clusters, network: Path) -> None:
    if known.encoder != opened.digest:
        raise BrainvisError(
            "has other voxels than those of the reference",
            file=network,
            field="encoder",
            found=known.encoder[:12],
        )
    if clusters.count != opened.network.sizes.clusters:
        raise BrainvisError(
            f"are not the {opened.network.sizes.clusters} clusters of {network}",
            file=clusters.path,
            field="count",
            found=clusters.count,
        )


def _repeats(source: Responses, ids: np.ndarray) -> float:
    """Trials of each of these stimuli, on average."""
    return float(source.trials["stimulus_id"].isin(ids).sum()) / len(ids)


def _assigned(clusters: Clusters, embeddings: np.ndarray, table: pd.DataFrame) -> np.ndarray:
    """Cluster of each voxel by its embedding in the functional gauge, (v,) int64."""
    length = np.linalg.norm(embeddings, axis=1, keepdims=True)
    axes = next(a for a in (["x", "y", "z"], ["i", "j", "k"]) if set(a) <= set(table))
    voxels = Voxels(
        embeddings / np.where(length > 0, length, 1),
        table["subject"].to_numpy(dtype=str),
        table["index"].to_numpy(dtype=int),
        table[axes].to_numpy(dtype=float),
        table["roi"].to_numpy(dtype=str),
    )
    return clusters.model().memberships(voxels).argmax(axis=1).astype(np.int64)
