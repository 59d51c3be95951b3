"""Stage: decode test stimuli with the Brain-Interaction Transformer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from brainvis.containers import Responses, write_features
from brainvis.datasets.splits import read as read_split
from brainvis.decoding.interaction_data import POOLED
from brainvis.decoding.interaction_files import check_network, read_network
from brainvis.decoding.interaction_fit import predict
from brainvis.encoding.universal_embeddings import Embeddings
from brainvis.errors import BrainvisError


def decode_interaction(
    network: Path,
    voxels: Path,
    responses: Path,
    splits: Path,
    out: dict[str, Path],
    *,
    split: str = "main",
    fold: int = 0,
    name: str = "brain-it",
    seed: int | None = None,
) -> None:
    """Decode the test stimuli of a fold: one `Features` file for each space.

    Parameters
    ----------
    network, voxels : Path
        From training, or the voxels of a transfer.
    responses : Path
        Test responses are averaged over repeats.
    splits, split, fold
    out : dict of str to Path
        File to write, by feature space.
    name : str
        What the files call the method.
    seed : int, optional
        Pairs every test stimulus with the responses to another one: the shuffled-brain control.

    Raises
    ------
    BrainvisError
        Voxels of another network, or that the responses lack.
    """
    opened, known, source = (
        read_network(network),
        Embeddings.open(voxels),
        Responses.open(responses),
    )
    check_network(known, opened, network)
    for space in out:
        if space + POOLED not in opened.network.sizes.outputs:
            raise BrainvisError(
                "decodes no such feature space",
                file=network,
                field="outputs",
                found=f"{list(opened.network.sizes.outputs)}, wanted {space}",
            )
    ids = np.array(read_split(splits, split)[fold].test, dtype=str)
    values = source.averaged(ids)
    if seed is not None:
        turn = np.random.default_rng([seed, 25102597]).permutation(len(ids))
        values = values[np.roll(turn, 1)][np.argsort(turn)]  # a derangement
    own = known.rows(source.subject)
    if values.shape[1] != len(own):
        raise BrainvisError(
            f"does not match the {len(own)} voxels of {voxels}",
            file=responses,
            field="voxels",
            found=values.shape[1],
        )
    if not np.isfinite(values).all():
        raise BrainvisError(
            "holds values that are not finite in test trials", file=responses, field="betas"
        )
    mean, scale = known.units(source.subject)
    cluster = known.voxels["cluster"].to_numpy(dtype=np.int64)[own]
    x = ((values - mean) / np.where(scale > 0, scale, np.inf)).astype(np.float32)
    found = predict(opened.network, x, torch.from_numpy(known.values(source.subject)), cluster)
    attributes = {
        "method": name,
        "subject": source.subject,
        "split": split,
        "kind": source.kind,
        "dataset": str(source.attributes.get("dataset", "")),
        "model": f"brain-interaction transformer {opened.digest[:12]}",
    }
    for space, path in out.items():
        made = {k: found[k] * opened.scale[k] + opened.mean[k] for k in found if _is(k, space)}
        tokens = made[space].numpy() if space in made else None
        write_features(
            path, ids, made[space + POOLED][:, 0].numpy(), tokens, space=space, **attributes
        )


def _is(output: str, space: str) -> bool:
    return output in (space, space + POOLED)
