"""Known numbers on measured data: ridge from responses to pixels on handwritten digits."""

import numpy as np
import pandas as pd
from scipy.io import loadmat
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import StandardScaler

from brainvis import containers
from brainvis.evaluate import stage, table


def test_ridge_on_the_published_split_scores_what_the_literature_data_give(measured, tmp_path):
    data = loadmat(measured("vangerven_digits") / "digit69_28x28.mat")
    train, test = data["fmriTrn"].astype(float), data["fmriTest"].astype(float)
    images = {name: data[name].astype(float) for name in ("stimTrn", "stimTest")}
    scale = 255.0 if images["stimTrn"].max() > 1 else 1.0
    scaler = StandardScaler().fit(train)
    ridge = RidgeCV(alphas=np.logspace(2, 6, 9)).fit(scaler.transform(train), images["stimTrn"])
    made = ridge.predict(scaler.transform(test)) / scale

    def square(flat):  # stored column by column; grey to three channels
        return np.repeat(flat.reshape(-1, 28, 28).transpose(0, 2, 1)[..., None], 3, axis=3)

    ids = np.array([f"digit{i}" for i in range(len(test))])
    seen = (square(images["stimTest"] / scale) * 255).round().astype(np.uint8)
    labels = {"dataset": "vangerven_digits", "kind": "measured"}
    frame = pd.DataFrame({"stimulus_id": ids, "category": "digit"})
    containers.write_stimuli(tmp_path / "s.h5", seen, frame, **labels)
    labels |= {"method": "ridge", "subject": "01", "split": "published"}
    containers.write_reconstructions(
        tmp_path / "r.h5", ids, square(made), np.zeros(len(ids)), **labels
    )
    out = tmp_path / "t.parquet", tmp_path / "s.parquet"
    stage.evaluate(tmp_path / "s.h5", [tmp_path / "r.h5"], *out, permutations=999)
    summary = table.read(out[1]).query("subject == 'all'").set_index("metric")
    assert len(ids) == 10
    assert 0.72 < summary.loc["pixel_correlation", "mean"] < 0.86  # .79 in the data's README
    assert 0.85 < summary.loc["pixel_two_way", "mean"] <= 1.0  # .93
    assert 0.4 <= summary.loc["pixel_top1", "mean"] <= 0.8  # .60
    assert summary.loc["pixel_two_way", "p"] < 0.01
