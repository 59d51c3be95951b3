"""Decoder and generator tuned together."""

from __future__ import annotations

from collections.abc import Iterator

from brainvis.config import RunConfig, find_checkpoint
from brainvis.planning.data import averaged
from brainvis.planning.encoders import embeddings_disk
from brainvis.planning.estimate import DIFFUSERS, F2, F4, Estimate, resident
from brainvis.planning.networks import checkpoint, interaction_parameters, outputs_of
from brainvis.planning.size import Size
from brainvis.planning.spaces import Space

_LIBRARIES = 250  # MiB of accelerate beside diffusers
_KEPT = 60  # numbers kept of a pixel and channel of the U-Net for its gradient
_LATENT = 8  # pixels of an image to one of its latents, at most
_COPIES = 6  # weights, gradients, two moments, the best epoch, a checkpoint as it is written


def stages(config: RunConfig, size: Size, spaces: dict[str, Space]) -> Iterator[Estimate]:
    """One estimate for each joint training."""
    for one in config.joint.values():
        model = config.interaction[one.model]
        components = config.encoders.population.components if config.encoders else 1
        width = max(1, min(64, components, size.train - 1))
        decoder, kept = interaction_parameters(config, model, outputs_of(model, spaces), width)
        generator, side, channels = checkpoint(find_checkpoint(one.generator))
        learned = decoder + size.trained * size.voxels * width + generator
        steps = one.epochs * max(1, size.trained * size.train // one.batch)
        activations = one.batch * (side / 2) ** 2 * channels * _KEPT * F4
        held = size.trained * size.train * size.voxels * F4
        places = (side / _LATENT) ** 2
        yield Estimate(
            "generate_joint",
            1,
            resident(
                DIFFUSERS + _LIBRARIES,
                float(_COPIES * learned * F4),
                held + max(activations, averaged(size, size.train)),
            ),
            kept * F4 + embeddings_disk(size, size.trained, width, 2) + generator * F2,
            learned,
            steps,
            steps * one.batch * 6.0 * (decoder + generator * places / 4),
        )
