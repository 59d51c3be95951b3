"""Stage: train the Brain-Interaction Transformer on all subjects together."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from brainvis.clusters.stage import Clusters
from brainvis.datasets.splits import read as read_split
from brainvis.decoding.contrast import Scale
from brainvis.decoding.interaction import Sizes
from brainvis.decoding.interaction_data import (
    POOLED,
    Person,
    Standardised,
    open_outputs,
    open_person,
)
from brainvis.decoding.interaction_files import write_network, write_voxels
from brainvis.decoding.interaction_fit import Plan, start
from brainvis.decoding.interaction_start import learned_from, untrained
from brainvis.encoding.universal_embeddings import Embeddings, gauge_of
from brainvis.errors import BrainvisError


def train_interaction(
    responses: list[Path],
    embeddings: Path,
    population: Path,
    clusters: Path,
    features: list[Path],
    splits: Path,
    network: Path,
    voxels: Path,
    *,
    made: list[Path] | None = None,
    unseen: list[Path] | None = None,
    checkpoints: Path | None = None,
    split: str = "main",
    fold: int = 0,
    width: int = 64,
    layers: int = 1,
    heads: int = 4,
    hidden: int = 512,
    dropout: float = 0.2,
    readout: bool = True,
    epochs: int = 20,
    batch: int = 64,
    share: float = 0.5,
    synthetic: float = 0.5,
    rate: float = 1e-3,
    embedding_rate: float = 1e-4,
    decay: float = 1e-2,
    patience: int = 5,
    validation: float = 0.1,
    contrast: float = 0.0,
    scales: dict[str, tuple[Scale, ...]] | None = None,
    seed: int = 0,
) -> None:
    """Train on all given subjects together.

    Parameters
    ----------
    responses : list of Path
        `Responses` of the subjects.
    embeddings, population, clusters : Path
        Their voxel embeddings by the universal encoder, its functional gauge, and the clusters
        of the voxels.
    features : list of Path
        `Features` of the stimuli, one file for each space that is decoded.
    splits : Path
        Only training stimuli of the fold are read.
    network, voxels : Path
        Folder and HDF5 file (schema "embeddings") to write.
    made, unseen : list of Path, optional
        Synthetic fMRI of each subject, and `Features` of its images in the same spaces.
    checkpoints : Path, optional
        Folder for the state after every epoch; a run that was killed continues from there.
    split, fold : str, int
    width, layers, heads, hidden, dropout, readout
        See `brainvis.decoding.interaction.Sizes`.
    epochs, batch, share, synthetic, rate, embedding_rate, decay, patience
        See `brainvis.decoding.interaction_fit.Plan`: `share` of voxels, of `synthetic` steps.
    validation : float
        Share of training stimuli that choose the best epoch.
    contrast : float
        Weight of a contrastive loss per scale on the spaces of `scales`.
    scales : dict of str to tuple of (int, int, int), optional
        Shapes (c, h, w) of the levels that a `visual` space joins, by space.
    seed : int

    Raises
    ------
    BrainvisError
        Files that do not belong together; see `open_person` and `open_outputs`.
    """
    if made and len(made) != len(responses):
        raise BrainvisError(
            f"synthetic fMRI is needed of each of {len(responses)} subjects, or of none",
            field="made",
            found=f"{len(made)} files",
        )
    ids, outputs = open_outputs(features, unseen or [])
    train = read_split(splits, split)[fold].train
    gauge, count = gauge_of(population, Embeddings.open(embeddings)), Clusters.open(clusters).count
    persons: list[Person] = []
    for number, path in enumerate(responses):
        first = sum(len(one.embeddings) for one in persons)
        own = made[number] if made else None
        persons.append(
            open_person(
                path, embeddings, gauge, clusters, own, ids, train,
                first=first, validation=validation, images=None, seed=seed,
            )
        )  # fmt: skip
    rows = np.unique(np.concatenate([one.pairs.rows[one.pairs.train] for one in persons]))
    targets = Standardised.over(outputs, rows)
    sizes = Sizes(
        count, gauge.shape[1], {name: source.shape for name, source in outputs.items()},
        width=width, layers=layers, heads=heads, hidden=hidden, dropout=dropout, readout=readout,
    )  # fmt: skip
    contrasted = {space + POOLED: shapes for space, shapes in (scales or {}).items()}
    plan = Plan(
        epochs, batch, share, synthetic, rate, embedding_rate, decay, patience, seed, contrast,
        contrasted,
    )  # fmt: skip
    table = torch.from_numpy(np.concatenate([one.embeddings for one in persons]))
    fresh = start(untrained(sizes, persons, targets, seed), table, plan, transfer=False)
    learned = learned_from(fresh, persons, targets, plan, checkpoints)
    digest = write_network(
        network, learned.network, targets,
        kind=persons[0].responses.kind, subjects=[one.responses.subject for one in persons],
        plan=asdict(plan), losses=learned.losses, validation=learned.validation,
    )  # fmt: skip
    write_voxels(voxels, learned, persons, table.numpy(), digest)
