from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from made_up_run import write_run
from matplotlib.text import Text

from brainvis import containers
from brainvis.containers import Reconstructions, Responses, Stimuli
from brainvis.errors import BrainvisError
from brainvis.evaluate import table
from brainvis.report.context import Choices, Context
from brainvis.report.page import render
from brainvis.report.section import Cell, Code, Facts, Picture, Section, Table
from brainvis.report.section import Text as Paragraph
from brainvis.report.sections import ORDER
from brainvis.report.stage import write_report


class Page(HTMLParser):
    """Collects every element with its attributes, and the text outside style elements."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.text, self.inside = [], "", []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.inside.append(tag)

    def handle_endtag(self, tag):
        if tag in self.inside:
            while self.inside.pop() != tag:
                pass

    def handle_data(self, data):
        if "style" not in self.inside:
            self.text += data


def context_of(arguments, **changed):
    values = {**arguments, **changed}
    return Context(
        title=values["title"],
        kind=values["kind"],
        stimuli=Stimuli.open(values["stimuli"]),
        reconstructions=[Reconstructions.open(path) for path in values["reconstructions"]],
        scores=table.read(values["table"]),
        summary=table.read(values["summary"]),
        responses=[Responses.open(path) for path in values["responses"]],
        lineage=values["lineage"],
        config=values["config"],
        choices=values.get("choices", Choices()),
        classification=values.get("results"),
    )


@pytest.fixture(scope="module")
def built(run):
    return [section for build in ORDER if (section := build(context_of(run.arguments)))]


@pytest.fixture(scope="module")
def page(run):
    out = run.folder / "report.html"
    write_report(out, figures=run.folder / "figures", **run.arguments)
    return Page(out.read_text(encoding="utf-8"))


def test_page_has_the_banner_and_every_section(page):
    assert "SIMULATED BRAIN" in page.text and "MEASURED" not in page.text
    ids = {attributes.get("id") for _, attributes in page.elements}
    wanted = {"verdict", "reconstructions", "scores", "subjects", "reliability", "quality"}
    assert wanted | {"lineage", "reproduce"} <= ids
    links = {attributes["href"] for tag, attributes in page.elements if tag == "a"}
    assert links <= {f"#{name}" for name in ids if name}


def test_grids_show_the_methods_that_were_chosen(run):
    every = {made.attributes["method"] for made in context_of(run.arguments).reconstructions}
    chosen = tuple(sorted(every, reverse=True)[:2])
    context = context_of(run.arguments, choices=Choices(show=chosen))
    grid = next(
        one for build in ORDER if (one := build(context)) and one.anchor == "reconstructions"
    )
    picture = next(part for part in grid.parts if isinstance(part, Picture))
    words = [text.get_text() for text in picture.figure.findobj(Text)]
    assert [word for word in words if word in every] == list(chosen)


def test_page_is_self_contained(page):
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "link", "iframe", "object", "embed", "form"}
    sources = [a["src"] for tag, a in page.elements if tag == "img"]
    assert sources and all(source.startswith("data:image/png;base64,") for source in sources)
    alone = [a for _, a in page.elements for name in a if name in ("href", "src", "srcset")]
    assert all("http" not in str(a.get("href", "")) for a in alone)


def test_every_figure_says_simulated(built):
    pictures = [part for section in built for part in section.parts if isinstance(part, Picture)]
    assert len(pictures) >= 8
    for picture in pictures:
        words = [text.get_text() for text in picture.figure.findobj(Text)]
        assert "SIMULATED BRAIN" in words, picture.name
        assert len(picture.caption) > 40, picture.name


def test_figures_are_written_beside_the_page(run, page):
    files = sorted(path.name for path in (run.folder / "figures").iterdir())
    assert {"scores_image.png", "grid_ranked_01.png", "noise_ceiling_slices_0.png"} <= set(files)
    assert len([tag for tag, _ in page.elements if tag == "img"]) == len(files)
    for path in (run.folder / "figures").iterdir():
        assert path.read_bytes().startswith(b"\x89PNG"), path.name


def test_same_input_same_page(run, page, tmp_path):
    write_report(tmp_path / "again.html", **run.arguments)
    assert (tmp_path / "again.html").read_bytes() == (run.folder / "report.html").read_bytes()


def test_measured_pages_say_measured_and_one_subject_has_no_subject_section(tmp_path):
    run = write_run(tmp_path, "measured", ("01",))
    context = context_of(run.arguments)
    sections = [section for build in ORDER if (section := build(context))]
    assert "subjects" not in [section.anchor for section in sections]
    html, _ = render("title", "measured", sections)
    assert "MEASURED fMRI" in Page(html).text and "SIMULATED" not in Page(html).text
    pictures = [part for section in sections for part in section.parts if isinstance(part, Picture)]
    for picture in pictures:
        assert "MEASURED fMRI" in [text.get_text() for text in picture.figure.findobj(Text)]


def test_simulated_files_are_refused_on_a_measured_page(run, tmp_path):
    arguments = {**run.arguments, "kind": "measured"}
    with pytest.raises(BrainvisError, match="kind"):
        write_report(tmp_path / "lie.html", **arguments)
    assert not (tmp_path / "lie.html").exists()
    with pytest.raises(BrainvisError, match="unknown kind"):
        write_report(tmp_path / "x.html", **{**arguments, "kind": "dreamt"})


def test_unknown_headlines_are_refused(run, tmp_path):
    for wrong in ({"method": "oracle"}, {"split": "none"}):
        with pytest.raises(BrainvisError, match="no such"):
            write_report(tmp_path / "x.html", **run.arguments, **wrong)


HOSTILE = (
    "</p><script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "' onmouseover='alert(3)",
    "</style><svg/onload=alert(4)>",
    "$\\frac{1}{$ {{ 7*7 }} {% raw %}",
)


def test_hostile_strings_stay_text(run, tmp_path):
    text = " ".join(HOSTILE)
    subject = containers.Responses.open(run.arguments["responses"][0])
    voxels = subject.voxels.assign(roi=text[:20])
    responses = tmp_path / "responses.h5"
    labels = {"subject": text, "dataset": text, "kind": "simulated", "units": text}
    containers.write_responses(responses, subject.betas(), subject.trials, voxels, **labels)
    scores, summary = table.read(run.arguments["table"]), table.read(run.arguments["summary"])
    changes = {"transformer": text}
    for frame in (scores, summary):
        frame["method"] = frame["method"].replace(changes)
        frame["protocol"] = text
    table.write(scores, tmp_path / "scores.parquet")
    table.write(summary, tmp_path / "summary.parquet")
    made = []
    for number, path in enumerate(run.arguments["reconstructions"]):
        old = Reconstructions.open(path)
        attributes = {k: old.attributes[k] for k in ("subject", "split", "kind", "dataset")}
        method = changes.get(str(old.attributes["method"]), str(old.attributes["method"]))
        made.append(tmp_path / f"{number}.h5")
        containers.write_reconstructions(
            made[-1], old.ids, old.images(), old.folds(), method=method, **attributes
        )
    arguments = {
        **run.arguments,
        "title": text,
        "table": tmp_path / "scores.parquet",
        "summary": tmp_path / "summary.parquet",
        "reconstructions": made,
        "responses": [responses],
        "lineage": [{"artifact": text, "parents": [{"name": text, "sha256": text}], "kind": text}],
        "config": {"run": text, text: [text]},
    }
    write_report(tmp_path / "report.html", method=text, **arguments)
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert not {"script", "svg", "iframe"} & {tag for tag, _ in page.elements}
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")]
        assert "javascript:" not in str(attributes.get("href", ""))
    images = [a["src"] for tag, a in page.elements if tag == "img"]
    assert all(source.startswith("data:image/png") for source in images)
    assert " ".join(text.split()) in " ".join(page.text.split())  # shown, as text
    assert ("49" not in text and "{{ 7*7 }}" in page.text) or "{{" not in text


def test_a_data_set_without_images_still_has_a_page(run, tmp_path):
    results = pd.DataFrame({"subject": ["01"], "accuracy": [0.49], "chance": [0.125], "n": [96]})
    recovered = {"subject": ["01"], "trials": [9], "voxels": [5], "ours": [0.6], "lsa": [0.4]}
    table.write(results, tmp_path / "classes.csv")
    table.write(pd.DataFrame({**recovered, "ratio": [1.5]}), tmp_path / "recovery.csv")
    write_report(
        tmp_path / "page.html",
        title="Blocks",
        kind="simulated",
        responses=run.arguments["responses"][:1],
        config={"run": "blocks"},
        classification=tmp_path / "classes.csv",
        recovery=tmp_path / "recovery.csv",
    )
    page = Page((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert "accuracy 0.49 where chance is 0.12" in page.text
    ids = {attributes.get("id") for tag, attributes in page.elements if tag == "section"}
    assert {"classification", "recovery", "reliability"} <= ids
    assert not ids & {"scores", "reconstructions", "subjects"}
    assert ("strong", {}) in page.elements  # the better estimate


def test_every_part_is_drawn():
    table_part = Table(["a", "b"], [[Cell("x", "note", strong=True), Cell("y", code=True)]], "cap")
    parts = [Paragraph("words"), Facts([("label", "value", "note")]), Code("x < y"), table_part]
    html, figures = render("t", "simulated", [Section("one", "One", parts)])
    page = Page(html)
    for word in ("words", "label", "value", "note", "x < y", "cap"):
        assert word in page.text
    assert figures == {} and ("strong", {}) in page.elements


def test_verdict_does_not_claim_what_the_numbers_do_not_show(run):
    from brainvis.report.sections.verdict import sentence

    row = {
        "method": "m",
        "higher_is_better": True,
        "q": 0.3,
        "mean": 0.55,
        "chance": 0.5,
        "best_baseline": "mean",
        "difference": 0.02,
        "difference_low": -0.1,
        "difference_high": 0.1,
    }
    assert "not distinguishable from chance" in sentence("measured", row)
    assert "no different from the best baseline" in sentence("measured", row)
    worse = {**row, "q": 0.001, "difference_low": -0.2, "difference_high": -0.1}
    assert "better than chance" in sentence("measured", worse)
    assert "worse than the best baseline" in sentence("measured", worse)
    error = {**worse, "higher_is_better": False, "mean": 0.4}
    assert "better than the best baseline" in sentence("simulated", error)
    assert sentence("simulated", error).startswith("Simulated brain")


def test_nan_values_are_dashes(run):
    from brainvis.report.words import interval, number, probability

    assert number(np.nan) == "–" and interval(np.nan, 1.0) == "" and probability(np.nan) == "–"
    assert probability(0.00001) == "1.0e-05"
