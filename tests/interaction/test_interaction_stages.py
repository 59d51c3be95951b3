"""The stages on files: what they learn, what they never read, and what they write."""

import json

import numpy as np
import pytest
from interaction_world import (
    COUNT,
    KNOWN,
    NEW,
    POOLED,
    SHOWN,
    TOKENS,
    TRAIN,
    VOXELS,
    WIDTH,
    identified,
)
from sklearn.linear_model import RidgeCV

from brainvis.artifacts import hdf5
from brainvis.artifacts.files import sha256
from brainvis.containers import Features, Responses
from brainvis.decoding import interaction_files, interaction_fit, interaction_start
from brainvis.decoding.interaction_files import WEIGHTS, checkpointed, read_network
from brainvis.encoding.universal_embeddings import Embeddings
from brainvis.encoding.weights import training_responses
from brainvis.errors import BrainvisError

SHORT = {"epochs": 3}


class Killed(Exception):
    """What a signal does to a run."""


def trained(world, folder, **settings):
    """Content hashes of a network trained for a few epochs, and of its voxels."""
    folder.mkdir(exist_ok=True)
    paths = folder / "network", folder / "voxels.h5"
    world.train(*paths, **{**SHORT, **settings})
    return [sha256(path) for path in paths]


@pytest.fixture(scope="module")
def short(untrained, tmp_path_factory):
    """Hashes of an uninterrupted short training."""
    return trained(untrained, tmp_path_factory.mktemp("short"))


def explained(predicted: np.ndarray, true: np.ndarray, training: np.ndarray) -> float:
    """Share of variance around the training mean that predictions explain."""
    return 1 - ((true - predicted) ** 2).sum() / ((true - training.mean(0)) ** 2).sum()


@pytest.mark.parametrize("subject", KNOWN)
def test_test_stimuli_are_decoded_better_than_by_ridge_mean_and_shuffled_brains(
    world, tmp_path, subject
):
    true = Features.open(world.features)
    made = world.decode(tmp_path / "made.h5", subject)
    shuffled = world.decode(tmp_path / "shuffled.h5", subject, seed=0)
    assert made.ids.tolist() == SHOWN[TRAIN:].tolist()
    assert identified(made, true) > 0.8 and 0.3 < identified(shuffled, true) < 0.7
    source = Responses.open(world.responses(subject))
    x, y = source.averaged(SHOWN[:TRAIN]), true.tokens(SHOWN[:TRAIN]).astype(float)
    mean, scale = x.mean(0), x.std(0)
    ridge = RidgeCV(np.logspace(-1, 5, 13)).fit((x - mean) / scale, y.reshape(TRAIN, -1))
    by_ridge = ridge.predict((source.averaged(made.ids) - mean) / scale)
    wanted = true.tokens(made.ids).astype(float)
    ours = explained(made.tokens().astype(float), wanted, y)
    assert ours > 0.4 and ours > explained(by_ridge.reshape(wanted.shape), wanted, y) + 0.1
    pooled = true.pooled(made.ids), true.pooled(SHOWN[:TRAIN])
    assert explained(made.pooled(), *pooled) > 0.4
    assert explained(shuffled.tokens().astype(float), wanted, y) < 0


def test_loss_fell_and_the_folder_says_what_was_trained(world):
    config = json.loads((world.network / "config.json").read_text())
    assert config["losses"][-1] < 0.8 * config["losses"][0]
    assert min(config["validation"]) < 0.8 * config["validation"][0]
    assert len(config["validation"]) == len(config["losses"]) + 1
    assert config["kind"] == "simulated" and config["subjects"] == list(KNOWN)
    assert config["sizes"]["clusters"] == COUNT and config["sizes"]["embedding"] == 6
    assert config["sizes"]["outputs"] == {"toy": [TOKENS, WIDTH], "toy-pooled": [1, POOLED]}
    assert config["sha256"] == read_network(world.network).digest == sha256(world.network / WEIGHTS)


def test_decoded_files_are_features_of_the_test_stimuli(world, tmp_path):
    made = world.decode(tmp_path / "made.h5", "02", name="mine")
    assert made.tokens().shape == (len(SHOWN) - TRAIN, TOKENS, WIDTH)
    assert made.pooled().shape == (len(SHOWN) - TRAIN, POOLED)
    wanted = {
        "schema": "features", "space": "toy", "method": "mine", "subject": "02", "split": "main",
        "kind": "simulated", "dataset": "toy",
    }  # fmt: skip
    assert {name: made.attributes[name] for name in wanted} == wanted
    assert read_network(world.network).digest[:12] in str(made.attributes["model"])


def test_a_shuffled_brain_is_never_its_own(world, tmp_path):
    """Every stimulus gets what was decoded from another one, and each is used once."""
    plain = world.decode(tmp_path / "plain.h5").pooled()
    for seed in range(5):
        shuffled = world.decode(tmp_path / f"{seed}.h5", seed=seed).pooled()
        distance = np.linalg.norm(shuffled[:, None] - plain[None], axis=2)
        source = distance.argmin(1)
        assert distance.min(1).max() < 1e-4
        assert sorted(source) == list(range(len(plain))) and (source != range(len(plain))).all()


def test_learned_voxels_keep_their_start_their_units_and_their_cluster(world):
    known = Embeddings.open(world.voxels)
    assert known.subjects == list(KNOWN) and len(known.voxels) == VOXELS["01"] + VOXELS["02"]
    assert known.attributes["encoder"] == read_network(world.network).digest
    assert known.attributes["kind"] == "simulated"
    with hdf5.opened(world.clusters(*KNOWN)) as file:
        assert known.voxels["cluster"].tolist() == hdf5.get(file, "hard").tolist()
    with hdf5.opened(world.voxels) as file:
        change = np.linalg.norm(known.values() - hdf5.get(file, "initial"), axis=1)
    assert (change > 0).all()
    x = Responses.open(world.responses("02")).averaged(SHOWN[:TRAIN])
    mean, scale = known.units("02")
    assert np.allclose(mean, x.mean(0), rtol=1e-4, atol=1e-3)
    assert np.allclose(scale, x.std(0), rtol=1e-3)


def test_same_seed_same_bytes_and_another_seed_others(untrained, short, tmp_path):
    again, other = (trained(untrained, tmp_path / f"{seed}", seed=seed) for seed in (0, 1))
    assert short == again and short[0] != other[0] and short[1] != other[1]


@pytest.mark.parametrize("moment", ["after an epoch", "within an epoch", "as it is saved"])
def test_a_killed_run_continues_as_if_nothing_had_happened(
    untrained, short, tmp_path, monkeypatch, moment
):
    folder, epochs = tmp_path / "checkpoints", []
    with monkeypatch.context() as patch:
        _kill(patch, moment)
        with pytest.raises(Killed):
            trained(untrained, tmp_path / "killed", checkpoints=folder)
    assert not (tmp_path / "killed/network").exists()
    run = interaction_fit._epoch
    monkeypatch.setattr(
        interaction_fit, "_epoch", lambda *given: epochs.append(given[-1]) or run(*given)
    )
    assert trained(untrained, tmp_path / "resumed", checkpoints=folder) == short
    assert epochs == ([1, 2] if moment == "as it is saved" else [2])
    assert trained(untrained, tmp_path / "again", checkpoints=folder) == short
    assert len(epochs) in (1, 2)  # a finished run learns nothing more


def _kill(patch, moment: str) -> None:
    """Raise in the third epoch, in its middle, or between tensors and state of the second."""
    if moment == "after an epoch":

        def fragile(*given):
            save = checkpointed(*given)

            def after(learning):
                save(learning)
                if learning.epoch == 2:
                    raise Killed

            return after

        patch.setattr(interaction_start, "checkpointed", fragile)
    elif moment == "within an epoch":
        steps, step = [], interaction_fit._step

        def fragile_step(*given):
            steps.append(given)
            if len(steps) == 2 * 12 + 5:  # 288 training images in batches of 24
                raise Killed
            return step(*given)

        patch.setattr(interaction_fit, "_step", fragile_step)
    else:
        write = interaction_files.files.write_json

        def fragile_write(path, value):
            if value.get("epoch") == 2:
                raise Killed
            write(path, value)

        patch.setattr(interaction_files.files, "write_json", fragile_write)


def test_a_checkpoint_of_another_run_is_left_alone(untrained, short, tmp_path):
    folder = tmp_path / "checkpoints"
    trained(untrained, tmp_path / "other", checkpoints=folder, seed=1, epochs=1)
    (other,) = folder.iterdir()
    kept = sha256(other)
    assert trained(untrained, tmp_path / "own", checkpoints=folder) == short
    assert len(list(folder.iterdir())) == 2 and sha256(other) == kept


def test_a_damaged_checkpoint_is_named(untrained, tmp_path):
    folder = tmp_path / "checkpoints"
    trained(untrained, tmp_path / "first", checkpoints=folder)
    weights = next(folder.rglob("*.safetensors"))
    content = bytearray(weights.read_bytes())
    content[-5] ^= 1
    weights.write_bytes(content)
    with pytest.raises(BrainvisError) as raised:
        trained(untrained, tmp_path / "second", checkpoints=folder)
    assert raised.value.file == weights
    state = next(folder.rglob("state.json"))
    state.write_text("{}")
    with pytest.raises(BrainvisError) as raised:
        trained(untrained, tmp_path / "third", checkpoints=folder)
    assert raised.value.file == state and "delete" in str(raised.value)


def test_test_stimuli_are_never_read(untrained, tmp_path):
    """Neither their responses nor their features, in training and in transfer."""
    poisoned = untrained.copy(tmp_path / "poisoned")
    clean = untrained.copy(tmp_path / "clean")
    for subject in VOXELS:
        poisoned.rewrite_responses(poisoned.responses(subject), SHOWN[TRAIN:], np.nan)
    poisoned.rewrite_features(poisoned.features, SHOWN[TRAIN:], np.nan)
    for one in (poisoned, clean):
        one.train(epochs=2)
        one.transfer(one.folder / "new.h5", epochs=2)
    for name in ("network", "voxels.h5", "new.h5"):
        assert sha256(poisoned.folder / name) == sha256(clean.folder / name)


def test_transfer_learns_embeddings_and_nothing_else(world, tmp_path):
    before = sha256(world.network), sha256(world.voxels)
    moved = world.transfer(tmp_path / "new.h5", made=world.made(NEW), unseen=[world.unseen])
    assert (sha256(world.network), sha256(world.voxels)) == before
    known = Embeddings.open(moved)
    assert known.subjects == [NEW] and known.attributes["encoder"] == sha256(
        world.network / WEIGHTS
    )
    begun = Embeddings.open(world.transfer(tmp_path / "begun.h5", epochs=0)).values()
    assert not np.allclose(known.values(), begun, atol=1e-3)
    made = world.decode(tmp_path / "made.h5", NEW, voxels=moved)
    assert identified(made, Features.open(world.features)) > 0.8
    again = world.transfer(tmp_path / "again.h5", made=world.made(NEW), unseen=[world.unseen])
    assert sha256(again) == sha256(moved)


def test_a_transferred_voxel_starts_with_the_change_of_the_nearest_trained_one(world, tmp_path):
    begun = world.transfer(tmp_path / "begun.h5", epochs=0)
    with hdf5.opened(begun) as file:
        start, own = hdf5.get(file, "embeddings"), hdf5.get(file, "initial")
    with hdf5.opened(world.voxels) as file:
        learned, first = hdf5.get(file, "embeddings"), hdf5.get(file, "initial")
    for row in range(len(own)):
        cosine = first @ own[row] / np.linalg.norm(first, axis=1)
        nearest = int(cosine.argmax())
        assert np.allclose(start[row] - own[row], (learned - first)[nearest], atol=1e-5)


@pytest.mark.parametrize("images", [12, 60])
def test_transfer_from_some_images_reads_no_other(world, tmp_path, images):
    train = SHOWN[:TRAIN].tolist()
    chosen, _ = training_responses(Responses.open(world.responses(NEW)), train, images, 0)
    others = np.setdiff1d(SHOWN, chosen)
    poisoned = world.copy(tmp_path / "poisoned")
    poisoned.rewrite_responses(poisoned.responses(NEW), others, np.nan)
    poisoned.rewrite_features(poisoned.features, others, np.nan)
    assert len(chosen) == images
    first, second, whole = (
        sha256(one.transfer(tmp_path / f"{number}.h5", epochs=2, images=count))
        for number, (one, count) in enumerate(((world, images), (poisoned, images), (world, None)))
    )
    assert first == second != whole


def test_training_without_synthetic_fmri(untrained, short, tmp_path):
    plain = trained(untrained, tmp_path / "plain", made=None, unseen=None)
    unused = trained(untrained, tmp_path / "unused", made=None)
    assert plain == unused and plain != short
