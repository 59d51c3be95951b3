"""The section on motion: names that nothing makes are refused in one line."""

import pytest

from brainvis import config
from brainvis.errors import BrainvisError


def with_motion(**changes) -> dict:
    values = {
        "run": "test",
        "dataset": {"name": "simulated"},
        "splits": {"main": {"scheme": "holdout"}},
        "features": {"motion": {"kind": "motion-energy"}, "pixels": {"kind": "pixels"}},
        "decoders": {"mean": {"method": "mean"}},
        "motion": {
            "decoders": {"ridge": {"method": "ridge"}},
            "encoding": {"image": "pixels", "video": ["motion"]},
        },
        "animators": {"moved": {"kind": "splat", "flow": "ridge", "first": "mean"}},
    }
    return {**values, **changes}


def test_an_unquoted_true_is_the_true_flow():
    found = config.validated(with_motion(animators={"exact": {"kind": "splat", "flow": True}}))
    assert found.animators["exact"].flow == found.animators["exact"].first == "true"
    assert found.slice("animators.exact")["animators.exact"]["flow"] == "true"
    assert set(found.slice("motion.movie")["motion.movie"]) == {
        "tr", "showings", "gap", "clips_per_segment", "repeats", "test_repeats",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"animators": {"a": {"kind": "splat", "flow": "none"}}}, "animators.a.flow names 'none'"),
        ({"animators": {"a": {"kind": "static", "first": "no"}}}, "animators.a.first names 'no'"),
        ({"animators": {"ridge": {"kind": "static"}}}, "both a flow decoder and an animator"),
        ({"motion": None}, "animators.moved needs the section motion"),
        (
            {"motion": {"decoders": {"r": {"method": "ridge"}}, "score": {"video": "mae"}},
             "animators": {}},
            "motion.score names 'mae'",
        ),
        ({"motion": {"decoders": {}}}, "at least 1 item"),
        ({"dataset": {"name": "nsd", "subjects": [1]}, "splits": {"main": {"scheme": "published"}}},
         "motion needs responses to movies"),
    ],
)  # fmt: skip
def test_names_that_nothing_makes_are_one_line(changes, said):
    with pytest.raises(BrainvisError) as caught:
        config.validated(with_motion(**changes), "run.yaml")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
