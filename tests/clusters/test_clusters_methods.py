"""Contracts of the clusterings: memberships, new subjects, files, bad input."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from brainvis.artifacts.files import sha256
from brainvis.clusters.methods import METHODS, Voxels, fit, restore
from brainvis.clusters.parcels import shares
from brainvis.clusters.stage import Clusters, assign_clusters, fit_clusters
from brainvis.encoding.universal_embeddings import write_embeddings
from brainvis.errors import BrainvisError

TYPES, SIZE = 6, 10


def make(subject: str, count: int = 150, seed: int = 0) -> tuple[Voxels, np.ndarray]:
    """Voxels around six directions of the embedding space, in two ROIs; and their direction."""
    rng = np.random.default_rng([seed, int(subject)])
    directions = np.random.default_rng(1).normal(size=(TYPES, SIZE))
    kind = rng.integers(TYPES, size=count)
    values = directions[kind] + 0.25 * rng.normal(size=(count, SIZE))
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    roi = np.where(kind < 3, "V1", "FFA")
    place = rng.normal(size=(count, 3)) * 5 + rng.normal(size=3) * 20
    return Voxels(values, np.full(count, subject), np.arange(count), place, roi), kind


def pooled(*parts: Voxels) -> Voxels:
    fields = ("embeddings", "subject", "index", "place", "roi")
    return Voxels(*(np.concatenate([getattr(p, name) for p in parts]) for name in fields))


@pytest.mark.parametrize("method", METHODS)
def test_contract(method):
    """Rows sum to one; restoring and fitting again change nothing; batches do not matter."""
    voxels = pooled(make("1")[0], make("2")[0])
    fitted = fit(voxels, method, 6, seed=3)
    soft = fitted.memberships(voxels)
    assert soft.shape == (300, 6) and soft.dtype == np.float32 and fitted.count == 6
    assert np.allclose(soft.sum(axis=1), 1, atol=1e-5) and (soft >= 0).all()
    assert len(np.unique(soft.argmax(axis=1))) == 6
    again = fit(voxels, method, 6, seed=3)
    assert np.array_equal(again.memberships(voxels), soft)
    restored = restore(method, fitted.arrays())
    assert restored.count == 6 and np.array_equal(restored.memberships(voxels), soft)
    new = make("3")[0]
    together = fitted.memberships(pooled(make("2")[0], new))
    assert np.allclose(together[150:], fitted.memberships(new), atol=1e-6)


@pytest.mark.parametrize("method", ["mixture", "kmeans"])
@pytest.mark.parametrize("covariance", ["full", "tied", "diag", "spherical"])
def test_finds_planted_types_in_a_new_subject(method, covariance):
    first, second, (new, kind) = make("1")[0], make("2")[0], make("3")
    fitted = fit(pooled(first, second), method, TYPES, covariance=covariance)
    assert adjusted_rand_score(kind, fitted.memberships(new).argmax(axis=1)) > 0.9


def test_random_and_anatomical_do_not_look_at_embeddings():
    voxels = make("1")[0]
    other = Voxels(
        np.eye(SIZE)[np.zeros(150, int)], voxels.subject, voxels.index, voxels.place, voxels.roi
    )
    for method in ("random", "anatomical"):
        first = fit(voxels, method, 8).memberships(voxels)
        assert np.array_equal(first, fit(other, method, 8).memberships(other))


def test_parcels_stay_in_their_roi_and_follow_place():
    first, second = make("1")[0], make("2")[0]
    fitted = fit(pooled(first, second), "anatomical", 8)
    labels = fitted.memberships(second).argmax(axis=1)
    for parcel in np.unique(labels):
        assert len(np.unique(second.roi[labels == parcel])) == 1
    moved = Voxels(
        second.embeddings, second.subject, second.index, 3 * second.place + 100, second.roi
    )
    assert np.array_equal(fitted.memberships(moved).argmax(axis=1), labels)
    spread = np.mean([second.place[labels == p].std(axis=0).mean() for p in np.unique(labels)])
    assert spread < 0.8 * second.place.std(axis=0).mean()


def test_random_is_about_even():
    labels = fit(make("1", 4000)[0], "random", 10).memberships(make("1", 4000)[0]).argmax(axis=1)
    assert np.bincount(labels, minlength=10).min() > 300


@given(st.lists(st.integers(1, 500), min_size=1, max_size=12), st.integers(0, 200))
def test_shares(sizes, more):
    count = len(sizes) + more
    parts = shares(np.array(sizes), count)
    assert parts.sum() == count and (parts >= 1).all()
    wanted = np.array(sizes) / np.sum(sizes) * count
    assert (parts <= np.maximum(np.ceil(wanted), 1)).all()


@settings(deadline=None, max_examples=20)
@given(st.floats(-3, 3).filter(lambda scale: abs(abs(scale) - 1) > 0.01))
def test_embeddings_not_of_unit_length(scale):
    voxels = make("1")[0]
    fitted = fit(voxels, "kmeans", 3)
    values = voxels.embeddings.copy()
    values[7] *= scale
    wrong = Voxels(values, voxels.subject, voxels.index, voxels.place, voxels.roi)
    with pytest.raises(BrainvisError, match="1 of 150 embeddings are not of unit length"):
        fitted.memberships(wrong)
    for method in ("mixture", "kmeans"):
        with pytest.raises(BrainvisError, match="divide each by its length"):
            fit(wrong, method, 3)


def test_bad_settings():
    voxels = make("1")[0]
    for count in (0, 151):
        with pytest.raises(BrainvisError, match="no more clusters than voxels"):
            fit(voxels, "random", count)
    with pytest.raises(BrainvisError, match="no such clustering"):
        fit(voxels, "spectral", 3)
    with pytest.raises(BrainvisError, match="no such covariance"):
        fit(voxels, "mixture", 3, covariance="round")
    with pytest.raises(BrainvisError, match="fewer anatomical parcels than ROIs"):
        fit(voxels, "anatomical", 1)
    flat = Voxels(voxels.embeddings, voxels.subject, voxels.index, 0 * voxels.place, voxels.roi)
    with pytest.raises(BrainvisError, match="too few voxel coordinates"):
        fit(flat, "anatomical", 8)
    fitted = fit(voxels, "anatomical", 8)
    other = Voxels(
        voxels.embeddings, voxels.subject, voxels.index, voxels.place, np.full(150, "MT")
    )
    with pytest.raises(BrainvisError, match=r"has no parcels \(found MT\)"):
        fitted.memberships(other)


def write(path, subjects, encoder="a" * 64, scale=3.0):
    voxels = pooled(*(make(subject)[0] for subject in subjects))
    table = pd.DataFrame(
        {
            "subject": voxels.subject, "index": voxels.index, "i": voxels.place[:, 0],
            "j": voxels.place[:, 1], "k": voxels.place[:, 2], "roi": voxels.roi,
        }
    )  # fmt: skip
    write_embeddings(path, scale * voxels.embeddings, table, encoder=encoder, kind="simulated")
    return path


@pytest.mark.parametrize("method", METHODS)
def test_files(tmp_path, method):
    known = write(tmp_path / "e.h5", ["1", "2"])
    fit_clusters([known], tmp_path / "c.h5", method=method, count=6)
    found = Clusters.open(tmp_path / "c.h5")
    assert found.count == 6 and found.attributes["kind"] == "simulated"
    assert np.array_equal(found.hard(), found.soft().argmax(axis=1))
    assert np.array_equal(found.hard("2"), found.hard()[150:])
    before = sha256(tmp_path / "c.h5")
    assign_clusters(write(tmp_path / "n.h5", ["3"]), tmp_path / "c.h5", tmp_path / "d.h5")
    assert sha256(tmp_path / "c.h5") == before
    new = Clusters.open(tmp_path / "d.h5")
    assert np.allclose(new.soft("3"), found.model().memberships(make("3")[0]), atol=1e-4)
    assign_clusters(known, tmp_path / "d.h5", tmp_path / "back.h5")
    assert np.array_equal(Clusters.open(tmp_path / "back.h5").hard(), found.hard())


def test_several_files_are_pooled(tmp_path):
    parts = [write(tmp_path / f"{s}.h5", [s]) for s in ("1", "2")]
    fit_clusters(parts, tmp_path / "c.h5", method="kmeans", count=4)
    fit_clusters(
        [write(tmp_path / "e.h5", ["1", "2"])], tmp_path / "d.h5", method="kmeans", count=4
    )
    first, second = (Clusters.open(tmp_path / name).hard() for name in ("c.h5", "d.h5"))
    assert np.array_equal(first, second)


def test_bad_files(tmp_path):
    known = write(tmp_path / "e.h5", ["1"])
    other = write(tmp_path / "o.h5", ["2"], encoder="b" * 64)
    with pytest.raises(BrainvisError, match="another encoder"):
        fit_clusters([known, other], tmp_path / "c.h5", count=4)
    fit_clusters([known], tmp_path / "c.h5", count=4)
    with pytest.raises(BrainvisError, match="another encoder"):
        assign_clusters(other, tmp_path / "c.h5", tmp_path / "d.h5")
    with pytest.raises(BrainvisError, match="no voxels of this subject"):
        Clusters.open(tmp_path / "c.h5").hard("9")
    with pytest.raises(BrainvisError, match="no more clusters than voxels"):
        fit_clusters([known], tmp_path / "c.h5", count=151)
    with pytest.raises(BrainvisError, match="no such clustering"):
        fit_clusters([known], tmp_path / "c.h5", method="best")
    with pytest.raises(BrainvisError, match="cannot be scaled to unit length"):
        fit_clusters([write(tmp_path / "z.h5", ["1"], scale=0.0)], tmp_path / "c.h5", count=4)
    with pytest.raises(BrainvisError, match="is not a clusters file"):
        Clusters.open(known)
