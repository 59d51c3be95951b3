"""open_clip checkpoints from local folders: what they give, and what is refused."""

import json

import numpy as np
import pytest

from brainvis.errors import BrainvisError
from brainvis.features.open_clip_model import CONFIG, WEIGHTS, OpenClip

IMAGES = np.random.default_rng(2).random((3, 32, 32, 3), dtype=np.float32)


def test_agrees_with_open_clips_own_loader(open_clip_folder):
    import open_clip
    import torch

    theirs = open_clip.create_model(f"local-dir:{open_clip_folder}").eval()
    extractor = OpenClip(open_clip_folder)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in extractor.normalisation)
    batch = (torch.from_numpy(IMAGES).permute(0, 3, 1, 2) - mean) / std
    with torch.inference_mode():
        expected = theirs.encode_image(batch, normalize=True).numpy()
        words = theirs.encode_text(open_clip.tokenize(["a cup"], 12), normalize=True).numpy()
    np.testing.assert_allclose(extractor.extract(IMAGES)[0], expected, atol=1e-5)
    np.testing.assert_allclose(extractor.encode_text(["a cup"]), words, atol=1e-5)


def test_tokens_are_patches_without_the_class_token(open_clip_folder):
    import torch

    extractor = OpenClip(open_clip_folder)
    _, tokens = extractor.extract(IMAGES)
    assert tokens.shape == (3, 16, 32)  # 4 x 4 patches of 8 pixels
    visual = extractor.model.visual
    visual.output_tokens = True
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in extractor.normalisation)
    with torch.inference_mode():
        _, theirs = visual((torch.from_numpy(IMAGES).permute(0, 3, 1, 2) - mean) / std)
    np.testing.assert_allclose(tokens.astype(float), theirs.numpy(), atol=5e-3)


def test_layers_are_stacked_in_order(open_clip_folder):
    _, last = OpenClip(open_clip_folder).extract(IMAGES)
    _, several = OpenClip(open_clip_folder, layers=[-1, 0]).extract(IMAGES)
    assert several.shape == (3, 2, 16, 32)
    np.testing.assert_array_equal(several[:, 1], last)
    assert OpenClip(open_clip_folder, layers=[]).extract(IMAGES)[1] is None
    with pytest.raises(BrainvisError, match=r"layers: .*0 to 2.*found \[3\]"):
        OpenClip(open_clip_folder, layers=[3])


def test_text_and_image_share_a_space(open_clip_folder):
    extractor = OpenClip(open_clip_folder)
    words = extractor.encode_text(["a red house", "a cup", "a red house"], batch=2)
    assert words.shape == (3, 16) and words.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(words, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(words[0], words[2], atol=1e-6)
    pooled, _ = extractor.extract(IMAGES)
    np.testing.assert_allclose(np.linalg.norm(pooled, axis=1), 1, atol=1e-5)


def test_custom_text_towers_load(tmp_path, make_open_clip, architecture):
    from open_clip import CustomTextCLIP
    from safetensors.torch import save_file

    folder = make_open_clip(tmp_path / "custom", architecture)
    (folder / CONFIG).write_text(json.dumps({"model_cfg": {**architecture, "custom_text": True}}))
    weights = {k: v.contiguous() for k, v in CustomTextCLIP(**architecture).state_dict().items()}
    save_file(weights, folder / WEIGHTS)
    extractor = OpenClip(folder)
    assert extractor.extract(IMAGES)[1].shape == (3, 16, 32)
    assert extractor.encode_text(["a cup"]).shape == (1, 16)


def test_wide_images_are_cropped_at_the_centre(open_clip_folder):
    extractor = OpenClip(open_clip_folder)
    wide = np.random.default_rng(3).random((1, 32, 64, 3), dtype=np.float32)
    np.testing.assert_allclose(
        extractor.extract(wide)[0], extractor.extract(wide[:, :, 16:48])[0], atol=1e-6
    )


def test_mismatching_architecture_names_the_first_tensors(tmp_path, make_open_clip, architecture):
    other = {**architecture, "vision_cfg": {**architecture["vision_cfg"], "width": 48}}
    folder = make_open_clip(tmp_path / "model", architecture, weights_of=other)
    with pytest.raises(BrainvisError) as caught:
        OpenClip(folder)
    message = str(caught.value)
    assert "visual.class_embedding is (48,) instead of (32,)" in message
    assert message.count("instead of") == 3 and "more" in message and "\n" not in message


def test_missing_and_surplus_layers_are_named(tmp_path, make_open_clip, architecture):
    deeper = {**architecture, "vision_cfg": {**architecture["vision_cfg"], "layers": 4}}
    folder = make_open_clip(tmp_path / "surplus", architecture, weights_of=deeper)
    with pytest.raises(BrainvisError, match=r"resblocks\.3\.\S+ is not in the model"):
        OpenClip(folder)
    folder = make_open_clip(tmp_path / "missing", deeper, weights_of=architecture)
    with pytest.raises(BrainvisError, match=r"resblocks\.3\.\S+ is missing"):
        OpenClip(folder)


@pytest.mark.parametrize("name", ["open_clip_pytorch_model.bin", "epoch_1.pt"])
def test_pickled_weights_are_refused_unread(tmp_path, make_open_clip, name):
    folder = make_open_clip(tmp_path / "model")
    (folder / WEIGHTS).unlink()
    (folder / name).write_bytes(b"\x80\x04\x8c\x05posix\x94.")
    with pytest.raises(BrainvisError, match=rf"pickled.*found {name}.*save_file"):
        OpenClip(folder)


def test_damaged_and_missing_files_are_refused(tmp_path, make_open_clip):
    with pytest.raises(BrainvisError, match=r"no such checkpoint folder.*nothing is downloaded"):
        OpenClip(tmp_path / "nowhere")
    folder = make_open_clip(tmp_path / "model")
    whole = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BrainvisError, match="truncated or damaged"):
        OpenClip(folder)
    (folder / CONFIG).write_text("{")
    with pytest.raises(BrainvisError, match=r"open_clip_config\.json: is not JSON"):
        OpenClip(folder)
    (folder / CONFIG).write_text("{}")
    with pytest.raises(BrainvisError, match="model_cfg: has no architecture"):
        OpenClip(folder)
    (folder / CONFIG).unlink()
    with pytest.raises(BrainvisError, match="no such file"):
        OpenClip(folder)
    (folder / WEIGHTS).unlink()
    with pytest.raises(BrainvisError, match="has no weights"):
        OpenClip(folder)


def test_nothing_is_downloaded_for_text(tmp_path, make_open_clip, architecture):
    folder = make_open_clip(tmp_path / "model")
    remote = {**architecture, "text_cfg": {**architecture["text_cfg"], "hf_tokenizer_name": "a/b"}}
    (folder / CONFIG).write_text(json.dumps({"model_cfg": remote}))
    extractor = OpenClip(folder)
    with pytest.raises(BrainvisError, match="tokenizer would be downloaded"):
        extractor.encode_text(["a cup"])
    remote["text_cfg"]["hf_model_name"] = "a/b"
    (folder / CONFIG).write_text(json.dumps({"model_cfg": remote}))
    with pytest.raises(BrainvisError, match="text tower would be downloaded"):
        OpenClip(folder)


def test_impossible_architecture_is_one_error(tmp_path, make_open_clip, architecture):
    folder = make_open_clip(tmp_path / "model")
    architecture["vision_cfg"]["pool_type"] = "best"
    (folder / CONFIG).write_text(json.dumps({"model_cfg": architecture}))
    with pytest.raises(BrainvisError, match="not an architecture that open_clip can build"):
        OpenClip(folder)


def test_tokenizer_must_fit_the_text_tower(tmp_path, make_open_clip, architecture):
    architecture["text_cfg"]["vocab_size"] = 1000
    extractor = OpenClip(make_open_clip(tmp_path / "model", architecture))
    with pytest.raises(BrainvisError, match=r"1000 token embeddings.*found 49408"):
        extractor.encode_text(["a cup"])
