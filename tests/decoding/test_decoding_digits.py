"""Measured digits: the default decoder reaches its figures, and nothing without a brain does."""

import numpy as np
import pytest

from brainvis.containers import Reconstructions, Stimuli
from brainvis.datasets import splits, vangerven
from brainvis.decoding.stage import decode
from brainvis.evaluate.correlation import all_pairs
from brainvis.evaluate.identification import two_way, two_way_within_class


@pytest.fixture(scope="module")
def digits(measured, tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits")
    made = {name: folder / name for name in ("stimuli", "responses", "splits", "prior")}
    vangerven.import_digits(measured("vangerven_digits"), **made)
    return made


def reconstruct(digits, split, out, **options):
    """Correlation of all true (rows) and reconstructed images (columns), and their categories."""
    decode(digits["responses"], digits["stimuli"], split, out, **options)
    made, shown = Reconstructions.open(out), Stimuli.open(digits["stimuli"])
    rows = shown.rows(made.ids)
    categories = shown.table["category"].to_numpy(dtype=str)[rows]
    return all_pairs(shown.images(rows), made.images()), categories


def test_published_split(digits, tmp_path):
    split = splits.read(digits["splits"], "published")
    similarity, _ = reconstruct(digits, split, tmp_path / "r.h5", prior=digits["prior"])
    assert np.diag(similarity).mean() >= 0.80
    assert np.diag(two_way(similarity)).mean() >= 0.95
    without, _ = reconstruct(digits, split, tmp_path / "m.h5", method="mean")
    assert np.diag(without).mean() < 0.70
    shuffled, _ = reconstruct(
        digits, split, tmp_path / "s.h5", method="shuffled", base="ridge_pixels"
    )
    assert np.diag(two_way(shuffled)).mean() < 0.75


@pytest.mark.slow
def test_ten_folds_within_class(digits, tmp_path):
    table = Stimuli.open(digits["stimuli"]).table
    ids, categories = (table[c].to_numpy(dtype=str) for c in ("stimulus_id", "category"))
    split = splits.kfold(ids, categories, 10, 0)
    similarity, shown = reconstruct(digits, split, tmp_path / "r.h5", prior=digits["prior"])
    scores = np.diag(two_way_within_class(similarity, shown))
    assert scores[shown == "six"].mean() >= 0.85
    assert scores[shown == "nine"].mean() >= 0.90
