import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.text import Text

from brainvis.errors import BrainvisError
from brainvis.report import style
from brainvis.report.choose import at_random, best_median_worst
from brainvis.report.figures.grids import image_grid
from brainvis.report.figures.scores import accuracy_dots
from brainvis.report.figures.voxels import slice_mosaic


def words(figure):
    return [text.get_text() for text in figure.findobj(Text)]


def test_a_figure_without_a_kind_cannot_be_made():
    with pytest.raises(BrainvisError, match="kind"), style.canvas(2, 2, "unknown"):
        pass


def test_grid_shows_every_image_in_its_place():
    rows = [(name, np.full((3, 4, 4, 3), value)) for name, value in (("seen", 0.1), ("m", 0.9))]
    figure = image_grid(rows, [("best", 2), ("worst", 1)], ["a", "b", "c"], kind="measured")
    images = figure.axes[0].images
    assert [float(image.get_array().mean()) for image in images] == pytest.approx(
        [0.1] * 3 + [0.9] * 3
    )
    assert {"seen", "m", "best", "worst", "a", "MEASURED fMRI"} <= set(words(figure))


def test_slices_show_the_slices_that_hold_voxels_with_their_numbers():
    volume = np.full((5, 6, 9), np.nan)
    volume[1:4, 2:5, 3:6] = 0.5
    figure = slice_mosaic(volume, kind="simulated", label="noise ceiling", axes_point_to="RA")
    shown = set(words(figure))
    assert {"k = 3", "k = 4", "k = 5", "i → R", "j → A", "SIMULATED BRAIN"} <= shown
    assert "k = 2" not in shown
    image = figure.axes[0].images[0].get_array()
    assert image.shape == (3, 3) and np.allclose(image, 0.5)


def test_accuracy_figure_accepts_results_without_intervals():
    results = pd.DataFrame({"accuracy": [0.6], "chance": [0.5], "label": ["a, $b$"]})
    assert style.png(accuracy_dots(results, kind="measured")).startswith(b"\x89PNG")


def test_text_with_mathematics_is_drawn_as_text():
    hostile = "$\\frac{1}{$"
    with style.canvas(2, 1, "simulated") as figure:
        figure.add_subplot().set_title(style.plain(hostile))
    assert style.png(figure).startswith(b"\x89PNG")


@given(st.text(max_size=60))
@settings(max_examples=50, deadline=None)
def test_plain_text_has_no_live_dollar_sign(text):
    made = style.plain(text)
    assert "$" not in made.replace(r"\$", "")


scores = st.lists(st.one_of(st.floats(-1, 1), st.just(float("nan"))), min_size=1, max_size=40)


@given(scores, st.integers(1, 5), st.booleans())
@settings(deadline=None)
def test_choice_follows_the_rule(values, count, higher):
    values = np.array(values)
    ids = np.array([f"s{i:02d}" for i in range(len(values))])
    chosen = best_median_worst(values, ids, count, higher_is_better=higher)
    every = np.concatenate(list(chosen.values()))
    assert len(set(every)) == len(every)  # no stimulus twice
    score = dict(zip(ids, values if higher else -values, strict=True))
    known = [name for name in ids if not np.isnan(score[name])]
    assert set(every) <= set(known)
    if every.size:
        rest = [score[name] for name in known if name not in chosen["best"]]
        assert min(score[name] for name in chosen["best"]) >= max(rest)
        rest = [score[name] for name in known if name not in chosen["worst"]]
        assert max(score[name] for name in chosen["worst"]) <= min(rest)


def test_random_choice_depends_on_the_set_and_seed_only():
    ids = np.array([f"s{i}" for i in range(30)])
    first = at_random(ids, 6, 1)
    assert np.array_equal(first, at_random(ids[::-1], 6, 1)) and len(set(first)) == 6
    assert not np.array_equal(first, at_random(ids, 6, 2))
    assert len(at_random(ids[:3], 6, 1)) == 3
