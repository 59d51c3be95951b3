"""Sections on retrieval, paired differences, protocols and published numbers."""

from html.parser import HTMLParser

import pandas as pd
import pytest

from brainvis.errors import BrainvisError
from brainvis.evaluate import published, table
from brainvis.evaluate.decoded import COLUMNS, SPREADS, WAYS
from brainvis.evaluate.differences import compare_methods
from brainvis.evaluate.reader import PROTOCOL_COLUMNS
from brainvis.report.context import Choices, Context
from brainvis.report.section import Table
from brainvis.report.sections import differences, protocols, retrieval
from brainvis.report.sections import published as published_section
from brainvis.report.stage import write_report

ABSENT = "not computed: weights absent (no folder of network weights given)"


class Words(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.text, self.folded, self.depth = "", "", 0
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.depth += tag == "details"

    def handle_endtag(self, tag):
        self.depth -= tag == "details"

    def handle_data(self, data):
        self.text += data
        self.folded += data if self.depth else ""


def protocol_table(*rows):
    values = dict.fromkeys(PROTOCOL_COLUMNS, "") | {"antialias": True, "resize": 64.0}
    values |= {"seen": "24x24", "common_side": 0, "status": "computed"}
    return pd.DataFrame([values | row for row in rows])


PIXELS = {"metric": "pixel_correlation", "label": "PixCorr", "network": "pixels", "layer": "RGB"}
ALEX = {"metric": "alexnet_2_two_way", "label": "AlexNet 2 two-way", "status": ABSENT}
TWIN = {"metric": "twin_visual_2_two_way", "label": "visual stage 2", "network": "visual network"}
REAL = {"metric": "alexnet_2_two_way", "label": "AlexNet 2 two-way", "network": "alexnet"}


def retrieval_table():
    rows = []
    for method, rate in (("transformer", 0.4), ("mean", 0.0)):
        for subject in ("all", "01", "02"):
            row = {"dataset": "d", "subject": subject, "split": "main", "method": method}
            row |= {"space": "toy", "subjects": 2, "stimuli": 20, "pool": 20, "chance": 0.05}
            for way in WAYS:
                row |= {way: rate, f"{way}_low": rate / 2, f"{way}_high": rate + 0.1}
            for name in SPREADS:
                row |= {f"{name}_true": 10.0, f"{name}_decoded": 10 * rate}
            rows.append(row)
    return pd.DataFrame(rows)[list(COLUMNS)]


@pytest.fixture(scope="module")
def arguments(run):
    folder = run.folder / "metrics"
    folder.mkdir()
    table.write(protocol_table(PIXELS, ALEX, TWIN), folder / "protocols.csv")
    table.write(retrieval_table(), folder / "retrieval.csv")
    pairs = [("transformer", ["ridge-pixels", "mean"])]
    compare_methods(run.arguments["table"], folder / "differences.csv", pairs=pairs, draws=200)
    names = ("protocols", "retrieval", "differences")
    own = {"title": "t", "kind": "simulated", "config": {"run": "r"}}
    own["responses"] = run.arguments["responses"][:1]
    return {**own, **{name: folder / f"{name}.csv" for name in names}}


def context(**changed):
    values = {
        "title": "t", "kind": "simulated", "stimuli": None, "reconstructions": [],
        "scores": pd.DataFrame(), "summary": pd.DataFrame(), "responses": [], "lineage": [],
        "config": {"run": "r"}, "choices": Choices(),
    }  # fmt: skip
    return Context(**{**values, **changed})


def test_the_page_holds_all_four_sections_and_folds_published_rows_away(arguments, tmp_path):
    write_report(tmp_path / "page.html", figures=tmp_path / "figures", **arguments)
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    for anchor in ("retrieval", "differences", "protocols", "published"):
        assert f'<section id="{anchor}">' in html
    assert {"retrieval.png", "differences_0.png"} <= {
        path.name for path in (tmp_path / "figures").iterdir()
    }
    page = Words(html)
    assert "not comparable with simulated rows" in page.folded
    assert "MindEye2" in page.folded and page.text.count("MindEye2") == page.folded.count(
        "MindEye2"
    )


def test_words_say_what_is_absent_and_what_stands_in():
    said = protocols.words(protocol_table(PIXELS, ALEX, TWIN))
    assert "absent: AlexNet 2 two-way." in said
    assert "In their place stand small networks" in said and "visual stage 2" in said
    alone = protocols.words(protocol_table(PIXELS, ALEX))
    assert "No other network stands in" in alone and "small networks" not in alone
    real = protocols.words(protocol_table(PIXELS, REAL))
    assert "networks of published tables: AlexNet 2 two-way" in real and "absent" not in real
    assert protocols.words(protocol_table(PIXELS)) == "All metrics are taken in pixels."


def test_retrieval_shows_means_over_subjects_and_marks_the_best():
    section = retrieval.build(context(retrieval=retrieval_table()))
    assert section is not None
    (shown,) = [part for part in section.parts if isinstance(part, Table)]
    assert [row[0].text for row in shown.rows] == ["transformer", "mean"]
    best, none = shown.rows[0][2], shown.rows[1][2]
    assert best.strong and not none.strong
    assert (best.text, best.note) == ("0.400", "[0.20, 0.50]")
    assert retrieval.build(context()) is None


def test_differences_are_those_of_the_table_and_name_the_winner(arguments):
    frame = table.read(arguments["differences"])
    section = differences.build(context(differences=frame))
    assert section is not None
    matrix, tests = [part for part in section.parts if isinstance(part, Table)]
    assert list(matrix.columns) == ["metric", "minus ridge-pixels", "minus mean"]
    cells = {row[0].text: row[2] for row in matrix.rows}
    row = frame[(frame["against"] == "mean") & (frame["metric"] == "pixel_correlation")].iloc[0]
    assert cells["PixCorr"].text == f"{row['difference']:+.3f}"
    assert cells["PixCorr"].strong == (row["better"] == "transformer")
    assert "MSE ↓" in cells and "sum of ranks" in cells
    assert tests.folded and len(tests.rows) == len(frame)
    assert differences.build(context()) is None


def test_published_rows_stand_open_only_beside_the_same_protocol():
    """Measured NSD at the notebooks' sizes: PixCorr stands beside ours, nothing else does."""
    like = {**PIXELS, "resize": 425.0, "seen": "224x224", "common_side": 256, "antialias": False}
    people = ("01", "02", "05", "07")
    scores = pd.DataFrame(
        {
            "split": "shared1000", "modality": "image", "method": "ours",
            "metric": "pixel_correlation", "subject": [s for s in people for _ in range(1000)],
            "stimulus": [f"i{n}" for _ in people for n in range(1000)], "value": 0.3,
        }
    )  # fmt: skip
    summary = pd.DataFrame(
        [
            {
                "split": "shared1000", "modality": "image", "method": "ours", "subject": "all",
                "metric": "pixel_correlation", "mean": 0.3, "baseline": False,
            }
        ]
    )  # fmt: skip
    values = {"scores": scores, "summary": summary, "protocols": protocol_table(like)}
    nsd = {**values, "kind": "measured", "config": {"dataset": {"name": "nsd"}}}
    section = published_section.build(context(**nsd))
    assert section is not None
    shown = [part for part in section.parts if isinstance(part, Table) and not part.folded]
    assert shown and list(shown[0].columns) == ["method", "hours", "PixCorr", "read in"]
    assert [cell.text for cell in shown[0].rows[0]][::2] == ["ours", "0.300"]
    known = set(published.published("nsd_40h")["method"])
    assert {row[0].text for row in shown[0].rows[1:]} <= known
    for changed in ({"kind": "simulated"}, {"config": {"dataset": {"name": "bids"}}}):
        other = published_section.build(context(**{**nsd, **changed}))
        assert other is not None
        tables = [part for part in other.parts if isinstance(part, Table)]
        assert tables and all(part.folded for part in tables)


def test_a_table_without_its_columns_is_refused(arguments, tmp_path):
    table.write(pd.DataFrame({"method": ["x"]}), tmp_path / "retrieval.csv")
    with pytest.raises(BrainvisError, match=r"retrieval\.csv.*lacks columns"):
        write_report(
            tmp_path / "page.html", **{**arguments, "retrieval": tmp_path / "retrieval.csv"}
        )
