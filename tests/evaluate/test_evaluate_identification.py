from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from brainvis.evaluate import identification

# Few distinct values, so that ties occur.
similarities = st.integers(2, 7).flatmap(
    lambda n: arrays(float, (n, n), elements=st.sampled_from([-0.5, 0.0, 0.25, 1.0]))
)


@given(similarities)
@settings(deadline=None)
def test_two_way_equals_brute_force(similarity):
    n = len(similarity)
    scores = identification.two_way(similarity)
    for i in range(n):
        for j in range(n):
            wins = [similarity[k, j] < similarity[i, j] for k in range(n) if k != i]
            assert scores[i, j] == np.mean(wins)


@given(similarities, st.integers(2, 7))
@settings(deadline=None)
def test_n_way_equals_enumeration_of_all_draws(similarity, n):
    if n > len(similarity):
        with pytest.raises(ValueError, match="way"):
            identification.n_way(similarity, n)
        return
    scores = np.diagonal(identification.n_way(similarity, n))
    for j in range(len(similarity)):
        others = [k for k in range(len(similarity)) if k != j]
        wins = [
            all(similarity[k, j] < similarity[j, j] for k in pool)
            for pool in combinations(others, n - 1)
        ]
        assert np.isclose(scores[j], np.mean(wins))


@given(similarities)
@settings(deadline=None)
def test_two_way_is_the_mean_two_item_game_and_top1_the_largest(similarity):
    n = len(similarity)
    assert np.allclose(identification.n_way(similarity, 2), identification.two_way(similarity))
    assert np.array_equal(
        identification.n_way(similarity, n) == 1, identification.retrieval(similarity) == 1
    )


@given(similarities)
@settings(deadline=None)
def test_retrieval_both_ways_equals_brute_force(similarity):
    n = len(similarity)
    forward = np.diagonal(identification.retrieval(similarity))
    backward = np.diagonal(identification.reverse_retrieval(similarity))
    for i in range(n):
        column = np.delete(similarity[:, i], i)
        row = np.delete(similarity[i], i)
        assert forward[i] == (column < similarity[i, i]).all()
        assert backward[i] == (row < similarity[i, i]).all()


@given(similarities, st.randoms())
@settings(deadline=None)
def test_order_of_items_does_not_matter(similarity, random):
    order = list(range(len(similarity)))
    random.shuffle(order)
    shuffled = similarity[np.ix_(order, order)]
    scores = np.diagonal(identification.two_way(similarity))
    assert np.array_equal(np.diagonal(identification.two_way(shuffled)), scores[order])


def test_within_class_uses_only_the_class_and_leaves_loners_out():
    similarity = np.array([[0.5, 0, 0, 0], [0.9, 0.6, 0, 0], [0.1, 0, 0, 0], [0, 0.9, 0, 0.7]])
    classes = np.array(["a", "b", "a", "c"])
    scores = identification.two_way_within_class(similarity, classes)
    assert scores[0, 0] == 1  # 0.9 belongs to another class
    assert scores[2, 2] == 0  # a tie with item 0 is a failure
    assert np.isnan(scores[1, 1]) and np.isnan(scores[3, 3]) and np.isnan(scores[0, 1])


def test_perfect_is_one_random_is_half_and_equal_reconstructions_are_half():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(200, 50))
    from brainvis.evaluate import correlation

    def score(made):
        return np.diagonal(identification.two_way(correlation.all_pairs(features, made)))

    assert (score(features) == 1).all()
    assert abs(score(rng.normal(size=(200, 50))).mean() - 0.5) < 0.06
    # One and the same reconstruction for all: exactly chance, whatever it shows.
    assert np.isclose(score(np.tile(features[:1], (200, 1))).mean(), 0.5)
    # A constant reconstruction ties with everything and so fails everywhere.
    assert (score(np.zeros((200, 50))) == 0).all()
