"""Planted data and an encoder trained on them, made once."""

import pytest
from planted_voxels import SETTINGS, Planted, make_world


@pytest.fixture(scope="session")
def planted(tmp_path_factory) -> Planted:
    return make_world(tmp_path_factory.mktemp("planted"))


@pytest.fixture(scope="session")
def trained(planted):
    """Encoder folder and embeddings of the first two subjects."""
    from brainvis.encoding.universal_stage import train_universal

    encoder, embeddings = planted.folder / "encoder", planted.folder / "embeddings.h5"
    train_universal(
        planted.responses[:2], [planted.features], planted.splits, encoder, embeddings, **SETTINGS
    )
    return encoder, embeddings
