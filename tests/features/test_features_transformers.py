"""Networks of the transformers library: token layout, refusals, and real tiny checkpoints."""

import importlib.util
import json
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainvis.errors import BrainvisError
from brainvis.features.registry import make_extractor
from brainvis.features.transformers_model import patch_tokens

IMAGES = np.random.default_rng(4).random((2, 28, 28, 3), dtype=np.float32)
SMALL = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "patch_size": 7}

installed = pytest.mark.skipif(
    importlib.util.find_spec("transformers") is None, reason="the transformers library is missing"
)


@given(prefix=st.integers(0, 5), patches=st.integers(1, 20))
def test_class_and_register_tokens_are_dropped(prefix, patches):
    tokens = np.arange(prefix + patches, dtype=float)[None, :, None]
    kept = patch_tokens(tokens, prefix, patches)
    assert kept[0, :, 0].tolist() == list(range(prefix, prefix + patches))
    with pytest.raises(BrainvisError, match=f"found {prefix + patches}"):
        patch_tokens(tokens, prefix + 1, patches)


def test_refusals_come_before_the_library(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)  # as if it were not installed
    with pytest.raises(BrainvisError, match="no such checkpoint folder"):
        make_extractor("transformers", folder=tmp_path / "nowhere")
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80")
    with pytest.raises(BrainvisError, match=r"pickled.*pytorch_model\.bin"):
        make_extractor("transformers", folder=tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(BrainvisError, match=r"model_type: .*found bert.*dinov2"):
        make_extractor("transformers", folder=tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "dinov2"}))
    with pytest.raises(BrainvisError, match=r"need the transformers library.*pip install"):
        make_extractor("transformers", folder=tmp_path)


def saved(folder, model):
    model.save_pretrained(folder, safe_serialization=True)
    return folder


def dino(**more):
    from transformers import Dinov2Config, Dinov2Model

    return Dinov2Model(Dinov2Config(image_size=28, **SMALL, **more))


@installed
def test_dinov2(tmp_path):
    folder = saved(tmp_path / "dino", dino())
    extractor = make_extractor("transformers", folder=folder, layers=[0, -1])
    pooled, tokens = extractor.extract(IMAGES)
    assert pooled.shape == (2, 16) and tokens.shape == (2, 2, 16, 16)  # 4 x 4 patches
    larger = make_extractor("transformers", folder=folder, size=42)
    assert larger.extract(IMAGES)[1].shape == (2, 36, 16)
    with pytest.raises(BrainvisError, match="multiple of the patch side 7"):
        make_extractor("transformers", folder=folder, size=40)


@installed
def test_register_tokens_of_dinov2_are_dropped(tmp_path):
    import torch
    from transformers import Dinov2WithRegistersConfig, Dinov2WithRegistersModel

    config = Dinov2WithRegistersConfig(image_size=28, num_register_tokens=3, **SMALL)
    extractor = make_extractor(
        "transformers", folder=saved(tmp_path / "dino", Dinov2WithRegistersModel(config))
    )
    _, tokens = extractor.extract(IMAGES)
    with torch.inference_mode():
        whole = extractor.model(extractor._prepared(IMAGES)).last_hidden_state
    assert whole.shape[1] == 1 + 3 + 16
    np.testing.assert_allclose(tokens.astype(float), whole[:, 4:].numpy(), atol=5e-3)


@installed
def test_clip_vision(tmp_path):
    from transformers import CLIPVisionConfig, CLIPVisionModel

    config = CLIPVisionConfig(image_size=28, intermediate_size=32, **SMALL)
    folder = saved(tmp_path / "clip", CLIPVisionModel(config))
    pooled, tokens = make_extractor("transformers", folder=folder).extract(IMAGES)
    assert pooled.shape == (2, 16) and tokens.shape == (2, 16, 16)
    with pytest.raises(BrainvisError, match="must be 28"):
        make_extractor("transformers", folder=folder, size=56)


@installed
def test_videomae_reads_clips(tmp_path):
    from transformers import VideoMAEConfig, VideoMAEModel

    config = VideoMAEConfig(
        image_size=28, num_frames=4, tubelet_size=2, intermediate_size=32, **SMALL
    )
    folder = saved(tmp_path / "mae", VideoMAEModel(config))
    extractor = make_extractor("transformers", folder=folder)
    assert extractor.source == "clips"
    clips = np.random.default_rng(5).random((2, 8, 28, 28, 3), dtype=np.float32)
    pooled, tokens = extractor.extract(clips)
    assert pooled.shape == (2, 16) and tokens.shape == (2, 2 * 16, 16)


@installed
def test_wrong_weights_are_named(tmp_path):
    folder = saved(tmp_path / "dino", dino())
    values = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**values, "num_hidden_layers": 4}))
    with pytest.raises(BrainvisError, match=r"do not fit.*layer\.3\.\S+ is missing"):
        make_extractor("transformers", folder=folder)
    (folder / "config.json").write_text(json.dumps({**values, "hidden_size": 32}))
    with pytest.raises(BrainvisError, match=r"do not fit.*instead of"):
        make_extractor("transformers", folder=folder)
