"""Lesions change what they should and nothing else; planted signs are found."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainvis.errors import BrainvisError
from brainvis.objects3d.diagnosis import NONE, diagnosed, looks, mean_colors, nearest_category
from brainvis.objects3d.lesions import KINDS, lesioned, region_voxels, rest_level, size_matched
from brainvis.objects3d.mesh import ColoredMesh, empty_mesh
from brainvis.objects3d.two_streams import TwoStreams

VOXELS = pd.DataFrame(
    {"roi": ["V1", "V1", "V1", "hV4", "hV4", "LOC", "LOC", ""], "x": [-3, 2, 5, -1, 1, -9, 9, 0.0]}
)
REGIONS = ["V1", "hV4", "LOC"]


def responses(rows=6, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, len(VOXELS))).astype(np.float32)


@given(kind=st.sampled_from(KINDS), seed=st.integers(0, 50), kept=st.floats(0, 1))
def test_other_regions_stay_as_they_are(kind, seed, kept):
    z, inside = responses(seed=seed), region_voxels(VOXELS, "V1")
    before = z.copy()
    changed = lesioned(z, inside, kind, kept=kept, seed=seed)
    assert (z == before).all()
    assert (changed[:, ~inside] == z[:, ~inside]).all()
    if kind == "silence":
        assert (changed[:, inside] == 0).all()
    elif kind == "attenuate":
        np.testing.assert_allclose(changed[:, inside], kept * z[:, inside], atol=1e-6)
    else:
        assert (np.sort(changed[:, inside], axis=1) == np.sort(z[:, inside], axis=1)).all()
    assert (changed == lesioned(z, inside, kind, kept=kept, seed=seed)).all()
    alone = lesioned(z[2:3], inside, kind, kept=kept, seed=seed)
    assert (alone == changed[2:3]).all()


def test_silence_is_a_beta_of_zero_in_z_scores():
    betas = 2 + 3 * responses(50)
    betas[:, 4] = 7
    level = rest_level(betas)
    z = (betas - betas.mean(axis=0)) / np.where(betas.std(axis=0) > 0, betas.std(axis=0), 1)
    changed = lesioned(z, region_voxels(VOXELS, "hV4"), "attenuate", level=level, kept=0.25)
    none = lesioned(z, region_voxels(VOXELS, "hV4"), "silence", level=level)
    assert level[4] == 0
    np.testing.assert_allclose(none[:, 3] * betas[:, 3].std() + betas[:, 3].mean(), 0, atol=1e-4)
    back = changed[:, 3] * betas[:, 3].std() + betas[:, 3].mean()
    np.testing.assert_allclose(back, 0.25 * betas[:, 3], atol=1e-4)


def test_hemispheres_share_a_region():
    sides = [region_voxels(VOXELS, f"{side} V1") for side in ("left", "right")]
    assert sides[0].sum() == 1
    assert ((sides[0] | sides[1]) == region_voxels(VOXELS, "V1")).all()


def test_smaller_regions_stand_beside_as_many_voxels_of_the_reference():
    places = {region: region_voxels(VOXELS, region) for region in REGIONS}
    drawn = size_matched(places, "V1", seed=4)
    assert list(drawn) == ["hV4", "LOC"]
    for region, inside in drawn.items():
        assert inside.sum() == places[region].sum() and not (inside & ~places["V1"]).any()
    again = size_matched(places, "V1", seed=4)
    assert all((again[region] == drawn[region]).all() for region in drawn)
    others = {tuple(size_matched(places, "V1", seed=seed)["hV4"]) for seed in range(20)}
    assert len(others) > 1
    assert size_matched({"LOC": places["LOC"]}, "V1") == {}


@pytest.mark.parametrize("region", ["V9", "left V9", "upper V1"])
def test_a_region_without_voxels_is_one_clear_error(region):
    with pytest.raises(BrainvisError, match="regions"):
        region_voxels(VOXELS, region)


def test_hemispheres_need_places():
    with pytest.raises(BrainvisError, match="hemispheres"):
        region_voxels(VOXELS.drop(columns="x"), "left V1")


@pytest.mark.parametrize("voxels", [np.ones(3, bool), np.ones(len(VOXELS), bool)])
def test_wrong_lesions_are_refused(voxels):
    with pytest.raises(BrainvisError, match="kind"):
        lesioned(responses(), voxels, "remove")


def planted(objects=30, strength=3.0, seed=0):
    """Pictures that differ a lot between objects, and by a pattern of each region."""
    rng = np.random.default_rng(seed)
    own = rng.normal(size=(1, objects, 40))
    return own + strength * rng.normal(size=(len(REGIONS), 1, 40))


def test_planted_signs_are_named_and_no_signs_are_at_chance():
    present = np.ones((3, 30), bool)
    named = diagnosed(planted(), present, REGIONS, folds=5, seed=0)
    assert (named == np.array(REGIONS)[:, None]).mean() > 0.95
    again = diagnosed(planted(), present, REGIONS, folds=5, seed=0)
    assert (again == named).all()
    nothing = diagnosed(planted(strength=0.0), present, REGIONS, folds=5, seed=0)
    assert (nothing == np.array(REGIONS)[:, None]).mean() == pytest.approx(1 / 3, abs=0.1)


def test_an_object_is_never_told_from_itself():
    """Signs of single objects, the same in no two of them, help no one."""
    rng = np.random.default_rng(1)
    pictures = rng.normal(size=(3, 40, 60))
    named = diagnosed(pictures, np.ones((3, 40), bool), REGIONS, folds=4, seed=0)
    assert (named == np.array(REGIONS)[:, None]).mean() < 0.5


def test_empty_objects_are_kept_and_named_empty():
    present = np.ones((3, 30), bool)
    present[1, [4, 7]] = False
    named = diagnosed(planted(), present, REGIONS, folds=5, seed=0)
    assert (named[1, [4, 7]] == NONE).all() and (named == NONE).sum() == 2


def ball(color, scale=1.0):
    corners = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0], [0, 0, -1.0]])
    faces = [[0, i, i % 4 + 1] for i in range(1, 5)] + [[5, i % 4 + 1, i] for i in range(1, 5)]
    colors = np.full((6, 3), color, np.uint8)
    return ColoredMesh((corners * scale / 2).astype(np.float32), np.array(faces), colors)


def test_looks_show_color_and_emptiness():
    pictures = looks([ball((200, 20, 20)), empty_mesh()])
    assert pictures.shape == (2, 4, 24, 24, 3) and (pictures[1] == 1).all()
    assert pictures[0, ..., 0].mean() > pictures[0, ..., 1].mean()
    shades = mean_colors([ball((200, 20, 20)), empty_mesh()])
    assert shades[0, 1] > 40 and np.isnan(shades[1]).all()


def test_nearest_category_by_mean_picture():
    known = looks([ball((200, 20, 20)), ball((180, 20, 20)), ball((20, 20, 200), 0.4)])
    found = nearest_category(
        looks([ball((190, 30, 30)), ball((20, 30, 180), 0.4)]), known, np.array(["a", "a", "b"])
    )
    assert list(found) == ["a", "b"]


def test_two_streams_read_their_own_regions():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, len(VOXELS)))
    colors, vectors = 0.5 + 0.1 * x[:, [0, 3]], x[:, [5, 6]]
    learned = TwoStreams.fit(x, vectors, colors, VOXELS)
    z = learned.scaled(rng.normal(size=(10, len(VOXELS))))
    start = learned.predict(z)
    early = learned.predict(lesioned(z, region_voxels(VOXELS, "V1"), "silence"))
    late = learned.predict(lesioned(z, region_voxels(VOXELS, "LOC"), "silence"))
    assert (early[0] == start[0]).all() and np.abs(early[1] - start[1]).max() > 0.05
    assert (late[1] == start[1]).all() and np.abs(late[0] - start[0]).max() > 0.5


def test_two_streams_need_both_sides():
    with pytest.raises(BrainvisError, match="other regions"):
        TwoStreams.fit(responses(), np.ones((6, 2)), np.ones((6, 2)), VOXELS.assign(roi="V1"))
