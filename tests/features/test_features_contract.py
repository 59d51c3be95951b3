"""What holds for every kind of extractor that needs no further library."""

from pathlib import Path

import numpy as np
import pytest

from brainvis.errors import BrainvisError
from brainvis.features.registry import KINDS, make_extractor

SHIPPED = Path(__file__).parents[2] / "data" / "foundation"
SETTINGS = {
    "pixels": {"size": 8},
    "gabor": {"size": 32, "frequencies": [2.0, 4.0], "orientations": 3, "grid": 4},
    "motion-energy": {"fps": 8, "size": 24, "spatial_frequencies": [0.0, 2.0]},
    "open-clip": {"layers": [0, -1]},
    "visual": {"folder": SHIPPED / "visual", "size": 16, "levels": [2, 3, 4]},
    "latents": {"folder": SHIPPED / "generator"},
}
WIDTH = {"pixels": 8 * 8 * 3, "gabor": (2 * 3 + 3) * 16, "open-clip": 16}
WIDTH |= {"visual": 64 * 16 + 96 * 4 + 128, "latents": 4 * 16 * 16}


@pytest.fixture(params=list(SETTINGS))
def extractor(request, open_clip_folder):
    settings = SETTINGS[request.param]
    if request.param == "open-clip":
        settings = {**settings, "folder": str(open_clip_folder)}
    made = make_extractor(request.param, **settings)
    made.expected_width = WIDTH.get(request.param)
    return made


def some(extractor, count=5):
    shape = (count, 8, 40, 40, 3) if extractor.source == "clips" else (count, 40, 40, 3)
    return np.random.default_rng(1).random(shape, dtype=np.float32)


def test_shapes_and_types(extractor):
    pooled, tokens = extractor.extract(some(extractor))
    assert pooled.dtype == np.float32 and pooled.ndim == 2 and len(pooled) == 5
    assert np.isfinite(pooled).all() and pooled.std(axis=0).max() > 0
    if extractor.expected_width:
        assert pooled.shape[1] == extractor.expected_width
    assert tokens is None or (tokens.dtype == np.float16 and len(tokens) == 5)
    assert isinstance(extractor.name, str) and extractor.size > 0


def test_deterministic_and_independent_of_the_batch(extractor):
    images = some(extractor)
    pooled, tokens = extractor.extract(images)
    again, _ = extractor.extract(images)
    np.testing.assert_array_equal(pooled, again)
    single = [extractor.extract(images[row : row + 1]) for row in range(5)]
    np.testing.assert_allclose(np.concatenate([p for p, _ in single]), pooled, atol=2e-5)
    if tokens is not None:
        alone = np.concatenate([t for _, t in single])
        np.testing.assert_allclose(alone.astype(float), tokens.astype(float), atol=5e-3)


def test_input_is_left_as_it_was(extractor):
    images = some(extractor)
    before = images.copy()
    extractor.extract(images)
    np.testing.assert_array_equal(images, before)


def test_registry_names_what_it_refuses():
    with pytest.raises(BrainvisError, match=r"kind: .*found resnet.*pixels"):
        make_extractor("resnet")
    with pytest.raises(BrainvisError, match=r"colour_depth: unknown setting of 'pixels'"):
        make_extractor("pixels", colour_depth=3)
    with pytest.raises(BrainvisError, match=r"folder: missing setting of 'open-clip'"):
        make_extractor("open-clip")
    assert set(SETTINGS) < set(KINDS)


def test_images_come_back_from_latents_and_from_nothing_else():
    latents = make_extractor("latents", folder=SHIPPED / "generator", device="cpu")
    images = np.random.default_rng(2).random((3, 8, 8, 3), dtype=np.float32)
    vectors, _ = latents.extract(images)
    made = latents.images(vectors)
    assert made.shape == (3, 64, 64, 3) and 0 <= made.min() <= made.max() <= 1
    coarse = made.reshape(3, 8, 8, 8, 8, 3).mean(axis=(2, 4))
    assert np.corrcoef(coarse.ravel(), images.ravel())[0, 1] > 0.8
    with pytest.raises(BrainvisError, match=r"pooled: are not latents of .*4x16x16 flattened"):
        latents.images(vectors[:, 1:])
    vectors[0, 0] = np.nan
    with pytest.raises(BrainvisError, match="not finite"):
        latents.images(vectors)


def test_visual_features_refuse_levels_and_sizes_that_are_not():
    with pytest.raises(BrainvisError, match="layers"):
        make_extractor("visual", folder=SHIPPED / "visual", levels=[5])
    with pytest.raises(BrainvisError, match=r"size: is too small for five levels"):
        make_extractor("visual", folder=SHIPPED / "visual", size=8)
