"""Stages that compute features: batch by batch, so that memory does not grow with the images."""

from __future__ import annotations

from collections.abc import Iterator

from brainvis.config import RunConfig
from brainvis.planning.estimate import F2, F4, TORCH, Estimate, resident, stored, table
from brainvis.planning.size import Size
from brainvis.planning.spaces import Space

BATCH = 64
_ID = 11  # bytes of an identifier
_LIBRARIES = {
    "pixels": 0,
    "gabor": 190,
    "motion-energy": 120,
    "open-clip": 230,
    "transformers": 250,
    "visual": 200,
    "latents": 250,
}
_BLOCK_WIDTHS = 14  # numbers a token and channel of a transformer's block


def stages(config: RunConfig, size: Size, spaces: dict[str, Space]) -> Iterator[Estimate]:
    """Features of stimuli, of images that nobody saw, and of reconstructed images."""
    for space in spaces.values():
        yield Estimate(
            "stimulus_features",
            1,
            peak(space, size),
            features_disk(space, size.images),
            space.parameters,
            flops=space.flops * size.images,
        )
    for space in _still(config, spaces) if size.prior else []:
        yield Estimate(
            "prior_features",
            1,
            peak(space, size),
            features_disk(space, size.prior),
            space.parameters,
            flops=space.flops * size.prior,
        )
    methods, splits = len(config.image_methods), len(config.splits)
    for name in config.evaluate.features if methods else []:
        space, jobs = spaces[name], size.subjects * splits
        yield Estimate(
            "image_features",
            jobs,
            peak(space, size),
            jobs * methods * features_disk(space, size.test),
            space.parameters,
            flops=space.flops * jobs * methods * size.test,
        )


def features_disk(space: Space, images: int) -> float:
    """A `Features` file."""
    disk = table(images, _ID) + stored(images, space.pooled)
    if space.tokens:
        shape = (space.layers, space.tokens, space.width)
        disk += stored(images, *(shape if space.layers > 1 else shape[1:]), bytes_each=F2)
    return disk


def peak(space: Space, size: Size) -> float:
    """A batch of images, the network, what it holds of the batch, and the batch's tokens."""
    frames = size.frames if space.kind == "motion-energy" else 1
    images = BATCH * frames * size.side**2 * 3 * F4
    arrays = [2.5 * images, 3.0 * BATCH * space.per_image * F4]
    if space.parameters:  # drawn at random, then replaced by what is read
        arrays.append(2.0 * space.parameters * F4)
        arrays.append(BATCH * (space.tokens + 1) * space.width * _BLOCK_WIDTHS * F4)
        arrays.append(3.0 * BATCH * space.side**2 * 3 * F4)
    return resident(TORCH + _LIBRARIES[space.kind], *arrays)


def _still(config: RunConfig, spaces: dict[str, Space]) -> list[Space]:
    """Spaces that a photograph has, of those that encoders and decoders read of unseen images."""
    if config.encoders is None:
        return []
    read = [*config.encoders.backbone]
    read += [name for one in config.interaction.values() for name in one.spaces]
    return [spaces[n] for n in dict.fromkeys(read) if spaces[n].kind != "motion-energy"]
