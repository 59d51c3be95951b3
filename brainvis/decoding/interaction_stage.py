"""Stages of the Brain-Interaction Transformer: train it, transfer it to a new subject, decode."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from brainvis.artifacts import hdf5
from brainvis.clusters.stage import Clusters
from brainvis.containers import Responses, write_features
from brainvis.datasets.splits import read as read_split
from brainvis.decoding.contrast import Scale
from brainvis.decoding.interaction import BrainInteraction, Sizes
from brainvis.decoding.interaction_data import (
    POOLED,
    Person,
    Standardised,
    open_outputs,
    open_person,
)
from brainvis.decoding.interaction_files import (
    Trained,
    checkpointed,
    read_network,
    write_network,
    write_voxels,
)
from brainvis.decoding.interaction_fit import Learning, Plan, learn, predict, start
from brainvis.encoding.universal_embeddings import Embeddings
from brainvis.errors import BrainvisError

_CHUNK = 256
_PENALTY = 100.0  # of the first linear map, from codes in standard deviations


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
    gauge, count = _gauge(population, Embeddings.open(embeddings)), Clusters.open(clusters).count
    persons: list[Person] = []
    for number, path in enumerate(responses):
        first = sum(len(one.embeddings) for one in persons)
        own = made[number] if made else None
        persons.append(
            open_person(
                path,
                embeddings,
                gauge,
                clusters,
                own,
                ids,
                train,
                first=first,
                validation=validation,
                images=None,
                seed=seed,
            )
        )
    rows = np.unique(np.concatenate([one.pairs.rows[one.pairs.train] for one in persons]))
    targets = Standardised.over(outputs, rows)
    sizes = Sizes(
        count,
        gauge.shape[1],
        {name: source.shape for name, source in outputs.items()},
        width=width,
        layers=layers,
        heads=heads,
        hidden=hidden,
        dropout=dropout,
        readout=readout,
    )
    contrasted = {space + POOLED: shapes for space, shapes in (scales or {}).items()}
    plan = Plan(
        epochs, batch, share, synthetic, rate, embedding_rate, decay, patience, seed, contrast,
        contrasted,
    )  # fmt: skip
    table = torch.from_numpy(np.concatenate([one.embeddings for one in persons]))
    fresh = start(_network(sizes, persons, targets, seed), table, plan, transfer=False)
    learned = _learn(fresh, persons, targets, plan, checkpoints)
    digest = write_network(
        network,
        learned.network,
        targets,
        kind=persons[0].responses.kind,
        subjects=[one.responses.subject for one in persons],
        plan=asdict(plan),
        losses=learned.losses,
        validation=learned.validation,
    )
    write_voxels(voxels, learned, persons, table.numpy(), digest)


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
    _check_network(known, opened, network)
    if (count := Clusters.open(clusters).count) != opened.network.sizes.clusters:
        raise BrainvisError(
            f"are not the {opened.network.sizes.clusters} clusters of {network}",
            file=clusters,
            field="count",
            found=count,
            remedy="assign the new voxels to the clusters that the network was trained on",
        )
    gauge = _gauge(population, Embeddings.open(embeddings))
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
    learned = _learn(fresh, [person], targets, plan, None)
    write_voxels(voxels, learned, [person], person.embeddings, opened.digest)


def decode_interaction(
    network: Path,
    voxels: Path,
    responses: Path,
    splits: Path,
    out: dict[str, Path],
    *,
    split: str = "main",
    fold: int = 0,
    name: str = "brain-it",
    seed: int | None = None,
) -> None:
    """Decode the test stimuli of a fold: one `Features` file for each space.

    Parameters
    ----------
    network, voxels : Path
        From training, or the voxels of a transfer.
    responses : Path
        Test responses are averaged over repeats.
    splits, split, fold
    out : dict of str to Path
        File to write, by feature space.
    name : str
        What the files call the method.
    seed : int, optional
        Pairs every test stimulus with the responses to another one: the shuffled-brain control.

    Raises
    ------
    BrainvisError
        Voxels of another network, or that the responses lack.
    """
    opened, known, source = (
        read_network(network),
        Embeddings.open(voxels),
        Responses.open(responses),
    )
    _check_network(known, opened, network)
    for space in out:
        if space + POOLED not in opened.network.sizes.outputs:
            raise BrainvisError(
                "decodes no such feature space",
                file=network,
                field="outputs",
                found=f"{list(opened.network.sizes.outputs)}, wanted {space}",
            )
    ids = np.array(read_split(splits, split)[fold].test, dtype=str)
    values = source.averaged(ids)
    if seed is not None:
        turn = np.random.default_rng([seed, 25102597]).permutation(len(ids))
        values = values[np.roll(turn, 1)][np.argsort(turn)]  # a derangement
    own = known.rows(source.subject)
    if values.shape[1] != len(own):
        raise BrainvisError(
            f"does not match the {len(own)} voxels of {voxels}",
            file=responses,
            field="voxels",
            found=values.shape[1],
        )
    if not np.isfinite(values).all():
        raise BrainvisError(
            "holds values that are not finite in test trials", file=responses, field="betas"
        )
    mean, scale = known.units(source.subject)
    cluster = known.voxels["cluster"].to_numpy(dtype=np.int64)[own]
    x = ((values - mean) / np.where(scale > 0, scale, np.inf)).astype(np.float32)
    found = predict(opened.network, x, torch.from_numpy(known.values(source.subject)), cluster)
    attributes = {
        "method": name,
        "subject": source.subject,
        "split": split,
        "kind": source.kind,
        "dataset": str(source.attributes.get("dataset", "")),
        "model": f"brain-interaction transformer {opened.digest[:12]}",
    }
    for space, path in out.items():
        made = {k: found[k] * opened.scale[k] + opened.mean[k] for k in found if _is(k, space)}
        tokens = made[space].numpy() if space in made else None
        write_features(
            path, ids, made[space + POOLED][:, 0].numpy(), tokens, space=space, **attributes
        )


def _is(output: str, space: str) -> bool:
    return output in (space, space + POOLED)


def _network(
    sizes: Sizes, persons: list[Person], targets: Standardised, seed: int
) -> BrainInteraction:
    """An untrained network: its prior of codes, and the linear read-out in closed form."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = BrainInteraction(sizes)
    codes, seen, rows = [], [], []
    for one in persons:
        table = torch.from_numpy(one.embeddings)
        pairs = one.pairs
        clean = pairs.made if len(pairs.made) else pairs.responses[pairs.train]
        shown = torch.from_numpy(clean.astype(np.float32))
        codes.append(torch.linalg.lstsq(table, shown.T).solution.T)
    network.readout.know(torch.cat(codes), int(np.mean([len(one.embeddings) for one in persons])))
    with torch.no_grad():
        for one in persons:
            x = torch.from_numpy(one.pairs.responses[one.pairs.train])
            seen.append(network.latent(x, torch.from_numpy(one.embeddings)))
            rows.append(one.pairs.rows[one.pairs.train])
        shown = np.concatenate(rows)
        steps = [slice(k, k + _CHUNK) for k in range(0, len(shown), _CHUNK)]
        parts = ((step, targets[shown[step]]) for step in steps)  # never all tokens at once
        network.start_linear(torch.cat(seen), parts, _PENALTY)
    return network


def _learn(
    fresh: Learning, persons: list[Person], targets: Standardised, plan: Plan,
    checkpoints: Path | None,
) -> Learning:  # fmt: skip
    pairs = [one.pairs for one in persons]
    title = f"Brain-IT, sub-{'+'.join(one.responses.subject for one in persons)}"
    save = checkpointed(checkpoints, fresh, pairs, plan)
    return learn(fresh, pairs, targets, plan, after_epoch=save, title=title)


def _gauge(population: Path, known: Embeddings) -> np.ndarray:
    """Functional gauge (d, e) of the encoder that made these embeddings."""
    with hdf5.opened(population, schema="population") as file:
        gauge, encoder = hdf5.get(file, "gauge"), str(file.attrs["encoder"])
    if encoder != known.attributes["encoder"]:
        raise BrainvisError(
            f"belongs to another encoder than {known.path}",
            file=population,
            field="encoder",
            found=encoder[:12],
        )
    return gauge


def _check_network(known: Embeddings, opened: Trained, network: Path) -> None:
    if known.attributes["encoder"] != opened.digest:
        raise BrainvisError(
            f"belongs to another network than {network}",
            file=known.path,
            field="encoder",
            found=str(known.attributes["encoder"])[:12] or "none",
        )


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
