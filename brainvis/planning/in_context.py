"""The in-context encoder and decoder, and what prompts select by them."""

from __future__ import annotations

from collections.abc import Iterator

from brainvis.config import RunConfig
from brainvis.config.encoders import Encoders
from brainvis.planning.data import VOXEL_TABLE, averaged
from brainvis.planning.encoders import READING, TRAINING, weights_disk
from brainvis.planning.estimate import F4, TORCH, Estimate, resident, stored, table
from brainvis.planning.size import Size
from brainvis.planning.spaces import Space

_ADAPT = 500  # voxels in one pass
_TASK_VOXELS = 64  # voxels in a training step


def stages(config: RunConfig, size: Size, spaces: dict[str, Space]) -> Iterator[Estimate]:
    """Estimates of the rules of encode.smk that read population features; none without encoders."""
    own = config.encoders
    if own is None:
        return
    features, models = min(own.population.components, size.train - 1), len(own.contexts) + 1
    yield from _in_context(own, size, features, models, spaces)
    if own.prompts:
        yield _select(own, size, spaces, features)


def in_context_parameters(own: Encoders, features: int, known: int) -> tuple[int, int]:
    """Learned numbers of the in-context encoder, and bytes of its file with known voxels."""
    import torch

    from brainvis.encoding.in_context import InContextEncoder, Sizes

    given = own.in_context
    with torch.device("meta"):
        sizes = Sizes(features, known, given.width, given.registers, given.layers, given.heads)
        network = InContextEncoder(sizes)
    kept = sum(value.numel() for value in network.state_dict().values())
    return sum(value.numel() for value in network.parameters()), kept * F4


def _in_context(
    own: Encoders, size: Size, features: int, models: int, spaces: dict[str, Space]
) -> Iterator[Estimate]:
    known = min(own.population.voxels // size.trained, size.voxels) * size.trained
    learned, file = in_context_parameters(own, features, known)
    n, steps = size.train, sum(own.in_context.steps)
    context = min(own.in_context.context[1], n)
    scored = size.trained * n * size.voxels * F4
    recalled = _TASK_VOXELS * known * F4 * 3
    tokens = _TASK_VOXELS * context * own.in_context.width * F4 * 14 * own.in_context.layers
    loading = (size.trained - 1) * n * size.voxels * F4 + averaged(size, n)
    yield Estimate(
        "encode_in_context",
        1,
        resident(TRAINING, max(loading, scored + recalled + tokens + 3 * file)),
        file,
        learned,
        steps,
        steps * 6.0 * _TASK_VOXELS * (known * features + context * own.in_context.width**2 * 12),
    )
    block = min(_ADAPT, size.voxels)
    attended = block * n * own.in_context.width * F4 * 6 + block * known * F4 * 3
    yield Estimate(
        "encode_adapt",
        size.subjects,
        resident(READING, file, max(averaged(size, n), 2 * n * size.voxels * F4 + attended)),
        size.subjects * 2 * models * weights_disk(size, features),
        learned,
        flops=size.subjects * models * 6.0 * size.voxels * known * (features + n),
    )
    if own.prompt_space and own.contexts:
        target = spaces[own.prompt_space].pooled
        decoder = _decoder_parameters(own, features, target)
        yield Estimate(
            "encode_decoder",
            1,
            resident(TRAINING, max(loading, 3 * scored)),
            decoder * F4 + features * (features + target) * F4,
            decoder,
            own.decoder.steps,
            own.decoder.steps * 3e9,
        )
        reading = resident(READING + 60, averaged(size, size.seen))
        files = size.new * models * (table(size.test, 11) + stored(size.test, target))
        yield Estimate("encode_decode", size.new, reading, files, decoder)


def _decoder_parameters(own: Encoders, features: int, target: int) -> int:
    import torch

    from brainvis.decoding.in_context import InContextDecoder, Sizes

    given = own.decoder
    with torch.device("meta"):
        network = InContextDecoder(
            Sizes(features, target, given.width, given.registers, given.layers, given.heads)
        )
    return sum(value.numel() for value in network.parameters())


def _select(own: Encoders, size: Size, spaces: dict[str, Space], features: int) -> Estimate:
    space = spaces[str(own.prompt_space)]
    disk = table(size.voxels, *VOXEL_TABLE) + stored(size.voxels, len(own.prompts))
    return Estimate(
        "encode_select",
        size.new,
        resident(TORCH + 250, 2 * space.parameters * F4, 3 * size.voxels * features * F4),
        size.new * disk,
        space.parameters,
    )
