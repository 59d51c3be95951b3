import numpy as np
import pandas as pd
import pytest

from brainvis import containers
from brainvis.errors import BrainvisError
from brainvis.evaluate import stage, table
from brainvis.evaluate.catalogue import describe

IDS = np.array([f"s{i:02d}" for i in range(24)])
LABELS = {"dataset": "toy", "split": "main", "kind": "simulated"}


def reconstruct(folder, method, subject, images, order=None, **changed):
    order = np.arange(len(IDS)) if order is None else order
    path = folder / f"{method}-{subject}.h5"
    labels = {**LABELS, "method": method, "subject": subject, **changed}
    containers.write_reconstructions(path, IDS[order], images[order], np.zeros(len(IDS)), **labels)
    return path


@pytest.fixture
def toy(tmp_path):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (24, 16, 16, 3), dtype=np.uint8)
    categories = np.repeat(["face", "house", "cup"], 8)
    frame = pd.DataFrame({"stimulus_id": IDS, "category": categories})
    stimuli = tmp_path / "stimuli.h5"
    containers.write_stimuli(stimuli, images, frame, dataset="toy", kind="simulated")
    real = images.astype(np.float32) / 255
    made = []
    for subject in ("01", "02"):
        noisy = np.clip(real + rng.normal(0, 0.3, real.shape), 0, 1)
        made.append(reconstruct(tmp_path, "ridge", subject, noisy, rng.permutation(24)))
        made.append(reconstruct(tmp_path, "perfect", subject, real))
        mean = np.broadcast_to(real.mean(0), real.shape)
        made.append(reconstruct(tmp_path, "mean", subject, mean))
        made.append(reconstruct(tmp_path, "shuffled", subject, noisy[rng.permutation(24)]))
    return stimuli, made, real, tmp_path


def evaluated(toy, **settings):
    stimuli, made, _, folder = toy
    out = folder / "table.parquet", folder / "summary.csv"
    options = {"bootstrap": 200, "permutations": 199, **settings}
    stage.evaluate(stimuli, made, *out, **options)
    return table.read(out[0]), table.read(out[1])


def test_scores_are_tidy_and_summarised(toy):
    scores, summary = evaluated(toy)
    assert list(scores.columns) == table.COLUMNS
    assert not scores.duplicated(table.COLUMNS[:7]).any()
    assert set(scores["subject"]) == {"01", "02"} and "16x16" in scores["protocol"].iloc[0]
    rows = summary[summary["subject"] == "all"].set_index(["method", "metric"])
    assert (rows["ci_low"] <= rows["mean"] + 1e-9).all()
    assert (rows["mean"] <= rows["ci_high"] + 1e-9).all()
    perfect = rows.loc["perfect"]
    assert perfect.loc["pixel_two_way", "mean"] == 1
    assert perfect.loc["pixel_two_way_within_class", "mean"] == 1
    assert perfect.loc["pixel_top1", "mean"] == perfect.loc["pixel_top1_reverse", "mean"] == 1
    assert np.isclose(perfect.loc["pixel_correlation", "mean"], 1)
    assert np.isclose(perfect.loc["mse", "mean"], 0)
    assert np.isclose(rows.loc[("mean", "pixel_two_way"), "mean"], 0.5)


def test_chance_p_and_baselines_tell_decoding_from_none(toy):
    _, summary = evaluated(toy)
    rows = summary[summary["subject"] == "all"].set_index(["method", "metric"])
    assert rows.loc[("ridge", "pixel_two_way"), "chance"] == 0.5
    assert np.isclose(rows.loc[("ridge", "pixel_top1"), "chance"], 1 / 24)
    for metric in ("pixel_correlation", "ssim", "mse", "pixel_two_way"):
        assert rows.loc[("ridge", metric), "p"] == 1 / 200, metric
        assert rows.loc[("shuffled", metric), "p"] > 0.02, metric
    assert abs(rows.loc[("ridge", "pixel_correlation"), "chance"]) < 0.05
    assert rows.loc[("ridge", "pixel_correlation"), "difference_low"] > 0.3
    assert rows.loc[("ridge", "mse"), "best_baseline"] == "mean"
    assert rows.loc[("mean", "mse"), "best_baseline"] != rows.loc[("ridge", "mse"), "best_baseline"]
    assert (rows["q"].dropna() >= rows["p"].dropna() - 1e-12).all()
    wide = rows.loc["ridge"]
    assert wide["ci_low_subjects"].notna().all()


def test_results_do_not_depend_on_the_order_of_files_or_rows(toy):
    stimuli, made, real, folder = toy
    first = evaluated(toy)[1]
    second = evaluated((stimuli, made[::-1], real, folder))[1]
    keys = ["method", "metric", "subject"]
    pd.testing.assert_frame_equal(
        first.sort_values(keys).reset_index(drop=True),
        second.sort_values(keys).reset_index(drop=True),
    )


def test_a_protocol_size_is_applied_and_recorded(toy):
    scores, _ = evaluated(toy, size=32)
    assert "32x32" in scores["protocol"].iloc[0]
    assert scores.loc[scores["method"] == "perfect", "value"].notna().all()


def test_larger_reconstructions_are_compared_at_the_stimuli_size(toy):
    stimuli, _, real, folder = toy
    big = np.repeat(np.repeat(real, 2, axis=1), 2, axis=2)
    toy = (stimuli, [reconstruct(folder, "big", "01", big)], real, folder)
    scores, _ = evaluated(toy)
    correlations = scores.loc[scores["metric"] == "pixel_correlation", "value"]
    assert "made 32x32" in scores["protocol"].iloc[0] and (correlations > 0.8).all()


def write_features(path, ids, values, **attributes):
    options = {**LABELS, "space": "toy", "model": "noise", **attributes}
    containers.write_features(path, ids, values, **options)
    return path


def test_decoded_features_are_scored_against_the_true_ones(toy):
    stimuli, _, _, folder = toy
    rng = np.random.default_rng(1)
    true = rng.normal(size=(24, 30))
    truth = write_features(folder / "true.h5", IDS, true)
    order = rng.permutation(24)
    good = write_features(
        folder / "good.h5",
        IDS[order],
        (true + rng.normal(size=true.shape))[order],
        method="ridge",
        subject="01",
    )
    out = folder / "t.csv", folder / "s.parquet"
    stage.evaluate(stimuli, [], *out, true_features=[truth], decoded=[good], permutations=199)
    scores, summary = table.read(out[0]), table.read(out[1])
    assert scores["subject"].unique().tolist() == ["01"]  # text survives CSV
    row = summary.set_index(["subject", "metric"]).loc[("all", "toy_two_way")]
    assert row["mean"] > 0.9 and row["p"] == 1 / 200 and row["modality"] == "features"
    assert "noise" in row["protocol"]


def test_features_of_images_join_the_image_table(toy):
    stimuli, made, _, folder = toy
    values = np.random.default_rng(1).normal(size=(24, 30))
    truth = write_features(folder / "true.h5", IDS, values)
    image = write_features(folder / "made.h5", IDS, values, method="perfect", subject="01")
    out = folder / "t.parquet", folder / "s.parquet"
    stage.evaluate(
        stimuli, made[:2], *out, true_features=[truth], image_features=[image], permutations=99
    )
    scores = table.read(out[0])
    assert (scores.loc[scores["metric"] == "toy_top1", "value"] == 1).all()
    assert set(scores["modality"]) == {"image"}


def test_bad_input_is_named(toy):
    stimuli, made, real, folder = toy
    out = folder / "t.csv", folder / "s.csv"
    with pytest.raises(BrainvisError, match="pass stimuli"):
        stage.evaluate(None, made, *out)
    with pytest.raises(BrainvisError, match="same labels"):
        evaluated((stimuli, [made[0], made[0]], real, folder))
    with pytest.raises(BrainvisError, match="nothing to evaluate"):
        evaluated((stimuli, [], real, folder))
    stranger = write_features(folder / "f.h5", IDS, np.eye(24), space="x", method="m", subject="1")
    with pytest.raises(BrainvisError, match="true features"):
        stage.evaluate(None, [], *out, decoded=[stranger])
    truth = write_features(folder / "t.h5", IDS, np.eye(24), space="x")
    broken = np.full((24, 24), np.nan)
    broken = write_features(folder / "b.h5", IDS, broken, space="x", method="m", subject="1")
    with pytest.raises(BrainvisError, match="not finite"):
        stage.evaluate(None, [], *out, true_features=[truth], decoded=[broken])
    nameless = write_features(folder / "n.h5", IDS, np.eye(24), space="x")
    with pytest.raises(BrainvisError, match="lacks attributes"):
        stage.evaluate(None, [], *out, true_features=[truth], decoded=[nameless])
    with pytest.raises(BrainvisError, match="parquet or"):
        stage.evaluate(stimuli, made[:1], folder / "t.xlsx", folder / "s.csv")
    with pytest.raises(BrainvisError, match="no such file"):
        table.read(folder / "absent.parquet")


def test_every_metric_of_a_table_is_described(toy):
    scores, _ = evaluated(toy)
    labels = [describe(name).label for name in scores["metric"].unique()]
    assert len(set(labels)) == len(labels) and "PixCorr" in labels
    with pytest.raises(KeyError):
        describe("beauty")
