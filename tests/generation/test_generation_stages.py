"""From files of decoded vectors to files of images; all data here are simulated."""

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional

from brainvis.containers import (
    Reconstructions,
    write_features,
    write_reconstructions,
    write_responses,
)
from brainvis.datasets.splits import Fold
from brainvis.errors import BrainvisError
from brainvis.generation.batches import fold_numbers, image_seeds
from brainvis.generation.low_level import invert_features
from brainvis.generation.selection_stage import select_images
from brainvis.generation.stage import generate_images

IDS = np.array([f"stimulus{i}" for i in range(5)])
TRAIN = [f"training{i}" for i in range(6)]
SPLIT = [Fold(TRAIN, list(IDS[:3])), Fold(TRAIN, list(IDS[3:]))]
OF = {"subject": "01", "split": "main", "dataset": "toy", "kind": "simulated"}


@pytest.fixture
def decoded(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "decoded.h5"
    write_features(
        path,
        IDS,
        rng.standard_normal((5, 24)),
        rng.standard_normal((5, 5, 24)),
        space="image-text",
        method="tokens",
        **OF,
    )
    return path


@pytest.fixture
def start(tmp_path):
    """The low-level branch, in another order than the decoded tokens."""
    images = np.random.default_rng(1).random((5, 24, 24, 3))
    path = tmp_path / "start.h5"
    write_reconstructions(
        path, IDS[::-1], images[::-1], np.array([1, 1, 0, 0, 0]), method="low", **OF
    )
    return path


def images_of(path):
    return Reconstructions.open(path).images()


@pytest.mark.parametrize("name", ["stable-diffusion", "kandinsky", "unclip"])
def test_decoded_vectors_become_reconstructions(name, decoded, start, folders, tmp_path):
    for given in (start, None):
        generate_images(decoded, folders[name], SPLIT, tmp_path / "out.h5", start=given)
        made = Reconstructions.open(tmp_path / "out.h5")
        assert made.ids.tolist() == IDS.tolist() and made.folds().tolist() == [0, 0, 0, 1, 1]
        assert {key: made.attributes[key] for key in OF} == OF
        assert made.attributes["method"] == "tokens"
        assert made.attributes["start"] == ("low" if given else "")
        assert made.attributes["generator"].split("@")[0] == folders[name].name
        assert made.attributes["strength"] == 0.5 and made.attributes["steps"] == 4
        assert made.images().shape == (5, 16, 16, 3)
        assert made.images().min() >= 0 and made.images().max() <= 1


def test_batches_do_not_change_images_and_samples_differ(decoded, start, folders, tmp_path):
    def made(**settings):
        generate_images(
            decoded, folders["unclip"], SPLIT, tmp_path / "out.h5", start=start, **settings
        )
        return images_of(tmp_path / "out.h5")

    whole = made()
    np.testing.assert_allclose(made(batch=2), whole, atol=2e-5)
    assert np.abs(made(sample=1) - whole).mean() > 1e-3
    assert np.abs(made(seed=1) - whole).mean() > 1e-3
    assert np.abs(made(strength=1.0) - whole).mean() > 1e-3
    assert np.abs(made(steps=8) - whole).mean() > 1e-5
    assert np.abs(made(guidance=1.0) - whole).mean() > 1e-5


def test_every_stimulus_starts_from_its_own_image(decoded, start, folders, tmp_path):
    generate_images(
        decoded, folders["unclip"], SPLIT, tmp_path / "a.h5", start=start, strength=0, name="low-ae"
    )
    ordered = Reconstructions.open(start).images()[::-1]
    write_reconstructions(tmp_path / "b.h5", IDS, ordered, np.zeros(5), method="low", **OF)
    generate_images(
        decoded, folders["unclip"], SPLIT, tmp_path / "c.h5", start=tmp_path / "b.h5", strength=0
    )
    np.testing.assert_array_equal(images_of(tmp_path / "a.h5"), images_of(tmp_path / "c.h5"))
    assert Reconstructions.open(tmp_path / "a.h5").attributes["method"] == "low-ae"


def test_files_that_do_not_belong_together_are_refused(decoded, start, folders, tmp_path):
    folder, out = folders["unclip"], tmp_path / "out.h5"
    with pytest.raises(BrainvisError, match=r"decoded.h5: ids: .*'stimulus3', which no fold tests"):
        generate_images(decoded, folder, SPLIT[:1], out)
    with h5py.File(start, "a") as file:
        file.attrs["subject"] = "02"
    with pytest.raises(BrainvisError, match=r"start.h5: subject: belongs to another subject"):
        generate_images(decoded, folder, SPLIT, out, start=start)
    write_reconstructions(start, IDS[:4], np.zeros((4, 8, 8, 3)), np.zeros(4), method="low", **OF)
    with pytest.raises(BrainvisError, match=r"start.h5: .*lacks 1 of 5.*stimulus4"):
        generate_images(decoded, folder, SPLIT, out, start=start)
    with h5py.File(decoded, "a") as file:
        file.attrs["space"] = "pixels"
    with pytest.raises(BrainvisError, match=r"space: holds another feature space.*'pixels'"):
        generate_images(decoded, folder, SPLIT, out)


def test_settings_and_missing_tokens_are_refused(decoded, folders, tmp_path):
    folder, out = folders["unclip"], tmp_path / "out.h5"
    for setting in ({"batch": 0}, {"sample": -1}, {"strength": -0.1}, {"steps": 0}):
        with pytest.raises(BrainvisError, match=f"{next(iter(setting))}: is out of range"):
            generate_images(decoded, folder, SPLIT, out, **setting)
    pooled = tmp_path / "pooled.h5"
    write_features(pooled, IDS, np.zeros((5, 24)), space="image-text", method="m", **OF)
    with pytest.raises(BrainvisError, match=r"pooled.h5: tokens: dataset is missing"):
        generate_images(pooled, folder, SPLIT, out)
    write_features(pooled, IDS, np.zeros((5, 23)), space="image-text", method="m", **OF)
    with pytest.raises(BrainvisError, match="1 tokens of width 24"):
        generate_images(pooled, folders["kandinsky"], SPLIT, out)
    with pytest.raises(BrainvisError, match="no stimulus"):
        fold_numbers(np.array([]), SPLIT, pooled)


def test_seeds_belong_to_stimuli():
    seeds = image_seeds(IDS, 0)
    assert len(set(seeds.tolist())) == 5
    np.testing.assert_array_equal(image_seeds(IDS[::-1], 0), seeds[::-1])
    assert not set(seeds.tolist()) & set(image_seeds(IDS, 0, sample=1).tolist())


def layers(images):
    return [images[:, :2], functional.avg_pool2d(images, 2)]


def test_decoded_layers_become_coarse_images(tmp_path):
    rng = np.random.default_rng(0)
    coarse = np.repeat(np.repeat(rng.random((5, 4, 4, 3)), 4, axis=1), 4, axis=2)
    with torch.no_grad():
        given = layers(torch.from_numpy(coarse).permute(0, 3, 1, 2))
    joined = np.concatenate([one.reshape(5, -1) for one in given], axis=1)
    write_features(tmp_path / "f.h5", IDS, joined, space="visual", method="ridge", **OF)
    settings = {"size": 16, "channels": 8, "iterations": 40, "rate": 0.02, "decay": 0.8}
    invert_features(tmp_path / "f.h5", layers, SPLIT, tmp_path / "out.h5", **settings)
    made = Reconstructions.open(tmp_path / "out.h5")
    assert made.attributes["method"] == "ridge" and made.folds().tolist() == [0, 0, 0, 1, 1]
    likeness = np.corrcoef(made.images().reshape(5, -1), coarse.reshape(5, -1))[:5, 5:]
    assert (likeness.argmax(axis=1) == np.arange(5)).all() and likeness.diagonal().min() > 0.5
    with pytest.raises(BrainvisError, match=r"f\.h5: pooled: .*joined to 1584 numbers"):
        settings["size"] = 24
        invert_features(tmp_path / "f.h5", layers, SPLIT, tmp_path / "out.h5", **settings)


@pytest.fixture
def brain(tmp_path):
    """Measured responses, three samples, and what an encoder predicts to each of them."""
    rng = np.random.default_rng(5)
    voxels = pd.DataFrame({"i": range(30), "j": 0, "k": 0, "roi": "", "noise_ceiling": 0.5})
    voxels.loc[20:, "noise_ceiling"] = [0.0, np.nan] * 5
    everything = [*TRAIN, *IDS]
    betas = rng.standard_normal((len(everything), 30)) + 10 * np.arange(30)

    def write(name, values, ids):
        trials = pd.DataFrame({"stimulus_id": ids, "run": 0, "repeat": 0})
        write_responses(tmp_path / name, values, trials, voxels, subject="01", kind="simulated")
        return tmp_path / name

    right = np.array([2, 0, 1, 1, 2])
    samples, predicted = [], []
    for k in range(3):
        values = rng.standard_normal((5, 30)) + 10 * np.arange(30)
        values[right == k, :20] = betas[len(TRAIN) :][right == k, :20]
        predicted.append(write(f"predicted{k}.h5", values, IDS))
        samples.append(tmp_path / f"sample{k}.h5")
        write_reconstructions(
            samples[-1], IDS, np.full((5, 4, 4, 3), k / 4), np.array([0, 0, 0, 1, 1]), **OF
        )
    return samples, predicted, write("measured.h5", betas, everything), right


def test_the_sample_that_the_brain_favours_is_kept(brain, tmp_path):
    samples, predicted, measured, right = brain
    select_images(samples, predicted, measured, SPLIT, tmp_path / "out.h5", name="best")
    made = Reconstructions.open(tmp_path / "out.h5")
    np.testing.assert_allclose(made.images()[:, 0, 0, 0], right / 4)
    assert made.attributes["method"] == "best" and made.attributes["samples"] == 3
    with h5py.File(tmp_path / "out.h5") as file:
        assert file["sample"][:].tolist() == right.tolist()
        np.testing.assert_allclose(file["scores"][:][right, np.arange(5)], 1, atol=1e-5)


def test_samples_and_predictions_must_belong_together(brain, tmp_path):
    samples, predicted, measured, _ = brain
    out = tmp_path / "out.h5"
    with pytest.raises(BrainvisError, match="2 for 3 samples"):
        select_images(samples, predicted[:2], measured, SPLIT, out)
    with pytest.raises(BrainvisError, match="no fold tests"):
        select_images(samples, predicted, measured, SPLIT[:1], out)
    with h5py.File(predicted[1], "a") as file:
        file["voxels/i"][3] = 77
    with pytest.raises(BrainvisError, match=r"predicted1.h5: voxels: predicts other voxels"):
        select_images(samples, predicted, measured, SPLIT, out)
    write_reconstructions(samples[2], IDS[:4], np.zeros((4, 4, 4, 3)), np.zeros(4), **OF)
    with pytest.raises(BrainvisError, match=r"sample2.h5: holds other stimuli"):
        select_images(samples, predicted, measured, SPLIT, out)
