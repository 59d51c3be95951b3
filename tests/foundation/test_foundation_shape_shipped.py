"""The shipped shape prior on objects of the world that were rendered just now."""

import json
import time

import numpy as np
import pytest

from brainvis.artifacts.files import sha256
from brainvis.containers import Stimuli
from brainvis.features.open_clip_model import OpenClip
from brainvis.features.pixels import Pixels
from brainvis.objects3d.registry import open_object_generator
from brainvis.objects3d.solids import filled
from brainvis.objects3d.truth import azimuths, true_shape
from brainvis.stimuli.world import write_world


@pytest.fixture(scope="module")
def folder(repository):
    return repository / "data" / "foundation" / "shape"


@pytest.fixture(scope="module")
def prior(folder):
    return open_object_generator(folder, device="cpu")


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """Images, true shapes and their grids, of a namespace that no model was trained on."""
    made = tmp_path_factory.mktemp("world")
    write_world(
        made / "world.h5", count=6, size=64, seed=11, namespace="test", clips=False, workers=1,
        meshes=made / "meshes",
    )  # fmt: skip
    source = Stimuli.open(made / "world.h5")
    shapes = [
        true_shape(made / "meshes", str(one), float(turn))
        for one, turn in zip(source.ids, azimuths(source), strict=True)
    ]
    return source.images(), shapes, [filled(one) >= 0.5 for one in shapes]


def overlaps(meshes, grids):
    made = [filled(one) >= 0.5 for one in meshes]
    return np.array([(a & b).sum() / (a | b).sum() for a, b in zip(made, grids, strict=True)])


def test_the_card_describes_the_files_beside_it(folder):
    card = json.loads((folder / "model_card.json").read_text())
    for entry in card["weights"]:
        assert sha256(folder / entry["file"]) == entry["sha256"], entry
    assert card["data"]["namespace"] == "shapes"
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 12e6


def test_shapes_come_back_and_look_like_themselves(prior, seen):
    _, shapes, grids = seen
    started = time.process_time()
    made = prior.decode(prior.encode(shapes))
    assert (time.process_time() - started) / len(made) < 2
    mean = prior.decode(np.zeros((1, prior.latent), np.float32)) * len(grids)
    found = overlaps(made, grids)
    assert found.mean() > overlaps(mean, grids).mean() + 0.2
    for one in made:
        assert one.to_trimesh().is_watertight and one.to_trimesh().volume > 0


def test_tokens_give_their_own_objects(prior, folder, seen):
    images, _, grids = seen
    clip = OpenClip(folder.parent / "image_text", (-1,), device="cpu")
    described = json.loads((folder / "generator.json").read_text())
    assert clip.name == described["condition"]["model"]
    tokens, low = clip.extract(images)[1], Pixels(8).extract(images)[0]
    made = prior.generate(tokens, np.arange(len(images)), low)
    own = overlaps(made, grids).mean()
    others = overlaps(made, grids[1:] + grids[:1]).mean()
    assert own > 2 * others
