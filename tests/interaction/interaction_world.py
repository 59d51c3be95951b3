"""A planted world: latent codes of images, voxels that are linear in them, tokens that are not."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from brainvis.artifacts import hdf5
from brainvis.clusters.stage import Clusters, assign_clusters, fit_clusters
from brainvis.containers import Features, Responses, write_features, write_responses
from brainvis.datasets import splits
from brainvis.datasets.splits import Fold
from brainvis.decoding.interaction_decode import decode_interaction
from brainvis.decoding.interaction_train import train_interaction
from brainvis.decoding.interaction_transfer import transfer_interaction
from brainvis.encoding.universal_embeddings import voxel_rows, write_embeddings

CODE, EMBEDDING, TOKENS, WIDTH, POOLED, COUNT = 6, 8, 5, 4, 7, 5
TRAIN, TEST, UNSEEN = 160, 40, 80
SIGNAL = 0.6  # share of variance in mean responses over two repeats
VOXELS = {"01": 60, "02": 50, "03": 55}
KNOWN, NEW, ENCODER = ("01", "02"), "03", "e" * 64
SHOWN = np.array([f"i{number:03d}" for number in range(TRAIN + TEST)])
UNSHOWN = np.array([f"u{number:03d}" for number in range(UNSEEN)])
TINY = {
    "width": 16, "heads": 2, "hidden": 32, "dropout": 0.1, "epochs": 20, "batch": 24, "rate": 3e-3,
}  # fmt: skip


@dataclass(frozen=True)
class World:
    """Folder of the files; values by which a test may spoil them."""

    folder: Path

    @property
    def features(self) -> Path:
        return self.folder / "features.h5"

    @property
    def unseen(self) -> Path:
        """Features of images that nobody saw."""
        return self.folder / "unseen.h5"

    @property
    def splits(self) -> Path:
        return self.folder / "splits.json"

    @property
    def population(self) -> Path:
        return self.folder / "population.h5"

    @property
    def network(self) -> Path:
        """Where a network trained with the settings `TINY` belongs."""
        return self.folder / "network"

    @property
    def voxels(self) -> Path:
        return self.folder / "voxels.h5"

    def responses(self, subject: str) -> Path:
        return self.folder / f"responses-{subject}.h5"

    def made(self, subject: str) -> Path:
        """Synthetic fMRI."""
        return self.folder / f"made-{subject}.h5"

    def embeddings(self, *subjects: str) -> Path:
        return self.folder / f"embeddings-{'-'.join(subjects)}.h5"

    def clusters(self, *subjects: str) -> Path:
        return self.folder / f"clusters-{'-'.join(subjects)}.h5"

    def train(self, network: Path | None = None, voxels: Path | None = None, **changed) -> Path:
        """Train on the known subjects' files; the network's folder."""
        known = {
            "responses": [self.responses(s) for s in KNOWN],
            "embeddings": self.embeddings(*KNOWN),
            "population": self.population,
            "clusters": self.clusters(*KNOWN),
            "features": [self.features],
            "splits": self.splits,
            "network": network or self.network,
            "voxels": voxels or self.voxels,
            "made": [self.made(s) for s in KNOWN],
            "unseen": [self.unseen],
        }
        train_interaction(**{**known, **TINY, **changed})
        return known["network"]

    def transfer(self, voxels: Path, **changed) -> Path:
        """Learn the new subject's embeddings; the file of its voxels."""
        known = {
            "network": self.network,
            "reference": self.voxels,
            "responses": self.responses(NEW),
            "embeddings": self.embeddings(NEW),
            "population": self.population,
            "clusters": self.clusters(NEW),
            "features": [self.features],
            "splits": self.splits,
            "epochs": 4,
            "embedding_rate": 3e-3,
        }
        transfer_interaction(**{**known, **changed}, voxels=voxels)
        return voxels

    def decode(self, path: Path, subject: str = "01", **changed) -> Features:
        """Decode the test stimuli from one subject's responses."""
        known = {
            "network": self.network,
            "voxels": self.voxels,
            "responses": self.responses(subject),
            "splits": self.splits,
            "out": {"toy": path},
        }
        decode_interaction(**{**known, **changed})
        return Features.open(path)

    def copy(self, folder: Path) -> "World":
        shutil.copytree(self.folder, folder)
        return World(folder)

    def rewrite_features(self, path: Path, ids, value: float) -> None:
        """Put a value into all features of some images."""
        old = Features.open(path)
        pooled, tokens = old.pooled(), old.tokens()
        pooled[np.isin(old.ids, ids)] = value
        tokens[np.isin(old.ids, ids)] = value
        path.unlink()
        write_features(path, old.ids, pooled, tokens, **described(old))

    def rewrite_responses(self, path: Path, ids, value: float) -> None:
        """Put a value into all responses to some images."""
        old = Responses.open(path)
        betas = old.betas()
        betas[old.trials["stimulus_id"].isin(list(ids)).to_numpy()] = value
        path.unlink()
        write_responses(path, betas, old.trials, old.voxels, **described(old))


def described(old) -> dict:
    """Attributes of an opened file, to write another with."""
    return {k: v for k, v in old.attributes.items() if k not in ("schema", "complete")}


def codes() -> np.ndarray:
    """Latent codes (n, 6) of all images, shown ones first."""
    spread = np.linspace(1.2, 0.8, CODE)
    return np.random.default_rng(1).normal(size=(TRAIN + TEST + UNSEEN, CODE)) * spread


def outputs(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Tokens (n, 5, 4) and pooled vectors (n, 7) of codes, bent in them."""
    rng = np.random.default_rng(2)
    bend = np.abs(z @ rng.normal(size=(CODE, CODE))) - 1.5
    both = np.concatenate([z, bend], 1) @ rng.normal(size=(2 * CODE, TOKENS * WIDTH + POOLED))
    both += rng.normal(size=both.shape[1])
    return both[:, :-POOLED].reshape(-1, TOKENS, WIDTH), both[:, -POOLED:]


def loadings(subject: str) -> np.ndarray:
    """True embeddings (v, 6) in the gauge: voxels of a few kinds, six tenths of variance signal."""
    kinds = np.random.default_rng(3).normal(size=(COUNT, CODE))
    rng = np.random.default_rng([4, int(subject)])
    rows = kinds[rng.integers(COUNT, size=VOXELS[subject])]
    rows = rows + 0.6 * rng.normal(size=rows.shape)
    return np.sqrt(SIGNAL) * rows / np.linalg.norm(rows, axis=1, keepdims=True)


def gauge() -> np.ndarray:
    """Orthonormal (8, 6)."""
    return np.linalg.qr(np.random.default_rng(5).normal(size=(EMBEDDING, CODE)))[0]


def make_world(folder: Path) -> World:
    world, z = World(folder), codes()
    folder.mkdir(exist_ok=True)
    tokens, pooled = outputs(z)
    kind = {"kind": "simulated", "space": "toy", "model": "planted"}
    shown, unseen = slice(0, TRAIN + TEST), slice(TRAIN + TEST, None)
    write_features(world.features, SHOWN, pooled[shown], tokens[shown], **kind)
    write_features(world.unseen, UNSHOWN, pooled[unseen], tokens[unseen], **kind)
    splits.write(world.splits, {"main": [Fold(SHOWN[:TRAIN].tolist(), SHOWN[TRAIN:].tolist())]})
    with hdf5.create(world.population, {"schema": "population", "encoder": ENCODER}) as file:
        hdf5.put(file, "gauge", gauge().astype(np.float32))
    tables = {subject: _write_subject(world, subject, z) for subject in VOXELS}
    for group in (KNOWN, (NEW,)):
        _write_embeddings(world, group, tables)
    known = world.clusters(*KNOWN)
    fit_clusters(
        [world.embeddings(*KNOWN)], known, population=world.population, method="kmeans", count=COUNT
    )
    assign_clusters(world.embeddings(NEW), known, world.clusters(NEW), population=world.population)
    return world


def _write_subject(world: World, subject: str, z: np.ndarray) -> pd.DataFrame:
    """Responses in two repeats, and synthetic ones without noise; the table of voxels."""
    rng, table = np.random.default_rng([6, int(subject)]), loadings(subject)
    mean, scale = rng.normal(size=len(table)) * 5, rng.uniform(0.5, 20, len(table))
    clean = z @ table.T
    noise = np.sqrt(2 * (1 - SIGNAL)) * rng.normal(
        size=(2, TRAIN + TEST, len(table))
    )  # of one repeat
    betas = mean + scale * (clean[: TRAIN + TEST] + noise)
    trials = pd.DataFrame({"stimulus_id": np.tile(SHOWN, 2), "run": 0})
    trials["repeat"] = np.repeat([0, 1], len(SHOWN))
    voxels = pd.DataFrame(rng.integers(0, 9, (len(table), 3)), columns=["i", "j", "k"])
    voxels["roi"] = ""
    own = {"dataset": "toy", "subject": subject, "kind": "simulated"}
    write_responses(world.responses(subject), np.concatenate(betas), trials, voxels, **own)
    unseen = pd.DataFrame({"stimulus_id": UNSHOWN, "run": 0, "repeat": 0})
    write_responses(
        world.made(subject), mean + scale * clean[TRAIN + TEST :], unseen, voxels,
        synthetic=True, **own,
    )  # fmt: skip
    return voxel_rows(subject, voxels)


def _write_embeddings(world: World, group: tuple[str, ...], tables: dict) -> None:
    """Embeddings of the encoder: the true ones, turned by the gauge, and a little error."""
    rows = np.concatenate([loadings(subject) for subject in group])
    error = np.random.default_rng([7, int(group[0])]).normal(size=rows.shape)
    write_embeddings(
        world.embeddings(*group),
        (rows + 0.05 * error) @ gauge().T,
        pd.concat([tables[subject] for subject in group], ignore_index=True),
        encoder=ENCODER,
        kind="simulated",
        space="toy",
    )


def rewritten_clusters(path: Path, keep: slice | np.ndarray = slice(None), first=None) -> None:
    """Keep some voxels of a clusters file, or put its first voxel into another cluster."""
    old = Clusters.open(path)
    hard, soft = old.hard()[keep], old.soft()[keep]
    if first is not None:
        hard[0] = first
    path.unlink()
    with hdf5.create(path, {"schema": "clusters", **described(old)}) as file:
        hdf5.put(file, "hard", hard)
        hdf5.put(file, "soft", soft)
        hdf5.put_table(file, "voxels", old.voxels.iloc[keep])


def identified(made: Features, true: Features) -> float:
    """Two-way identification among the test stimuli, by correlation of tokens."""
    found, wanted = (x.tokens(made.ids).reshape(len(made.ids), -1) for x in (made, true))
    r = np.corrcoef(found, wanted)[: len(found), len(found) :]
    own = np.diag(r)
    return float((own[:, None] > r).sum(1).mean() / (len(own) - 1))
