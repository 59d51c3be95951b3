"""Wording, tokenizer, augmentation, losses and scores of the image-text model."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from brainvis.foundation.augment import patch_sampler, varied
from brainvis.foundation.losses import contrastive_loss, naming_loss
from brainvis.foundation.scores import retrieval, zero_shot
from brainvis.foundation.wording import (
    Wording,
    prompt,
    shows_writing,
    still_clause,
    used_merges,
    write_merges,
)

TEXTS = ["a striped red house in the snow", "the number 482 in blue characters", "an apple"]


def test_captions_are_cut_to_what_a_still_shows():
    assert still_clause("a red cup at night, moving left, the camera panning up") == (
        "a red cup at night"
    )
    assert prompt("human_face") == "a human face" and prompt("apple") == "an apple"
    assert shows_writing("a sign that reads EXIT") and shows_writing("the number 12")
    assert not shows_writing("A row of unknown letters")


def test_wording_lists_what_is_true_of_each_image():
    table = pd.DataFrame(
        {
            "caption": ["a red cup, turning", "a red cup", "a dog"],
            "category": ["cup", "cup", "dog"],
            "supercategory": ["objects", "objects", "bodies"],
        }
    )
    wording = Wording.of(table)
    said = [[wording.texts[number] for number in row] for row in wording.true_of]
    assert said[0] == said[1] == ["a red cup", "a cup", "objects"]
    assert said[2] == ["a dog", "a dog", "bodies"]  # one text may be both
    assert Wording.of(table.drop(columns="supercategory")).true_of.shape == (3, 2)


@pytest.fixture(scope="module")
def whole():
    from open_clip import SimpleTokenizer

    return SimpleTokenizer()


@settings(max_examples=25, deadline=None)
@given(
    texts=st.lists(
        st.text("abcdefghijklmnop ABC012'-é", min_size=1, max_size=25), min_size=1, max_size=4
    )
)
def test_reduced_tokenizer_cuts_its_texts_as_the_whole_one(whole, tmp_path_factory, texts):
    from open_clip import SimpleTokenizer

    path = tmp_path_factory.mktemp("merges") / "bpe.txt.gz"
    merges = used_merges(texts)
    write_merges(path, merges)
    reduced = SimpleTokenizer(bpe_path=str(path))
    assert reduced.vocab_size == 512 + len(merges) + 2
    for text in texts:
        pieces = [whole.decoder[number] for number in whole.encode(text)]
        assert [reduced.decoder[number] for number in reduced.encode(text)] == pieces


def test_merges_are_written_the_same_each_time(tmp_path):
    for name in "ab":
        write_merges(tmp_path / name, used_merges(TEXTS if name == "a" else TEXTS[::-1]))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_variation_shifts_and_mirrors_only_where_allowed():
    images = torch.linspace(0.2, 0.6, 16).expand(64, 3, 16, 16).clone()  # brighter to the right
    allowed = torch.arange(64) % 2 == 0
    made = varied(images, allowed, torch.Generator().manual_seed(0))
    assert made.shape == images.shape and made.min() >= 0 and made.max() <= 1
    rising = made[:, 0, 8, 11] > made[:, 0, 8, 5]
    assert rising[~allowed].all()
    assert 5 < rising[allowed].sum() < 27
    again = varied(images, allowed, torch.Generator().manual_seed(0))
    assert torch.equal(made, again)


def test_patch_sampler_keeps_the_class_token_and_says_what_it_kept():
    tokens = torch.arange(17.0)[None, :, None].expand(3, 17, 4)  # token k holds k
    sampler = patch_sampler(0.5, torch.Generator().manual_seed(1))
    kept = sampler(tokens)
    assert kept.shape == (3, 9, 4) and (kept[:, 0] == 0).all()
    assert torch.equal(kept[:, 1:, 0], sampler.seen + 1.0)
    assert len({tuple(row) for row in sampler.seen.tolist()}) == 3
    assert patch_sampler(1.0, torch.Generator())(tokens).shape == tokens.shape


def test_contrastive_loss_without_shared_texts_is_clips():
    from torch.nn.functional import cross_entropy

    logits = torch.randn(5, 5, generator=torch.Generator().manual_seed(2))
    target = torch.arange(5)
    expected = (cross_entropy(logits, target) + cross_entropy(logits.T, target)) / 2
    assert contrastive_loss(logits, torch.eye(5, dtype=torch.bool)).item() == pytest.approx(
        expected.item()
    )


def test_contrastive_loss_does_not_set_images_of_one_text_against_each_other():
    fits = torch.tensor([[True, False], [True, False], [False, True]])
    fitting = contrastive_loss(torch.where(fits, 20.0, -20.0), fits)
    # the first text is shared by two images: the best it can do is to point at both
    assert fitting.item() == pytest.approx(np.log(2) / 4, abs=1e-4)


def test_naming_loss_is_lowest_for_the_texts_that_are_true():
    class Model:
        logit_scale = torch.tensor(3.0)

        def encode_text(self, texts, normalize):
            return torch.eye(6)[texts[:, 0]]

    texts = torch.arange(6)[:, None]
    true_of = torch.tensor([[0, 2, 4], [1, 3, 4]])  # two captions, two categories, one kind
    images = torch.stack([torch.eye(6)[row].sum(dim=0) for row in true_of])
    right = naming_loss(Model(), images, texts, true_of)
    wrong = naming_loss(Model(), images.flip(0), texts, true_of)
    # images that share their only supercategory cannot be told apart by it
    assert right.item() == pytest.approx(0.5 * np.log(2) / 2, abs=1e-3)
    assert wrong > right + 10


def test_retrieval_counts_shared_captions_as_found():
    texts = np.eye(3)
    images = texts[[0, 0, 1, 2]]
    found = retrieval(images, texts, np.array([0, 0, 1, 2]))
    assert found["image_to_text"] == found["text_to_image"] == 1.0
    assert found["image_to_text_chance"] == pytest.approx(1 / 3)
    assert found["text_to_image_chance"] == pytest.approx((2 + 1 + 1) / 4 / 3)
    assert retrieval(images, texts, np.array([1, 1, 2, 0]))["image_to_text"] == 0.0


def test_zero_shot_accuracy_and_chance():
    scores = zero_shot(np.eye(4)[[0, 1, 1, 3]], np.eye(4), np.array([0, 1, 2, 3]))
    assert scores == {"accuracy": 0.75, "chance": 0.25, "classes": 4}
