"""Sections on new subjects with few trials and on brain correlation."""

import numpy as np
import pandas as pd
import pytest

from brainvis.evaluate.brain_stage import CEILING, SEEN
from brainvis.evaluate.budgets import COLUMNS, METHODS
from brainvis.report.context import Choices, Context
from brainvis.report.markdown import markdown
from brainvis.report.results import _differences
from brainvis.report.section import Table, Text
from brainvis.report.sections import brain, budgets
from brainvis.report.style import png


def context(**changed):
    values = {
        "title": "t", "kind": "simulated", "stimuli": None, "reconstructions": [],
        "scores": pd.DataFrame(), "summary": pd.DataFrame(), "responses": [], "lineage": [],
        "config": {"run": "r", "generators": {"good": {"samples": 4}}}, "choices": Choices(),
    }  # fmt: skip
    return Context(**{**values, **changed})


def budget_table():
    rows = []
    for share, trials in ((160, 5), (40, 20), (1, 800)):
        for method in METHODS:
            two_way = 0.5 if method == "shuffled" else 0.95 - share / 1000
            row = dict.fromkeys(COLUMNS, 0.0) | {"share": share, "trials": trials, "images": 5}
            row |= {"method": method, "name": f"{method}-it", "space": "it", "chance": 0.5}
            row |= {"subjects": 1, "stimuli": 48, "two_way": two_way, "of_full": 0.9}
            row |= {"low": two_way - 0.1, "high": two_way + 0.1, "above_ridge": 0.2}
            row |= {"above_ridge_low": 0.1 if share > 1 else -0.1, "above_ridge_high": 0.3}
            rows.append(row)
    return pd.DataFrame(rows)


def brain_table():
    rows = []
    for method, mean in (("good", 0.4), ("good-best", 0.5), ("mean", 0.0), (SEEN, 0.6),
                         (CEILING, 0.8)):  # fmt: skip
        for group in ("visual", "early"):
            for measure in ("correlation", "two_way"):
                if (method, measure) == (CEILING, "two_way"):
                    continue
                row = {"subject": "all", "split": "main", "modality": "brain", "method": method}
                row |= {"metric": f"brain_{group}_{measure}", "mean": mean, "ci_low": mean - 0.1}
                row |= {"ci_high": mean + 0.1, "baseline": method == "mean", "n": 48}
                row |= {"chance": np.nan if method == CEILING else 0.01}
                rows.append(row)
    return pd.DataFrame(rows)


def tables_of(section):
    return [part for part in section.parts if isinstance(part, Table)]


def test_the_curve_states_shares_trials_and_the_difference_from_ridge():
    section = budgets.build(context(budgets=budget_table()))
    assert section is not None and budgets.build(context()) is None
    (shown,) = tables_of(section)
    first, ridge = shown.rows[:2]
    assert (first[0].text, first[0].note) == ("1/160", "5 trials")
    assert (first[4].text, first[4].strong) == ("+0.200", True)
    assert ridge[4].text == "–"
    assert shown.rows[6][0].text == "all" and not shown.rows[6][4].strong
    assert list(shown.quiet) == [False, True, True] * 3


def test_the_page_of_results_has_the_same_table():
    text = markdown(budgets.text_rows(budget_table().to_dict("records")))
    assert "| 1/40 20 trials | transformer-it | 0.910 [0.810, 1.010] |" in text


def test_brain_correlation_stands_beside_its_limits_and_chance():
    section = brain.build(context(brain=brain_table()))
    assert section is not None and brain.build(context()) is None
    (shown,) = tables_of(section)
    names = [row[0].text for row in shown.rows]
    assert names == ["good", "good-best", "mean", "noise ceiling", "the encoder on the seen image",
                     "chance"]  # fmt: skip
    assert shown.rows[0][1].text == "0.400" and shown.rows[3][2].text == "–"
    assert shown.rows[-1][1].text == "0.010"
    assert list(shown.quiet) == [False, False, True, True, True, True]
    said = [part.text for part in section.parts if isinstance(part, Text)]
    assert any("good-best: samples were chosen by this same encoder" in text for text in said)


@pytest.mark.parametrize("build", [brain.build, budgets.build])
def test_figures_are_the_same_bytes_each_time(build):
    made = context(brain=brain_table(), budgets=budget_table())
    one, two = (next(p for p in build(made).parts if hasattr(p, "figure")) for _ in range(2))
    assert png(one.figure) == png(two.figure) and one.name in ("brain", "budgets")


def test_pairs_are_counted_on_the_side_of_the_better_method():
    better = ["a", "a", float("nan"), "b"]
    table = pd.DataFrame({"better": better}).assign(method="a", against="b")
    table = table.assign(rank_sum=5, rank_sum_against=7)
    assert "| a | b | 4 | 2 | 1 | 1 | 5 against 7 |" in "\n".join(_differences(table))
