"""Stage: voxel embeddings of a new subject, for a trained Brain-Interaction Transformer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from brainvis.artifacts import hdf5
from brainvis.clusters.stage import Clusters
from brainvis.datasets.splits import read as read_split
from brainvis.decoding.interaction import Sizes
from brainvis.decoding.interaction_data import Standardised, open_outputs, open_person
from brainvis.decoding.interaction_files import (
    check_network,
    read_network,
    write_voxels,
)
from brainvis.decoding.interaction_fit import Plan, start
from brainvis.decoding.interaction_start import learned_from
from brainvis.encoding.universal_embeddings import Embeddings, gauge_of
from brainvis.errors import BrainvisError


def transfer_interaction(
    network: Path,
    reference: Path,
    responses: Path,
    embeddings: Path,
    population: Path,
    clusters: Path,
    features: list[Path],
    splits: Path,
    voxels: Path,
    *,
    made: Path | None = None,
    unseen: list[Path] | None = None,
    split: str = "main",
    fold: int = 0,
    images: int | None = None,
    epochs: int = 10,
    batch: int = 32,
    share: float = 0.5,
    synthetic: float = 0.5,
    embedding_rate: float = 1e-4,
    patience: int = 3,
    validation: float = 0.1,
    seed: int = 0,
) -> None:
    """Learn a new subject's voxel embeddings; all else stays as trained.

    A voxel starts as its own embedding by the universal encoder plus what training changed in the
    nearest voxel of the trained subjects (Brain-IT starts it as that voxel).

    Parameters
    ----------
    network, reference : Path
        Outputs of `train_interaction`: its folder and its voxels.
    responses, embeddings, clusters : Path
        Of the new subject.
    population, features, splits, split, fold
        As in `train_interaction`.
    voxels : Path
        HDF5 file to write (schema "embeddings").
    made : Path, optional
        Synthetic fMRI of the new subject.
    unseen : list of Path, optional
        `Features` of its images.
    images : int, optional
        Learn from that many training stimuli; the embeddings should come from the same.
    epochs, batch, share, synthetic, embedding_rate, patience, validation, seed
        See `train_interaction`.

    Raises
    ------
    BrainvisError
        See `train_interaction`; also a network of other outputs.
    """
    ids, outputs = open_outputs(features, unseen or [])
    opened, known = read_network(network), Embeddings.open(reference)
    _check_outputs(opened.network.sizes, outputs, network)
    check_network(known, opened, network)
    if (count := Clusters.open(clusters).count) != opened.network.sizes.clusters:
        raise BrainvisError(
            f"are not the {opened.network.sizes.clusters} clusters of {network}",
            file=clusters,
            field="count",
            found=count,
            remedy="assign the new voxels to the clusters that the network was trained on",
        )
    gauge = gauge_of(population, Embeddings.open(embeddings))
    person = open_person(
        responses, embeddings, gauge, clusters, made, ids, read_split(splits, split)[fold].train,
        first=0, validation=validation, images=images, seed=seed,
    )  # fmt: skip
    targets = Standardised(outputs, opened.mean, opened.scale)
    plan = Plan(
        epochs, batch, share, synthetic,
        embedding_rate=embedding_rate, patience=patience, seed=seed,
    )  # fmt: skip
    table = torch.from_numpy(person.embeddings + _change_of_nearest(person.embeddings, known))
    fresh = start(opened.network, table, plan, transfer=True)
    learned = learned_from(fresh, [person], targets, plan, None)
    write_voxels(voxels, learned, [person], person.embeddings, opened.digest)


def _check_outputs(sizes: Sizes, outputs: dict, network: Path) -> None:
    found = {name: tuple(source.shape) for name, source in outputs.items()}
    if found != {name: tuple(shape) for name, shape in sizes.outputs.items()}:
        raise BrainvisError(
            f"decodes other outputs than the features hold, {found}",
            file=network,
            field="outputs",
            found=sizes.outputs,
            remedy="give the feature files that the network was trained on",
        )


def _change_of_nearest(embeddings: np.ndarray, known: Embeddings) -> np.ndarray:
    """What training changed in the most similar trained voxel, for each new voxel, (v, e)."""
    learned = known.values()
    with hdf5.opened(known.path, schema="embeddings") as file:
        first = hdf5.get(file, "initial")
    unit = first / np.maximum(np.linalg.norm(first, axis=1, keepdims=True), 1e-12)
    own = embeddings / np.maximum(np.linalg.norm(embeddings, axis=1, keepdims=True), 1e-12)
    nearest = np.concatenate([(part @ unit.T).argmax(1) for part in np.array_split(own, 16)])
    return (learned - first)[nearest]
