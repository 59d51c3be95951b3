"""Commands of the metrics part: settings reach the stages, and wrong ones are one line."""

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from brainvis import config, containers
from brainvis.cli import app
from brainvis.commands import compare, metrics, retrieval
from brainvis.commands.common import settings_text
from brainvis.datasets import splits
from brainvis.errors import BrainvisError
from brainvis.evaluate import table

COUNT = 24
IDS = np.array([f"s{i:02d}" for i in range(COUNT)])
LABELS = {"dataset": "toy", "kind": "simulated", "split": "main"}
PLAN = [4, "M"] * 5


def run(*arguments):
    return CliRunner().invoke(app, [str(one) for one in arguments])


def settings(*keys, **evaluate):
    values = {
        "run": "t",
        "dataset": {"name": "simulated"},
        "splits": {"main": {"scheme": "holdout"}},
        "decoders": {"ridge": {"method": "ridge_pixels"}, "mean": {"method": "mean"}},
        "evaluate": {"bootstrap": 100, "permutations": 100, "device": "cpu", **evaluate},
    }
    return settings_text(config.validated(values), *keys)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Stimuli, images and vectors of two subjects and two methods."""
    folder, rng = tmp_path_factory.mktemp("made"), np.random.default_rng(0)
    images = rng.integers(0, 256, (COUNT, 32, 32, 3), dtype=np.uint8)
    kinds = np.repeat(["face", "house", "cup", "word"], 6)
    frame = pd.DataFrame(
        {"stimulus_id": IDS, "category": kinds, "supercategory": np.repeat(["a", "b"], 12)}
    )
    containers.write_stimuli(folder / "stimuli.h5", images, frame, dataset="toy", kind="simulated")
    true = rng.normal(size=(COUNT, 12)).astype(np.float32)
    true[:12, :6] += 5  # two clusters
    true[12:, 6:] += 5
    space = {**LABELS, "space": "toy", "model": "m"}
    containers.write_features(folder / "true.h5", IDS, true, **space)
    for subject in ("01", "02"):
        for method, noise in (("ridge", 0.2), ("mean", 3.0)):
            own = {"method": method, "subject": subject}
            pixels = np.clip(images / 255 + rng.normal(0, noise, images.shape), 0, 1)
            containers.write_reconstructions(
                folder / f"{method}-{subject}.h5", IDS, pixels, np.zeros(COUNT), **LABELS, **own
            )
            containers.write_features(
                folder / f"{method}-{subject}-vectors.h5", IDS,
                true + rng.normal(0, 4 * noise, true.shape).astype(np.float32), **space, **own,
            )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def visual(tmp_path_factory):
    """A data root that holds a small visual network."""
    import torch
    from safetensors.torch import save_file

    from brainvis.features.visual_network import CONFIG, WEIGHTS, layers

    root = tmp_path_factory.mktemp("root")
    (root / "tiny").mkdir()
    (root / "empty").mkdir()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        state = layers(PLAN, batch_norm=True).state_dict()
    tensors = {f"features.{name}": value.contiguous() for name, value in state.items()}
    save_file(tensors, root / "tiny" / WEIGHTS)
    (root / "tiny" / CONFIG).write_text(
        json.dumps({"architecture": "vgg", "layers": PLAN, "size": 32})
    )
    return root


def scored(made, out, text):
    images = [part for path in sorted(made.glob("*-0[12].h5")) for part in ("--images", path)]
    return run(
        "metrics", "--config", text, "--stimuli", made / "stimuli.h5", *images,
        "--baseline", "mean", "--out", out / "scores.parquet", "--summary", out / "summary.csv",
        "--protocols", out / "protocols.csv",
    )  # fmt: skip


def test_every_setting_of_the_metrics_reaches_the_protocols(made, visual, tmp_path, monkeypatch):
    monkeypatch.setenv("BRAINVIS_DATA", str(visual))
    evaluate = {"networks": "empty", "visual": "tiny", "image_text": "foundation/image_text"}
    text = settings(*metrics.KEYS, **evaluate, size=48, common_side=40, antialias=False)
    said = scored(made, tmp_path, text)
    assert said.exit_code == 0, said.output
    rows = table.read(tmp_path / "protocols.csv").set_index("metric")
    done = rows[rows["status"] == "computed"]
    assert {"twin_visual_2_two_way", "twin_visual_pooled_4_distance", "twin_clip_two_way"} <= set(
        done.index
    )
    assert rows.loc["ssim", "resize"] == 48 and set(rows["common_side"]) == {40}
    assert str(rows.loc["pixel_correlation", "antialias"]) == "False"
    absent = rows[rows["status"] != "computed"]
    assert len(absent) == 6 and absent["status"].str.contains("empty/").all()
    scores = table.read(tmp_path / "scores.parquet")
    assert set(done.index) <= set(scores["metric"])
    manifest = json.loads((tmp_path / "scores.parquet.manifest.json").read_text())
    assert {"networks", "image_text", "visual"} <= {one["name"] for one in manifest["parents"]}


def test_without_networks_the_protocols_still_name_what_is_absent(made, tmp_path):
    assert scored(made, tmp_path, settings(*metrics.KEYS)).exit_code == 0
    rows = table.read(tmp_path / "protocols.csv")
    assert (rows["status"] == "computed").sum() == 2
    assert rows["status"].str.contains("no folder of network weights given").sum() == 6


def test_vectors_alone_have_an_empty_table_of_protocols(made, tmp_path):
    said = run(
        "metrics", "--config", settings(*metrics.KEYS), "--stimuli", made / "stimuli.h5",
        "--features", made / "true.h5", "--decoded", made / "ridge-01-vectors.h5",
        "--out", tmp_path / "scores.parquet", "--summary", tmp_path / "summary.csv",
        "--protocols", tmp_path / "protocols.csv",
    )  # fmt: skip
    assert said.exit_code == 0, said.output
    rows = table.read(tmp_path / "protocols.csv")
    assert rows.empty and "status" in rows


def test_a_missing_folder_of_weights_is_named(made, tmp_path):
    with pytest.raises(BrainvisError, match="absent-weights"):
        said = scored(made, tmp_path, settings(*metrics.KEYS, networks="absent-weights"))
        raise said.exception
    assert not (tmp_path / "scores.parquet").exists()


def test_retrieval_gives_every_subject_and_their_mean(made, tmp_path):
    files = [f for p in sorted(made.glob("*-vectors.h5")) for f in ("--decoded", p)]
    text = settings(*retrieval.KEYS, pool=10)
    out = tmp_path / "retrieval.csv"
    said = run("retrieval", "--config", text, "--features", made / "true.h5", *files, "--out", out)
    assert said.exit_code == 0, said.output
    rows = table.read(out).set_index(["method", "subject"])
    assert set(rows["pool"]) == {10} and np.allclose(rows["chance"], 0.1)
    for name in ("image_retrieval", "brain_retrieval", "effective_rank_decoded"):
        people = [rows.loc[("ridge", one), name] for one in ("01", "02")]
        assert np.isclose(rows.loc[("ridge", "all"), name], np.mean(people))
    whole = rows.loc[("ridge", "all")]
    assert whole["image_retrieval_low"] < whole["image_retrieval"] < whole["image_retrieval_high"]
    assert whole["subjects"] == 2 and whole["stimuli"] == COUNT
    assert whole["image_retrieval"] > rows.loc[("mean", "all"), "image_retrieval_high"]


def test_compare_takes_pairs_from_the_configuration_or_the_command_line(made, tmp_path):
    assert scored(made, tmp_path, settings(*metrics.KEYS)).exit_code == 0
    own = settings(*compare.KEYS, compare=[{"method": "ridge", "against": ["mean"]}])
    scores, out = tmp_path / "scores.parquet", tmp_path / "a.csv"
    said = run("compare", "--config", own, "--table", scores, "--out", out)
    assert said.exit_code == 0, said.output
    rows = table.read(out).set_index("metric")
    assert rows.loc["pixel_correlation", "better"] == "ridge"
    assert rows.loc["pixel_correlation", "low"] > 0
    assert rows.loc["mse", "better"] == "ridge" and rows.loc["mse", "high"] < 0
    assert (rows["rank_sum"] < rows["rank_sum_against"]).all()
    assert set(rows["metrics_ranked"]) == {len(rows)}
    said = run(
        "compare", "--config", own, "--table", scores, "--out", tmp_path / "b.csv",
        "--method", "mean", "--against", "ridge",
    )  # fmt: skip
    assert said.exit_code == 0, said.output
    turned = table.read(tmp_path / "b.csv").set_index("metric")
    assert np.allclose(turned["difference"], -rows["difference"])
    assert np.allclose(turned["p"], rows["p"])
    out = tmp_path / "c.csv"
    said = run(
        "compare", "--config", own, "--table", scores, "--out", out,
        "--method", "ridge", "--against", "nobody",
    )  # fmt: skip
    assert said.exit_code == 1 and not out.exists()
    said = run("compare", "--config", settings(*compare.KEYS), "--table", scores, "--out", out)
    assert said.exit_code == 1 and not out.exists()


CATEGORY = {"scheme": "leave_category_out", "column": "supercategory", "only": None}
CLUSTER = {"scheme": "leave_cluster_out", "features": "toy", "clusters": 2, "only": None}


def split_by(made, tmp_path, *files, **specs):
    values = {"dataset": "toy", "kind": "simulated", "seed": 0, "settings": {"splits": specs}}
    out = tmp_path / "splits.json"
    said = run(
        "splits", "--config", json.dumps(values), "--stimuli", made / "stimuli.h5", *files,
        "--out", out,
    )  # fmt: skip
    return said, {name: splits.read(out, name) for name in specs} if out.exists() else {}


def test_splits_hold_out_categories_clusters_and_as_many_at_random(made, tmp_path):
    said, found = split_by(
        made,
        tmp_path,
        "--features",
        made / "true.h5",
        whole=CATEGORY,
        one={**CATEGORY, "column": "category", "only": "face"},
        clusters=CLUSTER,
        largest={**CLUSTER, "only": 0},
        random={"scheme": "size_matched", "of": {**CATEGORY, "only": "a"}},
    )
    assert said.exit_code == 0, said.output
    assert [fold.test for fold in found["whole"]] == [IDS[:12].tolist(), IDS[12:].tolist()]
    assert [fold.test for fold in found["one"]] == [IDS[:6].tolist()]
    # as the embeddings lie
    assert {frozenset(fold.test) for fold in found["clusters"]} == {
        frozenset(IDS[:12]),
        frozenset(IDS[12:]),
    }
    assert len(found["largest"]) == 1
    (fold,) = found["random"]
    assert len(fold.test) == 12 and set(fold.test) not in ({*IDS[:12]}, {*IDS[12:]})
    assert set(fold.train) | set(fold.test) == set(IDS)


@pytest.mark.parametrize(
    ("spec", "word"),
    [
        ({**CATEGORY, "column": "category", "only": "dragon"}, "dragon"),
        (CLUSTER, "no 'toy'"),
    ],
)
def test_what_cannot_be_held_out_is_named(made, tmp_path, spec, word, caplog):
    log = tmp_path / "log"
    values = {"dataset": "toy", "kind": "simulated", "seed": 0, "settings": {"splits": {"s": spec}}}
    said = run(
        "splits", "--config", json.dumps(values), "--stimuli", made / "stimuli.h5",
        "--out", tmp_path / "s.json", "--log", log,
    )  # fmt: skip
    assert said.exit_code == 1
    assert word in log.read_text() and log.read_text().count("\n") == 1


def configured(**changes):
    values = {
        "run": "t",
        "dataset": {"name": "simulated"},
        "splits": {"main": {"scheme": "holdout"}},
        "features": {"toy": {"kind": "gabor"}},
        "decoders": {"ridge": {"method": "ridge_pixels"}},
    }
    return config.validated({**values, **changes}, "run.yaml")


def test_data_with_bold_take_one_fold_of_any_scheme():
    single = {"scheme": "leave_category_out", "only": "faces", "column": "supercategory"}
    for spec in (single, {**CLUSTER, "only": 0}, {"scheme": "size_matched", "of": single}):
        assert configured(splits={"main": spec}).splits["main"].single
    assert configured(splits={"main": {**CLUSTER, "only": 1}}).split_spaces == ["toy"]
    for spec in (CATEGORY, CLUSTER, {"scheme": "size_matched", "of": CLUSTER}):
        with pytest.raises(BrainvisError, match="one fold"):
            configured(splits={"main": spec})
    digits = {"name": "vangerven_digits"}
    assert not configured(dataset=digits, splits={"x": CATEGORY}).splits["x"].single


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"splits": {"main": {**CLUSTER, "features": "clip", "only": 0}}}, "names 'clip'"),
        ({"evaluate": {"compare": [{"method": "ridge", "against": ["x"]}]}}, "names 'x'"),
        ({"evaluate": {"compare": [{"method": "ridge", "against": ["ridge"]}]}}, "beside itself"),
        ({"evaluate": {"compare": [{"method": "ridge", "against": []}]}}, "at least 1"),
    ],
)
def test_what_the_configuration_names_exists(changes, said):
    with pytest.raises(BrainvisError, match=said):
        configured(**changes)
