"""How the Brain-Interaction Transformer begins, and its training on persons with checkpoints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from brainvis.decoding.interaction import BrainInteraction, Sizes
from brainvis.decoding.interaction_data import Person, Standardised
from brainvis.decoding.interaction_files import checkpointed
from brainvis.decoding.interaction_fit import Learning, Plan, learn

_CHUNK = 256
_PENALTY = 100.0  # of the first linear map, from codes in standard deviations


def untrained(
    sizes: Sizes, persons: list[Person], targets: Standardised, seed: int
) -> BrainInteraction:
    """An untrained network: its prior of codes, and the linear read-out in closed form."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = BrainInteraction(sizes)
    codes, seen, rows = [], [], []
    for one in persons:
        table = torch.from_numpy(one.embeddings)
        pairs = one.pairs
        clean = pairs.made if len(pairs.made) else pairs.responses[pairs.train]
        shown = torch.from_numpy(clean.astype(np.float32))
        codes.append(torch.linalg.lstsq(table, shown.T).solution.T)
    network.readout.know(torch.cat(codes), int(np.mean([len(one.embeddings) for one in persons])))
    with torch.no_grad():
        for one in persons:
            x = torch.from_numpy(one.pairs.responses[one.pairs.train])
            seen.append(network.latent(x, torch.from_numpy(one.embeddings)))
            rows.append(one.pairs.rows[one.pairs.train])
        shown = np.concatenate(rows)
        steps = [slice(k, k + _CHUNK) for k in range(0, len(shown), _CHUNK)]
        parts = ((step, targets[shown[step]]) for step in steps)  # never all tokens at once
        network.start_linear(torch.cat(seen), parts, _PENALTY)
    return network


def learned_from(
    fresh: Learning, persons: list[Person], targets: Standardised, plan: Plan,
    checkpoints: Path | None,
) -> Learning:  # fmt: skip
    """Train from a fresh state, or from what a killed run left among the checkpoints."""
    pairs = [one.pairs for one in persons]
    title = f"Brain-IT, sub-{'+'.join(one.responses.subject for one in persons)}"
    save = checkpointed(checkpoints, fresh, pairs, plan)
    return learn(fresh, pairs, targets, plan, after_epoch=save, title=title)
