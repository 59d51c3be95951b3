"""Splits are disjoint, cover what they should, and follow the seed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainvis.datasets import splits
from brainvis.errors import BrainvisError

IDS = np.array([f"s{number:03d}" for number in range(60)])
CATEGORIES = np.array(["face", "house", "tool"] * 20)


@given(st.floats(0.05, 0.9), st.integers(0, 1000))
def test_holdout_is_disjoint_balanced_and_seeded(share, seed):
    (fold,) = splits.checked(splits.holdout(IDS, CATEGORIES, share, seed), IDS)
    assert not set(fold.train) & set(fold.test)
    assert set(fold.train) | set(fold.test) == set(IDS)
    held = [CATEGORIES[name == IDS][0] for name in fold.test]
    counts = [held.count(category) for category in ("face", "house", "tool")]
    assert max(counts) == min(counts) >= 1
    (again,) = splits.holdout(IDS[::-1], CATEGORIES[::-1], share, seed)
    assert set(again.test) == set(fold.test)


@given(st.integers(2, 60), st.integers(0, 1000))
def test_kfold_holds_every_stimulus_out_once(folds, seed):
    made = splits.checked(splits.kfold(IDS, CATEGORIES, folds, seed), IDS)
    assert sorted(name for fold in made for name in fold.test) == sorted(IDS)


def test_overlap_and_unknown_stimuli_are_refused():
    with pytest.raises(BrainvisError, match="test stimuli in training"):
        splits.checked([splits.Fold(["s000", "s001"], ["s001"])], IDS)
    with pytest.raises(BrainvisError, match="unknown stimulus"):
        splits.checked([splits.Fold(["s000"], ["x"])], IDS)
    with pytest.raises(BrainvisError, match="more folds than stimuli"):
        splits.kfold(IDS, CATEGORIES, 61, 0)


def test_files_round_trip_and_a_missing_split_is_named(tmp_path):
    made = {"main": splits.holdout(IDS, CATEGORIES, 0.2, 0)}
    splits.write(tmp_path / "s.json", made)
    assert splits.read(tmp_path / "s.json", "main") == made["main"]
    with pytest.raises(BrainvisError, match="holds no split 'other'"):
        splits.read(tmp_path / "s.json", "other")
