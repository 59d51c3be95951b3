"""Motion and video on the page, from scores made up for these tests."""

import base64
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from brainvis.encoding.movie_files import COLUMNS, write_movie_scores
from brainvis.errors import BrainvisError
from brainvis.evaluate import table as tables
from brainvis.evaluate import video_protocol
from brainvis.evaluate.evaluated import Evaluated
from brainvis.evaluate.video_flow import flow_pairs
from brainvis.evaluate.video_protocol import VideoProtocol
from brainvis.evaluate.video_published import published_videos, why_not_comparable
from brainvis.evaluate.video_ratios import ratio_of_means
from brainvis.evaluate.video_scoring import Options, pair_scores, score_identification
from brainvis.evaluate.written import write_scores
from brainvis.report.results import _movies, _videos
from brainvis.report.sections import movies, videos
from brainvis.report.stage import write_report

PROTOCOL = VideoProtocol(estimator="exact", resolution="4x4 cells", libraries="numpy")
FLOW_NOISE = {"nrds": 0.4, "ridge": 0.7, "shuffled": 1.2}
CLIP_NOISE = {"splat": 0.5, "refined": 0.6}


def score_tables(folder):
    """Tables of two subjects: three decoders of flow, two baselines, two animators, encoding."""
    rng = np.random.default_rng(0)
    ids = np.array([f"c{i:02d}" for i in range(24)])
    true = rng.normal(size=(24, 3, 4, 4, 2))
    mask = (rng.random((24, 3, 4, 4)) > 0.3).astype(float)
    options = Options(60, 0, 5, 0.6)
    found, rows = [], []
    for subject in ("01", "02"):
        decoded = {k: true + s * rng.normal(size=true.shape) for k, s in FLOW_NOISE.items()}
        decoded |= {"zero": 0 * true, "mean": np.broadcast_to(true.mean(0), true.shape)}
        made = {k: true + s * rng.normal(size=true.shape) for k, s in CLIP_NOISE.items()}
        for modality, prefix, methods in (
            ("flow", "", decoded), ("video", "clip_", made | {"static": 0 * true}),
        ):  # fmt: skip
            for method, flow in methods.items():
                scores = pair_scores(flow_pairs(true, flow, mask), options, prefix)
                labels = {"dataset": "made_up", "subject": subject, "split": "main"}
                labels |= {"method": method, "modality": modality}
                found.append(Evaluated(labels, ids, scores, PROTOCOL.words()))
                rows += video_protocol.rows(modality, [one.metric for one in scores], PROTOCOL)
        likelihood = 2 * np.eye(24) + rng.normal(size=(24, 24))
        labels = {"dataset": "made_up", "subject": subject, "split": "main", "method": "motion"}
        found.append(
            score_identification(likelihood, ids, labels | {"modality": "encoding"}, options)
            .evaluated
        )  # fmt: skip
    rows += video_protocol.rows("video", ["clip_pcc_gated"], "not computed: no <frames> space")
    paths = {name: folder / f"{name}.csv" for name in ("scores", "summary", "protocols")}
    write_scores(
        found, paths["scores"], paths["summary"],
        baselines=["zero", "mean", "static"], bootstrap=60, seed=0,
    )  # fmt: skip
    protocols = pd.DataFrame(rows)[list(video_protocol.COLUMNS)].drop_duplicates(
        ["metric", "modality"]
    )
    tables.write(protocols, paths["protocols"])
    return {f"video_{name}": path for name, path in paths.items()}


def encoding_files(folder):
    grid = np.argwhere(np.ones((5, 4, 3)))
    rng, paths = np.random.default_rng(1), {"movie_encoding": [], "movie_voxels": []}
    for subject in ("01", "02"):
        rows = []
        for space, gain in (("image-text", 0), ("motion", 0.2), ("videomae", 0.1), ("banded", 0.2)):
            for roi, own in (("all", 0.5), ("V1", -0.5), ("MT", 1.0)):
                r = 0.4 + gain * own
                row = {"subject": subject, "space": space, "roi": roi, "voxels": 30, "r": r}
                row |= {"threshold": 0.1, "r_low": r - 0.05, "r_high": r + 0.05, "raw_r": 0.7 * r}
                row |= {"explained": r**2, "ceiling": 0.7, "chance": 0.0, "p": 0.002}
                row |= {"share": np.nan if space == "banded" else 0.2}
                row |= {"training_volumes": 900, "test_volumes": 180}
                difference = np.nan if space == "image-text" else gain * own
                row |= {"minus_image": difference, "minus_image_low": difference - 0.04}
                rows.append(row | {"minus_image_high": difference + 0.04})
        paths["movie_encoding"].append(folder / f"sub-{subject}_encoding.csv")
        pd.DataFrame(rows)[list(COLUMNS)].to_csv(paths["movie_encoding"][-1], index=False)
        voxels = pd.DataFrame(grid, columns=["i", "j", "k"]).assign(roi="MT")
        values = {name: rng.normal(0, 0.1, len(grid)) for name in ("motion", "videomae")}
        groups = {"difference": values, "r": values, "likelihood": {"motion": np.eye(2)}}
        known = {"dataset": "made_up", "subject": subject, "kind": "simulated"}
        paths["movie_voxels"].append(folder / f"sub-{subject}_encoding.h5")
        write_movie_scores(paths["movie_voxels"][-1], voxels, np.array(["a", "b"]), groups, **known)
    return paths


def film_folder(folder):
    import imageio.v3 as iio

    folder.mkdir()
    y, x = np.mgrid[:64, :192]
    frames = np.stack(
        [np.stack([(x + 8 * t) % 192, y * 3, 0 * x + 9 * t], axis=-1) for t in range(8)]
    ).astype(np.uint8)
    iio.imwrite(folder / "c01.mp4", frames, fps=8, macro_block_size=16)
    iio.imwrite(folder / "c01_flow.png", frames[0])
    captions = [("c01.mp4", "True, <b>decoded</b>, flow"), ("c01_flow.png", "Arrows")]
    captions.append(("c01.gif", "not shown twice"))
    pd.DataFrame(captions, columns=["file", "caption"]).to_csv(folder / "captions.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    shown = {"videos": film_folder(folder / "shown")}
    return score_tables(folder) | encoding_files(folder) | shown


@pytest.fixture(scope="module")
def page(inputs, tmp_path_factory):
    out = tmp_path_factory.mktemp("page") / "index.html"
    config = {"run": "made-up", "seed": 0, "dataset": {"name": "simulated"}}
    write_report(out, title="Movies", kind="simulated", config=config, **inputs)
    return out.read_text()


def test_films_are_inside_the_page_with_escaped_captions(page, inputs):
    class Sources(HTMLParser):
        found: list = []  # noqa: RUF012

        def handle_starttag(self, tag, attrs):
            if tag in ("video", "img", "source"):
                self.found.append((tag, dict(attrs)))

    parser = Sources()
    parser.feed(page)
    (film,) = [given for tag, given in parser.found if tag == "video"]
    assert {"controls", "loop", "muted"} <= set(film)
    start, data = film["src"].split(",")
    assert start == "data:video/mp4;base64"
    assert base64.b64decode(data) == (inputs["videos"] / "c01.mp4").read_bytes()
    assert all(given["src"].startswith("data:") for _, given in parser.found)
    assert "<b>decoded" not in page and "&lt;b&gt;decoded" in page
    assert "not shown twice" not in page and "http" not in page.replace("https://", "http")[:200]


def test_the_page_names_ratio_cosine_identification_and_regions(page):
    for words in (
        "of the error of “", "× chance", "End-point error on moving objects of each method",
        "Predicted better than by image-text in every subject: motion: MT; videomae: MT",
        "not computed: no &lt;frames&gt; space", "Published numbers on cc2017, of which 0",
    ):  # fmt: skip
        assert words in page, words
    assert page.count("SIMULATED BRAIN") >= 1


def test_ratios_are_of_means_with_intervals(inputs):
    scores, summary = (tables.read(inputs[f"video_{name}"]) for name in ("scores", "summary"))
    rows = summary[(summary["subject"] == "all") & (summary["modality"] == "flow")]
    own = scores[scores["modality"] == "flow"]
    found = videos.epe_ratios(own, rows).set_index(["method", "against"])
    mean = rows[rows["metric"] == "epe_moving"].set_index("method")["mean"]
    one = found.loc[("nrds", "zero")]
    assert one["ratio"] == pytest.approx(mean["nrds"] / mean["zero"], rel=1e-6)
    assert one["low"] < one["ratio"] < one["high"] < 1 and one["baseline"]
    assert not found.loc[("nrds", "ridge"), "baseline"]
    assert "zero" not in found.index.get_level_values("method")


def test_ratio_without_anything_to_divide_is_nan():
    assert np.isnan(ratio_of_means(np.full(3, np.nan), np.ones(3)).value)
    assert np.isnan(ratio_of_means(np.ones(3), np.zeros(3)).value)
    part = ratio_of_means(np.array([1.0, np.nan, 1.0]), np.array([2.0, 50.0, 2.0]))
    assert (part.value, part.low, part.high) == (0.5, 0.5, 0.5)


def test_better_regions_need_every_subject(inputs):
    rows = pd.concat([tables.read(path) for path in inputs["movie_encoding"]])
    assert (
        movies.better_regions(rows, "motion") == ["MT"] and movies.image_space(rows) == "image-text"
    )
    rows.loc[(rows["subject"] == "02") & (rows["roi"] == "MT"), "minus_image_low"] = -0.1
    assert movies.better_regions(rows, "motion") == []


def test_rows_for_docs_results(inputs):
    text = "\n".join(_videos(tables.read(inputs["video_summary"])))
    assert "| **nrds** |" in text and "| zero (baseline) |" in text and "| chance |" in text
    rows = pd.concat([tables.read(path) for path in inputs["movie_encoding"]])
    assert "| 01 | motion | MT | 30 | 0.600 |" in "\n".join(_movies(rows))


def test_a_film_that_is_not_there_is_named(inputs, tmp_path):
    folder = film_folder(tmp_path / "shown")
    (folder / "c01.mp4").unlink()
    with pytest.raises(BrainvisError, match=r"c01\.mp4"):
        write_report(
            tmp_path / "x.html", title="x", kind="simulated", config={"run": "x", "seed": 0},
            **inputs | {"videos": folder},
        )  # fmt: skip
    assert not (tmp_path / "x.html").exists()


def test_published_numbers_keep_both_sources_and_stand_beside_the_same_protocol_only():
    table = published_videos()
    neuro = table[(table["method"] == "NeuroClips") & table["metric"].str.startswith("clip_pcc")]
    assert sorted(neuro["value"]) == [0.513, 0.738] and neuro["source"].nunique() == 2
    ours = pd.DataFrame(
        [video_protocol.rows("flow", ["epe_object"], PROTOCOL)[0] | {"estimator": "raft"}]
    )
    nrds = table[(table["method"] == "BrainNRDS") & (table["metric"] == "epe_object")].iloc[0]
    assert "measured on cc2017" in why_not_comparable(nrds, "simulated", ours)
    assert why_not_comparable(nrds, "cc2017", ours) == "resolution is 32x32, ours 4x4 cells"
    same = ours.assign(resolution="32x32 cells, in their pixels per frame step")
    assert why_not_comparable(nrds, "cc2017", same) == ""
    assert why_not_comparable(neuro.iloc[0], "cc2017", same) == "is not taken here"


@pytest.mark.parametrize(
    ("content", "message"),
    [("method,value\na,1\n", "column"), (None, "no such")],
)
def test_damaged_published_tables_are_refused(tmp_path, content, message):
    if content is not None:
        (tmp_path / "t.csv").write_text(content)
    with pytest.raises(BrainvisError, match=message):
        published_videos(tmp_path / "t.csv")
