"""What the encoder learns on planted data, and that a new subject changes nothing but itself."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import RidgeCV

from brainvis.artifacts.files import sha256
from brainvis.containers import Features, Responses
from brainvis.encoding.universal_embeddings import Embeddings
from brainvis.encoding.universal_files import read_encoder
from brainvis.encoding.universal_fit import correlation, predict
from brainvis.encoding.universal_predict import predicted_responses
from brainvis.encoding.universal_stage import adapt_universal


def truth_of(planted, number):
    return planted.truth[number][len(planted.train) :]


def test_beats_ridge_where_attention_matters(planted, trained):
    features, r_universal, r_ridge = Features.open(planted.features), [], []
    flat = features.tokens().reshape(len(planted.ids), -1).astype(float)
    train = np.isin(planted.ids, planted.train)
    for number in range(2):
        measured = Responses.open(planted.responses[number]).averaged(planted.train)
        ridge = RidgeCV(np.logspace(0, 5, 11)).fit(flat[train], measured)
        predicted = predicted_responses(
            *trained, [planted.features], subject=f"0{number + 1}", ids=planted.test
        )
        r_universal.append(correlation(predicted, truth_of(planted, number)))
        r_ridge.append(correlation(ridge.predict(flat[~train]), truth_of(planted, number)))
    assert np.median(r_universal) > 0.8
    assert np.median(r_universal) > np.median(r_ridge) + 0.2


def test_predictions_are_in_response_units(planted, trained):
    predicted = predicted_responses(*trained, [planted.features], subject="01", ids=planted.train)
    measured = Responses.open(planted.responses[0]).averaged(planted.train)
    assert np.allclose(predicted.mean(0), measured.mean(0), atol=0.5)
    assert 1 < np.median(predicted.std(axis=0)) < 2.5  # planted: two units of signal


def test_attention_finds_the_receptive_field(planted, trained):
    encoder = read_encoder(trained[0])
    table = torch.from_numpy(Embeddings.open(trained[1]).values("01"))
    tokens = torch.from_numpy(Features.open(planted.features).tokens(planted.train[:50])).float()
    layers = tokens.unbind(1)
    with torch.no_grad():
        fields = encoder.receptive_fields(layers, table)[0].numpy()  # first layer, (v, 25)
    axis = np.linspace(-1, 1, 5)
    x, y = (part.ravel() for part in np.meshgrid(axis, axis))
    centre = np.random.default_rng(10).uniform(-1, 1, (2, 90, 1))[:, :, 0]
    assert np.corrcoef(fields @ x, centre[0])[0, 1] > 0.8
    assert np.corrcoef(fields @ y, centre[1])[0, 1] > 0.8


def test_voxel_batches_do_not_change_predictions(planted, trained):
    encoder = read_encoder(trained[0])
    table = torch.from_numpy(Embeddings.open(trained[1]).values())
    tokens = list(Features.open(planted.features).tokens(planted.test[:8]).swapaxes(0, 1))
    whole = predict(encoder, table, tokens, voxels=1000)
    assert np.allclose(predict(encoder, table, tokens, voxels=7), whole, atol=1e-5)
    order = torch.randperm(len(table), generator=torch.Generator().manual_seed(0))
    assert np.allclose(predict(encoder, table[order], tokens), whole[:, order.numpy()], atol=1e-5)


@pytest.fixture(scope="module")
def adapted(planted, trained):
    before = sha256(trained[0]), sha256(trained[1])
    out = planted.folder / "adapted.h5"
    adapt_universal(
        planted.responses[2], [planted.features], planted.splits, *trained, out,
        voxels=90, embedding_rate=5e-2,
    )  # fmt: skip
    assert (sha256(trained[0]), sha256(trained[1])) == before
    return out


def test_adaptation_learns_the_new_subject(planted, trained, adapted):
    predicted = predicted_responses(
        trained[0], adapted, [planted.features], subject="03", ids=planted.test
    )
    assert np.median(correlation(predicted, truth_of(planted, 2))) > 0.75


def test_adaptation_leaves_the_network_alone(planted, trained, adapted, monkeypatch):
    from brainvis.encoding import universal_stage

    networks = []
    learn = universal_stage.learn

    def watched(learning, *arguments, **settings):
        before = {k: v.clone() for k, v in learning.encoder.state_dict().items()}
        table = learning.embeddings.detach().clone()
        learned = learn(learning, *arguments, **settings)
        networks.append((before, learned.encoder.state_dict()))
        assert not torch.equal(table, learned.embeddings)
        return learned

    monkeypatch.setattr(universal_stage, "learn", watched)
    adapt_universal(
        planted.responses[2], [planted.features], planted.splits, *trained,
        planted.folder / "again.h5", initial="random", epochs=3, voxels=90, embedding_rate=5e-2,
    )  # fmt: skip
    before, after = networks[0]
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_few_images_suffice_to_adapt(planted, trained):
    out = planted.folder / "few.h5"
    adapt_universal(
        planted.responses[2], [planted.features], planted.splits, *trained, out, images=60,
        voxels=90, embedding_rate=2e-2,
    )  # fmt: skip
    predicted = predicted_responses(
        trained[0], out, [planted.features], subject="03", ids=planted.test
    )
    assert np.median(correlation(predicted, truth_of(planted, 2))) > 0.6
