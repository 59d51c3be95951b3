"""Shares of profile variance against closed forms and plain loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainvis.clusters.profiles import across_subjects, cluster_means, explained_share
from brainvis.errors import BrainvisError


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 30), st.integers(1, 6), st.integers(0, 10_000))
def test_explained_share_is_between_over_total(voxels, clusters, seed):
    rng = np.random.default_rng(seed)
    profiles, labels = rng.normal(size=(7, voxels)), 3 * rng.integers(clusters, size=voxels)
    grand = profiles.mean(axis=1)
    between = sum(
        (labels == c).sum() * np.sum((profiles[:, labels == c].mean(axis=1) - grand) ** 2)
        for c in np.unique(labels)
    )
    total = np.sum((profiles - grand[:, None]) ** 2)
    assert explained_share(profiles, labels) == pytest.approx(between / total)


def test_limits():
    rng = np.random.default_rng(0)
    profiles = rng.normal(size=(50, 2000))
    assert explained_share(profiles, np.arange(2000)) == pytest.approx(1)
    assert explained_share(profiles, np.zeros(2000, int)) == pytest.approx(0)
    share = explained_share(profiles, rng.integers(100, size=2000))
    assert share == pytest.approx(99 / 1999, rel=0.1)


def test_cluster_means():
    profiles = np.arange(12.0).reshape(2, 6)
    means, number = cluster_means(profiles, np.array([9, 4, 9, 4, 4, 9]))
    assert np.array_equal(number, [1, 0, 1, 0, 0, 1])
    assert np.allclose(means[:, 0], profiles[:, [1, 3, 4]].mean(axis=1))
    assert np.allclose(means[:, 1], profiles[:, [0, 2, 5]].mean(axis=1))


def planted(noise: float):
    rng = np.random.default_rng(2)
    types = rng.normal(size=(200, 5))
    kind, subjects = rng.integers(5, size=600), np.repeat(["1", "2", "3"], 200)
    return types[:, kind] + noise * rng.normal(size=(200, 600)), kind, subjects


def test_across_subjects_on_shared_types():
    profiles, kind, subjects = planted(0.5)
    table = across_subjects(profiles, kind, subjects)
    assert table.index.tolist() == ["1", "2", "3"]
    assert (table["clusters"] == 5).all() and (table["voxels"] == 200).all()
    assert (table["r"] > 0.95).all()
    expected = explained_share(profiles, kind)
    assert np.allclose(table["share"], expected, atol=0.05)


def test_across_subjects_on_chance_clusters():
    profiles, _, subjects = planted(0.5)
    table = across_subjects(profiles, np.random.default_rng(0).integers(40, size=600), subjects)
    assert (table["share"] < 0.05).all()


def test_clusters_that_mean_other_things_in_other_subjects():
    """Good clusters within each subject whose numbers do not match across subjects."""
    profiles, kind, subjects = planted(0.2)
    mixed = np.where(subjects == "1", kind, np.where(subjects == "2", kind + 1, kind + 2) % 5)
    assert explained_share(profiles, mixed) < 0.6 * explained_share(profiles, kind)
    assert (across_subjects(profiles, mixed, subjects)["share"] < 0.1).all()


def test_no_shared_cluster():
    profiles, kind, subjects = planted(0.2)
    apart = np.where(subjects == "1", kind, kind + 10)
    row = across_subjects(profiles, apart, subjects).loc["1"]
    assert row["clusters"] == 0 and np.isnan(row["share"])


def test_bad_input():
    profiles, kind, _subjects = planted(0.2)
    with pytest.raises(BrainvisError, match="one label per voxel"):
        explained_share(profiles, kind[:-1])
    with pytest.raises(BrainvisError, match="needs two subjects"):
        across_subjects(profiles, kind, np.full(600, "1"))
