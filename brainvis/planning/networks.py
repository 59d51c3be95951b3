"""Clusters, the Brain-Interaction Transformer and the generators that read its tokens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from brainvis.config import RunConfig, find_checkpoint
from brainvis.config.interaction import Interaction
from brainvis.features.checkpoint import read_json
from brainvis.planning.data import averaged
from brainvis.planning.decoders import decoded_disk, images_disk
from brainvis.planning.encoders import EMBEDDED, TRAINING, embeddings_disk
from brainvis.planning.estimate import (
    DIFFUSERS,
    F4,
    F8,
    NUMERIC,
    TORCH,
    Estimate,
    resident,
    stored,
    table,
)
from brainvis.planning.size import Size
from brainvis.planning.spaces import Space, saved_parameters

_GAUGE = 64  # coordinates of the functional gauge
_SOFT = 0.9  # gzip leaves of memberships in a mixture
_HARD = 0.03  # of those that are 0 or 1
_KEPT = 2**31  # bytes of one file's tokens kept in memory, as float32
_MIXTURE_STEPS = 30
_PRIOR = 100  # weights of the deep image prior, in squares of its channels
_ATTENDED = 40  # numbers kept of a token and channel of the transformer for its gradient
_POOLED = "-pooled"
_STEP = 1.5e10  # operations that the loop over clusters is worth, a step


def clusters(config: RunConfig, size: Size) -> Iterator[Estimate]:
    """Fitting, and assigning new subjects."""
    own = config.encoders
    if own is None:
        return
    count, methods = config.clusters.count, config.clusters.methods
    width = min(_GAUGE, own.population.components, size.train - 1)
    ridge = min(2048, size.train - 1) if "kmeans-ridge" in methods else width

    def disk(subjects: int) -> float:
        voxels = subjects * size.voxels
        rows = table(voxels, 4, *EMBEDDED)
        soft = (_SOFT if m == "mixture" else _HARD for m in methods)
        models = len(methods) * (count * width * F8 + 5 * 3400) + count * ridge * F8
        return models + sum(rows + stored(voxels, count, ratio=part) for part in soft)

    def peak(subjects: int) -> float:
        voxels = subjects * size.voxels
        mixture = voxels * (3 * count * F8 + width * (3 * F8 + 2 * F4))
        return resident(NUMERIC + 10, max(mixture, voxels * ridge * (3 * F4 + 2 * F8)))

    fitted = size.trained * size.voxels
    flops = 60.0 * _MIXTURE_STEPS * fitted * count * width
    yield Estimate("clusters_fit", 1, peak(size.trained), disk(size.trained), flops=flops)
    yield Estimate(
        "clusters_assign", size.new, peak(1), size.new * disk(1), flops=flops / _MIXTURE_STEPS
    )
    if config.dataset.name == "simulated":
        truth = size.subjects * size.images * size.voxels * F4
        yield Estimate("clusters_score", 1, resident(NUMERIC + 15, truth * 2), 2000)


def interaction(config: RunConfig, size: Size, spaces: dict[str, Space]) -> Iterator[Estimate]:
    """Training, transfer and decoding of every model."""
    for name, model in config.brain_models.items():
        outputs, count = outputs_of(model, spaces), config.clusters.count
        width = min(_GAUGE, _components(config, size))
        learned, kept = interaction_parameters(config, model, outputs, width)
        numbers = sum(tokens * channels for tokens, channels in outputs.values())
        pictures = size.images + size.prior
        held = sum(_held(pictures, *shape) for shape in outputs.values())
        steps = model.epochs * max(1, size.trained * size.train // model.batch)
        per_image = 6.0 * (learned + size.voxels * model.share * width * model.width)
        training = _training(size, size.trained, model, outputs, learned, width, model.batch, count)
        if name in config.interaction:  # a tuned one is trained by generate_joint
            yield Estimate(
                "interaction_train",
                1,
                resident(TRAINING + 75, held, training),
                (kept + 2 * numbers) * F4 + embeddings_disk(size, size.trained, width, 2),
                learned + size.trained * size.voxels * width,
                steps,
                steps * (model.batch * per_image + _STEP),
            )
        steps = model.transfer.epochs * max(1, size.train // model.transfer.batch)
        brought = _training(size, 1, model, outputs, learned, width, model.transfer.batch, count)
        yield Estimate(
            "interaction_transfer",
            size.new,
            resident(TRAINING + 75, held, brought),
            size.new * embeddings_disk(size, 1, width, 2),
            size.voxels * width,
            size.new * steps,
            size.new * steps * (model.transfer.batch * per_image + _STEP),
        )
        answers = 6 * size.test * numbers * F4
        reading = max(averaged(size, size.test), answers)
        for name in model.spaces:
            yield Estimate(
                "interaction_decode",
                size.subjects,
                resident(TORCH + 50, 2 * (kept + 2 * numbers) * F4, reading),
                2 * size.subjects * decoded_disk(spaces[name], size.test, True),
                learned,
                flops=size.subjects * size.test * per_image / 3,
            )


def _components(config: RunConfig, size: Size) -> int:
    given = config.encoders.population.components if config.encoders else _GAUGE
    return max(1, min(given, size.train - 1))


def outputs_of(model: Interaction, spaces: dict[str, Space]) -> dict[str, tuple[int, int]]:
    """Tokens and width of what is decoded: last layer and pooled vector of every space."""
    found = {}
    for name in model.spaces:
        space = spaces[name]
        if space.tokens:
            found[name] = (space.tokens, space.width)
        found[name + _POOLED] = (1, space.pooled)
    return found


def interaction_parameters(
    config: RunConfig, model: Interaction, outputs: dict[str, tuple[int, int]], width: int
) -> tuple[int, int]:
    """Learned numbers of the network, and all that its file keeps."""
    import torch

    from brainvis.decoding.interaction import BrainInteraction, Sizes

    with torch.device("meta"):
        network = BrainInteraction(
            Sizes(
                config.clusters.count, width, outputs,
                width=model.width, layers=model.layers, heads=model.heads, hidden=model.hidden,
            )
        )  # fmt: skip
    kept = sum(value.numel() for value in network.state_dict().values())
    return sum(value.numel() for value in network.parameters()), kept


def _held(images: int, tokens: int, width: int) -> float:
    whole = float(images) * tokens * width * F4
    return whole if whole < _KEPT else 0.0


def _training(
    size: Size, subjects: int, model: Interaction, outputs: dict[str, tuple[int, int]],
    learned: int, width: int, batch: int, clusters: int,
) -> float:  # fmt: skip
    """Weights, gradients, moments, the best epoch, a checkpoint of them; a step; the start."""
    weights = (5.0 + 8.0) * learned * F4
    responses = subjects * size.voxels * (size.train * F4 + size.prior * 2)
    tables = 7 * subjects * size.voxels * width * F4
    numbers = sum(tokens * channels for tokens, channels in outputs.values())
    voxels = size.voxels * model.share
    step = batch * voxels * (6 * F4 + 4 * model.heads * F4) + 6 * batch * numbers * F4
    queries = sum(tokens for tokens, _ in outputs.values())
    step += batch * _ATTENDED * F4 * model.layers * (clusters + queries) * model.width
    step += 3 * batch * model.heads * F4 * model.layers * clusters * (clusters + queries)
    reading = averaged(size, size.train) + size.prior * size.voxels * 3 * F4
    starting = 3 * max(size.prior, size.train) * size.voxels * F4
    return max(reading, responses + tables + max(weights + step, starting))


def generation(config: RunConfig, size: Size, spaces: dict[str, Space]) -> Iterator[Estimate]:
    """Coarse images, then denoising with guidance: the U-Net sees every image twice."""
    for coarse in config.low_level.values():
        space = spaces[config.decoded_spaces[coarse.decoded]]
        jobs = size.subjects * len(config.splits)
        sought = space.kind == "visual"
        prior = coarse.channels**2 * _PRIOR if sought else 0
        yield Estimate(
            "generate_low_level",
            jobs,
            resident(
                TRAINING if sought else DIFFUSERS, 2.0 * space.parameters * F4, 8 * prior * F4
            ),
            jobs * images_disk(size.test, space.side),
            space.parameters + prior,
            jobs * size.test * coarse.iterations if sought else 0,
            jobs * size.test * (coarse.iterations * 6.0 if sought else 1.0) * space.flops,
        )
    for one in config.generators.values():
        folder = find_checkpoint(config.generator_folder(one.folder))
        learned, side, largest = checkpoint(folder)
        card = read_json(folder / "generator.json")
        steps = one.steps or int(card["defaults"]["steps"])
        jobs, batch = size.subjects * len(config.splits), min(one.batch, size.test)
        memory = resident(DIFFUSERS, 1.5 * learned * F4, 6.0 * batch * side**2 * largest * F4)
        disk = images_disk(size.test, side)
        for rule, count in (
            ("generate_images", jobs),
            ("generate_sample", (one.samples - 1) * jobs),
        ):
            yield Estimate(
                rule,
                count,
                memory,
                count * disk,
                learned,
                count * steps * -(-size.test // batch),
                2.0 * steps * count * size.test * learned * (side / 8) ** 2 / 4,
            )
        if one.samples > 1:
            responses = averaged(size, size.train) + one.samples * size.test * size.voxels * F8
            yield Estimate("generate_best", jobs, resident(TRAINING, responses), jobs * disk)


def checkpoint(folder: Path) -> tuple[int, int, int]:
    """Parameters (from the headers of its weights), side of its images, channels at that side."""
    unet, vae = (read_json(folder / part / "config.json") for part in ("unet", "vae"))
    side = unet["sample_size"] * 2 ** (len(vae["block_out_channels"]) - 1)
    return saved_parameters(folder), side, vae["block_out_channels"][0]
