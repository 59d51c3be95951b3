"""A new subject's voxels from few trials: what the trials say, and nothing else of the subject."""

import numpy as np
import pytest
from interaction_world import (
    COUNT,
    KNOWN,
    NEW,
    SHOWN,
    TRAIN,
    VOXELS,
    World,
    codes,
    identified,
    loadings,
)

from brainvis.artifacts import hdf5
from brainvis.containers import Features, Responses, write_features
from brainvis.datasets.splits import Fold
from brainvis.decoding.few import chances, expected_embeddings, signal_share
from brainvis.decoding.few_stage import transfer_few
from brainvis.encoding.universal_embeddings import Embeddings
from brainvis.errors import BrainvisError
from brainvis.preprocess.few_trials import write_few

FOLD = Fold(SHOWN[:TRAIN].tolist(), SHOWN[TRAIN:].tolist())


def planted(images, noise, seed=0):
    """Answers of 30 known voxels to 200 images, and responses of new voxels with their tuning."""
    rng = np.random.default_rng(seed)
    answers = rng.normal(size=(200, 30))
    own = rng.integers(30, size=100)
    values = answers[:images, own] * np.sqrt(1 - noise)
    values = 7 + 3 * (values + np.sqrt(noise) * rng.normal(size=values.shape))
    return values, answers, own, np.full(30, 1 - noise)


def test_many_trials_name_the_known_voxel_and_few_leave_it_open():
    right = []
    for images in (3, 10, 100):
        values, answers, own, signal = planted(images, 0.5)
        found = chances(values, answers[:images], signal)
        assert found.shape == (100, 30) and np.allclose(found.sum(1), 1)
        right.append(found[np.arange(100), own].mean())
    assert right[0] < 0.4 < right[1] < 0.9 < right[2]
    assert right == sorted(right)


def test_units_of_responses_do_not_matter():
    values, answers, _, signal = planted(8, 0.4)
    one = chances(values, answers[:8], signal)
    np.testing.assert_allclose(chances(values * 50 - 3, answers[:8], signal), one, atol=1e-9)
    values[:, 0] = 4.0  # a voxel that never varies tells nothing of its own
    assert np.isfinite(chances(values, answers[:8], signal)).all()


def test_responses_like_no_known_voxels_speak_for_unreliable_ones():
    values, answers, _, _ = planted(40, 0.2)
    signal = np.where(np.arange(30) < 15, 0.9, 0.05)
    noise = np.random.default_rng(1).normal(size=values.shape)
    assert chances(noise, answers[:40], signal)[:, 15:].sum(1).mean() > 0.95


def test_signal_share_falls_with_fewer_trials():
    answers = np.random.default_rng(0).normal(size=(500, 2)) * np.sqrt([0.6, 0.2])
    same = signal_share(answers, 3, 3)
    np.testing.assert_allclose(same, [0.6, 0.2], rtol=0.15)
    np.testing.assert_allclose(
        signal_share(answers, 3, 1), same / (same + 3 * (1 - same)), rtol=1e-9
    )


def test_embeddings_lie_among_those_of_known_voxels():
    values, answers, own, signal = planted(100, 0.3)
    known = np.random.default_rng(2).normal(size=(30, 5))
    found = expected_embeddings(values, answers[:100], signal, known)
    np.testing.assert_allclose(found, known[own], atol=0.05)
    guess = expected_embeddings(values[:2], answers[:2], signal, known)
    assert np.linalg.norm(guess - known.mean(0)) < np.linalg.norm(found - known.mean(0))


@pytest.mark.parametrize("case", ["images", "tables", "finite"])
def test_tables_that_do_not_belong_together_are_refused(case):
    values, answers, _, signal = planted(5, 0.3)
    given = [values, answers[:5], signal, np.zeros((30, 4))]
    if case == "images":
        given[:2] = values[:1], answers[:1]
    if case == "tables":
        given[3] = np.zeros((29, 4))
    if case == "finite":
        given[0][2, 2] = np.nan
    with pytest.raises(BrainvisError, match=r"two images|not finite"):
        expected_embeddings(*given)


class Few:
    """Files of the planted world that a transfer with few trials reads."""

    def __init__(self, world: World, folder):
        self.world, self.folder = world, folder
        z = codes()[: len(SHOWN)]
        self.features = folder / "population-features.h5"
        write_features(self.features, SHOWN, z, None, space="population", kind="simulated")
        self.population = folder / "known.h5"
        with hdf5.create(self.population, {"schema": "population", "encoder": "e" * 64}) as file:
            hdf5.put(file, "weights", np.concatenate([loadings(s) for s in KNOWN]))
            hdf5.put(file, "subject", np.repeat(KNOWN, [VOXELS[s] for s in KNOWN]))
            rows = np.concatenate([np.arange(VOXELS[s]) for s in KNOWN])
            hdf5.put(file, "row", rows)

    def bring(self, name, share, source=None, **changed):
        """Decoded test stimuli after a share of the new subject's training trials."""
        betas, voxels = self.folder / f"{name}-r.h5", self.folder / f"{name}-v.h5"
        source = source or self.world.responses(NEW)
        write_few(source, betas, share=share, train_ids=FOLD.train, test_ids=FOLD.test)
        known = {
            "network": self.world.network,
            "reference": self.world.voxels,
            "population": self.population,
            "clusters": self.world.clusters(*KNOWN),
        }
        transfer_few(
            **{**known, **changed}, responses=betas, features=self.features, fold=FOLD,
            voxels=voxels,
        )  # fmt: skip
        self.voxels, self.responses = voxels, betas
        out = self.folder / f"{name}-d.h5"
        return self.world.decode(out, NEW, voxels=voxels, responses=betas)


@pytest.fixture
def few(world, tmp_path):
    return Few(world, tmp_path)


def test_a_share_of_the_trials_decodes_and_more_decode_better(world, few):
    true = Features.open(world.features)
    found = [identified(few.bring(f"s{share}", share), true) for share in (64, 16, 2)]
    assert found[0] > 0.52 and found[1] > 0.65 and found[2] > 0.8
    assert found == sorted(found)
    voxels = Embeddings.open(few.voxels)
    assert voxels.subjects == [NEW] and len(voxels.voxels) == VOXELS[NEW]
    assert voxels.voxels["cluster"].between(0, COUNT - 1).all()


def test_nothing_else_of_the_subject_counts(world, few, tmp_path):
    few.bring("one", 16)
    kept = Responses.open(few.responses).trials["stimulus_id"]
    one = Embeddings.open(few.voxels)
    spoiled = world.copy(tmp_path / "spoiled")
    other = set(SHOWN.tolist()) - set(kept[kept.isin(FOLD.train)])
    spoiled.rewrite_responses(spoiled.responses(NEW), other, 1e6)
    few.bring("two", 16, spoiled.responses(NEW))
    two = Embeddings.open(few.voxels)
    np.testing.assert_array_equal(one.values(), two.values())
    np.testing.assert_array_equal(one.units(NEW), two.units(NEW))
    assert one.voxels.equals(two.voxels)


def test_files_of_another_network_are_refused(world, few, tmp_path):
    foreign = tmp_path / "foreign.h5"
    old = Embeddings.open(world.voxels)
    foreign.write_bytes(old.path.read_bytes())
    import h5py

    with h5py.File(foreign, "a") as file:
        file.attrs["encoder"] = "f" * 64
    with pytest.raises(BrainvisError, match="has other voxels than those of the reference"):
        few.bring("bad", 16, reference=foreign)
