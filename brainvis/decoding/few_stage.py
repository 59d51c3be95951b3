"""Stage: bring the Brain-Interaction Transformer to a new subject with few trials."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from brainvis.artifacts import hdf5
from brainvis.clusters.methods import Voxels
from brainvis.clusters.stage import Clusters
from brainvis.containers import Features, Responses, row_numbers
from brainvis.datasets.splits import Fold
from brainvis.decoding.few import expected_embeddings, signal_share
from brainvis.decoding.interaction_files import Trained, read_network
from brainvis.encoding.population_stage import KnownVoxels
from brainvis.encoding.universal_embeddings import Embeddings, voxel_rows, write_embeddings
from brainvis.encoding.weights import training_responses
from brainvis.errors import BrainvisError

_FLAT = 1e-6  # standard deviation of predicted answers that counts as none


def transfer_few(
    network: Path,
    reference: Path,
    responses: Path,
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
        Outputs of `brainvis.decoding.interaction_train.train_interaction`.
    responses : Path
        `Responses` of the new subject. What its training trials say is all that is used.
    population, features : Path
        Known voxels, and the features of the stimuli that their tuning is on.
    clusters : Path
        Clusters of known voxels that the network was trained on; the new ones are assigned.
    fold : Fold
    voxels : Path
        `Embeddings` to write, as `interaction decode` reads them.

    Raises
    ------
    BrainvisError
        Files that do not belong together, unusable trials (see `few.expected_embeddings`).
    """
    opened, known, fitted = (
        read_network(network),
        _Known.open(reference, population),
        Clusters.open(clusters),
    )
    _check(opened, known, fitted, network)
    source, space = Responses.open(responses), Features.open(features)
    ids, values = training_responses(source, fold.train, None, 0)
    every = np.array(sorted(set(fold.train) & set(space.ids.tolist())), dtype=str)
    answers = space.pooled(every) @ known.tuning.T  # (images, k)
    # the network's mean responses are over as many trials as those that it decodes
    usual = _repeats(source, np.array(fold.test))
    signal = signal_share(answers, usual, _repeats(source, ids))
    rows = row_numbers(every, ids, space.path)
    seen = ((answers - answers.mean(axis=0)) / np.maximum(answers.std(axis=0), _FLAT))[rows]
    both = np.hstack([known.learned, known.initial])
    found = expected_embeddings(values, seen, signal, both)
    learned, initial = np.split(found, [known.learned.shape[1]], axis=1)
    table = voxel_rows(source.subject, source.voxels)
    table["cluster"] = _assigned(fitted, initial, table)
    write_embeddings(
        voxels,
        learned,
        table,
        mean=values.mean(axis=0),
        scale=values.std(axis=0, ddof=1),
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
    shown = source.trials["stimulus_id"].to_numpy(dtype=str)
    return float(np.isin(shown, ids).sum()) / len(ids)


def _assigned(clusters: Clusters, embeddings: np.ndarray, table: pd.DataFrame) -> np.ndarray:
    """Cluster of each voxel by its embedding in the functional gauge, (v,) int64."""
    length = np.linalg.norm(embeddings, axis=1, keepdims=True)
    axes = ["x", "y", "z"] if "x" in table else ["i", "j", "k"]
    voxels = Voxels(
        embeddings / np.where(length > 0, length, 1),
        table["subject"].to_numpy(dtype=str),
        table["index"].to_numpy(dtype=int),
        np.column_stack([table[name].to_numpy(dtype=float) for name in axes]),
        table["roi"].to_numpy(dtype=str),
    )
    return clusters.model().memberships(voxels).argmax(axis=1).astype(np.int64)
