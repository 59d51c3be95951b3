"""Retrieval, comparison of methods, collapse, near-duplicates and semantic splits."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainvis import containers
from brainvis.datasets import splits
from brainvis.datasets.semantic_splits import clusters_of, leave_one_cluster_out, size_matched
from brainvis.errors import BrainvisError
from brainvis.evaluate import table as tables
from brainvis.evaluate.collapse import collapse, spread
from brainvis.evaluate.comparison import paired_differences, rank_sum
from brainvis.evaluate.decoded import check_decoded
from brainvis.evaluate.duplicates import nearest_training
from brainvis.evaluate.retrieval import cosines, retrieve


def noisy(n=60, width=20, noise=1.5, seed=0):
    rng = np.random.default_rng(seed)
    true = rng.normal(size=(n, width))
    return true, true + noise * rng.normal(size=true.shape)


def test_retrieval_by_hand_differs_by_direction():
    true = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.2]])
    # decoded 0 points at image 0; decoded 1 at image 0 as well; decoded 2 at image 2
    decoded = np.array([[1.0, 0.1], [0.9, 0.3], [-1.0, 0.0]])
    images, brains = retrieve(true, decoded)
    assert images.pool == brains.pool == 3 and images.chance == 1 / 3
    assert images.values.tolist() == [1, 0, 1]  # the second picks image 0
    assert brains.values.tolist() == [1, 1, 1]  # image 1 is nearest to decoded 1 of all
    assert images.rate == 2 / 3 and brains.rate == 1


def test_the_exact_rate_is_the_mean_over_drawn_pools():
    true, decoded = noisy()
    images, brains = retrieve(true, decoded, pool=20)
    rng, similarity, hits = np.random.default_rng(1), cosines(true, decoded), []
    for _ in range(3000):
        chosen = rng.choice(60, 20, replace=False)
        pool = similarity[np.ix_(chosen, chosen)]
        hits.append(
            [(pool.argmax(axis=k) == np.arange(20)).mean() for k in (0, 1)]
        )  # images in rows: over them, then over decoded vectors
    assert np.allclose(np.mean(hits, axis=0), [images.rate, brains.rate], atol=0.01)
    assert images.low < images.rate < images.high


def test_intervals_are_over_images_and_shrink_with_their_number():
    few, many = (retrieve(*noisy(n=n), pool=20)[0] for n in (30, 480))
    assert (many.high - many.low) < 0.5 * (few.high - few.low)


def test_retrieval_by_chance_and_ties():
    rng = np.random.default_rng(0)
    images, _ = retrieve(rng.normal(size=(300, 8)), rng.normal(size=(300, 8)), pool=10)
    assert images.low < images.chance < images.high
    same = np.ones((5, 3))
    assert retrieve(np.eye(5)[:, :3] + 1, same)[1].rate == 0  # equal vectors identify nothing


@pytest.mark.parametrize(
    "decoded", [np.zeros((4, 3)), np.zeros((5, 2)), np.full((5, 3), np.nan)], ids=str
)
def test_vectors_that_do_not_correspond_are_refused(decoded):
    with pytest.raises(BrainvisError, match=r"one decoded vector|finite"):
        retrieve(np.eye(5)[:, :3], decoded)


def scores(**methods):
    columns = {"dataset": "d", "subject": "1", "split": "s", "modality": "image", "protocol": ""}
    parts = []
    for method, metrics in methods.items():
        for metric, values in metrics.items():
            names = [f"s{i}" for i in range(len(values))]
            frame = pd.DataFrame({**columns, "method": method, "metric": metric, "stimulus": names})
            parts.append(frame.assign(value=values)[tables.COLUMNS])
    return pd.concat(parts)


def test_a_difference_is_paired_and_knows_which_way_is_better():
    rng = np.random.default_rng(0)
    base = rng.normal(size=80)  # large differences between stimuli cancel in pairs
    table = scores(
        ours={"ssim": base + 0.1 + 0.05 * rng.normal(size=80), "mse": base, "twin_clip_top1": base},
        theirs={"ssim": base, "mse": base - 0.2, "twin_clip_top1": base + rng.normal(size=80)},
    )
    found = paired_differences(table, "ours", "theirs").set_index("metric")
    assert found.loc["ssim", "better"] == "ours" and found.loc["mse", "better"] == "theirs"
    assert found.loc["twin_clip_top1", "better"] == ""
    assert found.loc["ssim", "low"] < 0.1 < found.loc["ssim", "high"] < 0.13
    assert (found["q"] >= found["p"]).all() and found.loc["ssim", "stimuli"] == 80
    back = paired_differences(table, "theirs", "ours").set_index("metric")
    assert np.allclose(back["difference"], -found["difference"])
    with pytest.raises(BrainvisError, match="no such method"):
        paired_differences(table, "ours", "nobody")
    mixed = pd.concat([table, table.assign(split="other")])
    with pytest.raises(BrainvisError, match="compare within one"):
        paired_differences(mixed, "ours", "theirs")


def test_methods_without_common_stimuli_are_not_compared():
    table = scores(ours={"ssim": [0.1, 0.2]}, theirs={"mse": [0.1, 0.2]})
    with pytest.raises(BrainvisError, match="share no scores"):
        paired_differences(table, "ours", "theirs")


MEANS = pd.DataFrame(
    {"ssim": [0.3, 0.4, 0.4], "mse": [0.1, 0.2, 0.3], "swav_distance": [0.3, np.nan, 0.1]},
    index=["a", "b", "c"],
)


def test_ranks_by_hand():
    found = rank_sum(MEANS)
    assert found.loc[["a", "b", "c"], "ssim"].tolist() == [3, 1.5, 1.5]
    assert found.loc[["a", "b", "c"], "mse"].tolist() == [1, 2, 3]
    assert found["rank_sum"].to_dict() == {"b": 3.5, "a": 4, "c": 4.5}
    assert list(found.index) == ["b", "a", "c"] and "swav_distance" not in found
    assert (found["metrics"] == 2).all()
    with pytest.raises(BrainvisError, match="no metric"):
        rank_sum(MEANS[["swav_distance"]])
    with pytest.raises(BrainvisError, match="ranked twice"):
        rank_sum(pd.concat([MEANS, MEANS[:1]]))


@given(st.permutations(["a", "b", "c"]))
@settings(max_examples=6, deadline=None)
def test_ranks_do_not_depend_on_the_order_of_methods(order):
    pd.testing.assert_frame_equal(rank_sum(MEANS.loc[order]), rank_sum(MEANS))


def test_effective_dimensions_of_known_spectra():
    square = np.concatenate([np.eye(4), -np.eye(4)])  # equal variance along four axes
    found = spread(square)
    assert np.isclose(found.effective_rank, 4) and np.isclose(found.participation_ratio, 4)
    assert np.isclose(found.variance, 8 / 7)
    line = np.outer(np.arange(6.0), [1, 2, 3])
    assert np.isclose(spread(line).effective_rank, 1)
    same = spread(np.full((5, 3), 0.1))
    assert same.effective_rank == 0 and np.isclose(same.mean_cosine, 1)


def test_spread_does_not_depend_on_which_side_is_longer_nor_on_rotation():
    rows = np.random.default_rng(0).normal(size=(30, 6)) * [3, 2, 1, 1, 0.5, 0.1]
    wide = np.concatenate([rows, np.zeros((30, 40))], axis=1)
    turned = rows @ np.linalg.qr(np.random.default_rng(1).normal(size=(6, 6)))[0]
    assert np.isclose(spread(rows).effective_rank, spread(wide).effective_rank)
    assert np.isclose(spread(rows).participation_ratio, spread(turned).participation_ratio)


def test_collapse_is_seen():
    true, decoded = noisy(n=200, width=30, noise=0.3)
    direction = np.random.default_rng(2).normal(size=(2, 30))
    flat = true @ direction.T @ direction + 0.01 * decoded
    assert collapse(true, decoded).rank_share > 0.9
    found = collapse(true, flat)
    assert found.rank_share < 0.15 and found.participation_share < 0.15
    shrunk = collapse(true, 0.1 * true + 5)
    assert np.isclose(shrunk.rank_share, 1) and np.isclose(shrunk.variance_share, 0.01)
    assert shrunk.decoded.mean_cosine > 0.99
    with pytest.raises(BrainvisError, match="one shape"):
        collapse(true, decoded[:-1])
    with pytest.raises(BrainvisError, match="the same"):
        collapse(np.ones((4, 2)), np.eye(4)[:, :2])


def test_near_duplicates_are_found_whatever_their_contrast(monkeypatch):
    rng = np.random.default_rng(0)
    train, test = rng.normal(size=(40, 16)), rng.normal(size=(7, 16))
    test[3] = 2 * train[11] + 0.01 * rng.normal(size=16)
    names = np.array([f"t{i}" for i in range(40)]), np.array([f"v{i}" for i in range(7)])
    found = nearest_training(train, test, *names)
    assert found.loc[0, "test"] == "v3" and found.loc[0, "train"] == "t11"
    assert found["near_duplicate"].tolist() == [True] + [False] * 6
    assert found["similarity"].is_monotonic_decreasing
    monkeypatch.setattr("brainvis.evaluate.duplicates._BLOCK", 2)
    pd.testing.assert_frame_equal(found, nearest_training(train, test, *names))
    with pytest.raises(BrainvisError, match="test stimuli in training"):
        nearest_training(train, test, names[0], names[0][:7])
    with pytest.raises(BrainvisError, match="one identifier each"):
        nearest_training(train, test, names[0], names[0])


def test_semantic_clusters_are_recovered_and_held_out_whole():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(4, 12)) * 5
    truth = np.repeat(np.arange(4), [20, 15, 10, 5])
    scale = rng.uniform(0.5, 2, size=(50, 1))  # only direction counts
    embeddings = scale * (centres[truth] + 0.2 * rng.normal(size=(50, 12)))
    ids = np.array([f"s{i:02d}" for i in range(50)])
    clusters = clusters_of(embeddings, 4)
    assert np.array_equal(clusters, truth)  # numbered by falling size
    folds = splits.checked(leave_one_cluster_out(ids, clusters), ids)
    assert [len(fold.test) for fold in folds] == [20, 15, 10, 5]
    for number, fold in enumerate(folds):
        assert set(fold.test) == set(ids[truth == number])
    control = splits.checked(size_matched(ids, folds, seed=3), ids)
    assert [len(fold.test) for fold in control] == [20, 15, 10, 5]
    assert sorted(name for fold in control for name in fold.test) == sorted(ids)
    assert control == size_matched(ids[::-1], folds, seed=3)
    assert control != size_matched(ids, folds, seed=4)
    of = dict(zip(ids, truth, strict=True))
    assert all(len({of[name] for name in fold.test}) > 1 for fold in control)


def test_clusters_of_one_are_trained_on_and_categories_serve_as_clusters():
    ids = np.array(list("abcde"))
    folds = leave_one_cluster_out(ids, np.array(["cat", "cat", "cup", "cup", "owl"]))
    assert [fold.test for fold in folds] == [["a", "b"], ["c", "d"]]
    assert all("e" in fold.train for fold in folds)


def test_bad_clusters_are_named():
    ids = np.array(list("abcd"))
    with pytest.raises(BrainvisError, match="two clusters of 2"):
        leave_one_cluster_out(ids, np.array([0, 0, 0, 1]))
    with pytest.raises(BrainvisError, match="every stimulus once"):
        leave_one_cluster_out(np.array(list("aabb")), np.zeros(4))
    with pytest.raises(BrainvisError, match="not finite"):
        clusters_of(np.full((4, 2), np.nan), 2)
    with pytest.raises(BrainvisError, match="no more than different"):
        clusters_of(np.ones((4, 2)), 2)
    with pytest.raises(BrainvisError, match="other stimuli"):
        size_matched(ids, [splits.Fold(["a"], ["z", "y"])])


def test_decoded_files_are_checked_into_one_table(tmp_path):
    true, decoded = noisy()
    ids = np.array([f"s{i:02d}" for i in range(60)])
    labels = {"dataset": "d", "split": "main", "kind": "simulated", "space": "toy", "model": "m"}
    containers.write_features(tmp_path / "true.h5", ids, true, **labels)
    order = np.random.default_rng(3).permutation(60)
    for method, values in {"ridge": decoded, "constant": np.tile(true.mean(0), (60, 1))}.items():
        containers.write_features(
            tmp_path / f"{method}.h5", ids[order], values[order],
            **labels, method=method, subject="01",
        )  # fmt: skip
    made = [tmp_path / "ridge.h5", tmp_path / "constant.h5"]
    check_decoded([tmp_path / "true.h5"], made, tmp_path / "out.parquet", pool=30, bootstrap=100)
    rows = tables.read(tmp_path / "out.parquet")
    rows = rows[rows["subject"] == "01"].set_index("method")
    direct = retrieve(true, decoded, pool=30)
    assert np.isclose(rows.loc["ridge", "image_retrieval"], direct[0].rate, atol=1e-6)
    assert np.isclose(rows.loc["ridge", "brain_retrieval"], direct[1].rate, atol=1e-6)
    assert rows.loc["ridge", "effective_rank_decoded"] > 10  # of 20 dimensions
    assert rows.loc["ridge", "image_retrieval"] > 5 * rows.loc["ridge", "chance"]
    assert rows.loc["constant", "brain_retrieval"] == 0
    assert rows.loc["constant", "effective_rank_decoded"] < 1e-6
    with pytest.raises(BrainvisError, match="no true features"):
        check_decoded([], made, tmp_path / "out.csv")
    with pytest.raises(BrainvisError, match="nothing to check"):
        check_decoded([], [], tmp_path / "out.csv")
