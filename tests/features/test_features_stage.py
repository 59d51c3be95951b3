"""The stage streams, keeps identifiers, and says where its numbers come from."""

import json

import numpy as np
import pytest

from brainvis.containers import Features, Stimuli, write_reconstructions, write_stimuli
from brainvis.errors import BrainvisError
from brainvis.features.registry import make_extractor
from brainvis.features.stage import write_features, write_image_features


def test_streaming_equals_one_shot(tmp_path, stimuli_file, open_clip_folder):
    out = tmp_path / "features.h5"
    write_features(
        stimuli_file, out, space="clip", kind="open-clip", batch=3, folder=str(open_clip_folder)
    )
    made, source = Features.open(out), Stimuli.open(stimuli_file)
    assert made.ids.tolist() == source.ids.tolist()
    extractor = make_extractor("open-clip", folder=open_clip_folder)
    pooled, tokens = extractor.extract(source.images())
    np.testing.assert_allclose(made.pooled(), pooled, atol=1e-5)
    np.testing.assert_allclose(made.tokens().astype(float), tokens.astype(float), atol=5e-3)
    assert made.pooled().dtype == np.float32 and made.tokens().dtype == np.float16
    assert made.space == "clip" and made.attributes["kind"] == "simulated"
    assert made.attributes["dataset"] == "placeholder"
    assert made.attributes["model"] == extractor.name and "@" in extractor.name
    assert made.attributes["input_size"] == 32
    # a path would tie the file to one machine
    assert json.loads(made.attributes["settings"]) == {"folder": open_clip_folder.name}


def test_clips_are_read_with_their_frame_rate(tmp_path, stimuli_file):
    out = tmp_path / "motion.h5"
    write_features(stimuli_file, out, space="motion", kind="motion-energy", batch=2, size=16)
    made = Features.open(out)
    clips = Stimuli.open(stimuli_file).read("clips").astype(np.float32) / 255
    expected, _ = make_extractor("motion-energy", fps=8, size=16).extract(clips)
    np.testing.assert_allclose(made.pooled(), expected, atol=1e-5)
    assert made.attributes["source"] == "clips"
    with pytest.raises(BrainvisError, match="tokens: dataset is missing"):
        made.tokens()


def test_reconstructions_take_the_same_path(tmp_path, stimuli_file, open_clip_folder):
    source = Stimuli.open(stimuli_file)
    rows = [4, 0, 2]
    made = tmp_path / "images.h5"
    write_reconstructions(
        made, source.ids[rows], source.images(rows), np.zeros(3), method="copy", subject="01",
        split="main", dataset="placeholder", kind="simulated",
    )  # fmt: skip
    settings = {"space": "clip", "kind": "open-clip", "folder": str(open_clip_folder)}
    write_image_features(made, tmp_path / "made.h5", batch=2, **settings)
    write_features(stimuli_file, tmp_path / "seen.h5", **settings)
    copied, seen = Features.open(tmp_path / "made.h5"), Features.open(tmp_path / "seen.h5")
    np.testing.assert_allclose(copied.pooled(), seen.pooled(source.ids[rows]), atol=1e-5)
    assert copied.attributes["method"] == "copy" and copied.attributes["subject"] == "01"
    with pytest.raises(BrainvisError, match="'motion-energy' features need clips"):
        write_image_features(made, tmp_path / "x.h5", space="m", kind="motion-energy", fps=8)


def test_missing_clips_are_one_error(tmp_path, stimuli_file):
    source = Stimuli.open(stimuli_file)
    still = tmp_path / "still.h5"
    images = source.read("images")
    write_stimuli(still, images, source.table, dataset="placeholder", kind="simulated")
    with pytest.raises(BrainvisError, match="clips: dataset is missing"):
        write_features(still, tmp_path / "x.h5", space="m", kind="motion-energy", fps=8)
    with pytest.raises(BrainvisError, match="fps: missing setting"):
        write_features(still, tmp_path / "x.h5", space="m", kind="motion-energy")
    with pytest.raises(BrainvisError, match="batch of at least one"):
        write_features(still, tmp_path / "x.h5", space="p", kind="pixels", batch=0)
