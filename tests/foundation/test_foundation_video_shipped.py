"""The shipped video network: complete, small, and opened unchanged by the feature space."""

import hashlib
import json

import numpy as np

from brainvis.features.registry import make_extractor


def test_the_shipped_network_is_whole_small_and_told_apart_by_motion(repository):
    folder = repository / "data/foundation/video"
    card = json.loads((folder / "model_card.json").read_text())
    weights = folder / card["weights"]["file"]
    assert weights.stat().st_size == card["weights"]["bytes"] < 4_000_000
    assert hashlib.sha256(weights.read_bytes()).hexdigest() == card["weights"]["sha256"]
    assert card["data"]["namespace"] == "film" and card["held_out"]["masked_pixels_explained"] > 0
    extractor = make_extractor("transformers", folder=folder, layers=[-1], device="cpu")
    assert (extractor.source, extractor.size) == ("clips", 64)
    image = np.random.default_rng(0).random((64, 64, 3), dtype=np.float32)
    still = np.repeat(image[None], 16, axis=0)
    moving = np.stack([np.roll(image, step, axis=1) for step in range(16)])
    pooled, _ = extractor.extract(np.stack([still, moving]))
    assert np.linalg.norm(pooled[0] - pooled[1]) > 0.01 * np.linalg.norm(pooled[0])
