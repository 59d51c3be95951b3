"""Decoders of the measured digits side by side: is a transformer, or a learned prior, worth it?

    python benchmarks/digits.py [--only ridge mixture transformer autoencoder] [--threads 1]

100 handwritten digits seen by one person (van Gerven et al. 2010), decoded by cross-validation over
all of them (10 folds) and on the published 90/10 split; intervals are bootstrapped over stimuli.
Nothing is chosen on test stimuli: settings below are fixed or chosen inside the training set.

- `ridge`: ridge to pixels. `mixture`: the Bayesian decoder that the configuration uses.
- `transformer`: a small Brain-Interaction Transformer. One person leaves no other to learn voxel
  embeddings from, so a voxel's embedding is its ridge weights on components of the 2,000 digits
  that nobody saw, learned in each fold; clusters are k-means of these; synthetic responses to those
  digits are mixed in.
- `autoencoder`: ridge, or the Bayesian linear decoder, into the latents of a small AutoencoderKL
  trained on those 2,000 digits (kept in results/digits, never shipped), decoded by it.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from sklearn.cluster import KMeans
from torch import Tensor

from brainvis.config import find_data
from brainvis.datasets import splits
from brainvis.datasets.splits import Fold
from brainvis.datasets.vangerven import Digits, extra_images, published_split, read_digits
from brainvis.decoding.bayesian import BayesianLinear
from brainvis.decoding.encoder import encode, select_voxels
from brainvis.decoding.interaction import Sizes
from brainvis.decoding.interaction_fit import Pairs, Plan, learn, predict, start
from brainvis.decoding.interaction_start import untrained
from brainvis.decoding.latent import Latent
from brainvis.decoding.linear import Ridge
from brainvis.decoding.mixture import BayesianMixture
from brainvis.evaluate.correlation import all_pairs
from brainvis.evaluate.identification import two_way
from brainvis.evaluate.metrics import pixel_correlation, ssim
from brainvis.evaluate.statistics import bootstrap_interval, paired_difference

FOLDER = Path("results/digits")
CODES, CLUSTERS, PATCH, SIDE = 0.8, 16, 4, 28  # share of variance of the codes, brain tokens
PLAN = Plan(epochs=25, batch=16, voxels=0.5, made=0.5, patience=8)
AUTOENCODER = {"steps": 700, "batch": 16, "channels": (16, 32, 64), "divergence": 1e-3}
Decoder = Callable[[np.ndarray, np.ndarray, np.ndarray], dict[str, np.ndarray]]


class Patches:
    """Standardised patches (49, 16) of images by row, as the transformer's targets."""

    def __init__(self, images: np.ndarray, train: np.ndarray) -> None:
        self.tokens = torch.from_numpy(patched(images)).float()  # (n, 49, 16)
        self.mean = self.tokens[train].mean(0)
        self.scale = self.tokens[train].std(0).mean(0).clamp(min=1e-3)

    def __getitem__(self, rows: np.ndarray) -> dict[str, Tensor]:
        return {"pixels": (self.tokens[rows] - self.mean) / self.scale}

    def images(self, tokens: Tensor) -> np.ndarray:
        """(n, 49, 16) standardised -> (n, 784) in [0, 1]."""
        count = SIDE // PATCH
        grid = (tokens * self.scale + self.mean).reshape(-1, count, count, PATCH, PATCH)
        return grid.transpose(2, 3).reshape(len(tokens), -1).clamp(0, 1).numpy()


def patched(images: np.ndarray) -> np.ndarray:
    """(n, 784) -> (n, 49, 16)."""
    count = SIDE // PATCH
    grid = images.reshape(-1, count, PATCH, count, PATCH).swapaxes(2, 3)
    return np.ascontiguousarray(grid).reshape(len(images), count**2, PATCH**2)


def transformer(prior: np.ndarray, seed: int = 0) -> Decoder:
    """A Brain-Interaction Transformer of one person."""
    latent = Latent.fit(prior, CODES)
    spread = np.sqrt(latent.variance)

    def decode(x: np.ndarray, images: np.ndarray, test: np.ndarray) -> dict[str, np.ndarray]:
        mean, scale = x.mean(0), np.where(x.std(0) > 0, x.std(0), np.inf)
        given, shown = (((one - mean) / scale).astype(np.float32) for one in (x, test))
        model = encode(latent.project(images) / spread, given)
        kept = select_voxels(model.r2, None)
        table = model.weights[:, kept].T.astype(np.float32)  # (v, codes)
        unit = table / np.maximum(np.linalg.norm(table, axis=1, keepdims=True), 1e-9)
        cluster = KMeans(CLUSTERS, n_init=3, random_state=seed).fit(unit).labels_.astype(np.int64)
        codes = latent.project(prior) / spread - model.z_mean
        order = np.random.default_rng([seed, len(x)]).permutation(len(x))
        held = max(2, len(x) // 10)
        pairs = Pairs(
            np.arange(len(x)),
            given[:, kept],
            np.sort(order[held:]),
            np.sort(order[:held]),
            len(x) + np.arange(len(prior)),
            (codes @ table.T).astype(np.float16),
            cluster,
            0,
        )
        targets: Any = Patches(np.vstack([images, prior]), pairs.train)
        sizes = Sizes(
            CLUSTERS, table.shape[1], {"pixels": ((SIDE // PATCH) ** 2, PATCH**2)}, hidden=256,
            dropout=0.2,
        )  # fmt: skip
        person: Any = SimpleNamespace(embeddings=table, pairs=pairs)
        network = untrained(sizes, [person], targets, seed)
        learned = learn(start(network, torch.from_numpy(table), PLAN, transfer=False), [pairs],
                        targets, PLAN)  # fmt: skip
        found = predict(learned.network, shown[:, kept], learned.embeddings.detach(), cluster)
        return {"transformer": targets.images(found["pixels"])}

    return decode


def linear(prior: np.ndarray) -> Decoder:
    def decode(x: np.ndarray, images: np.ndarray, test: np.ndarray) -> dict[str, np.ndarray]:
        return {"ridge": Ridge(bounds=(0.0, 1.0)).fit(x, images).predict(test)}

    return decode


def mixture(prior: np.ndarray) -> Decoder:
    latent = Latent.fit(prior, 0.99)

    def decode(x: np.ndarray, images: np.ndarray, test: np.ndarray) -> dict[str, np.ndarray]:
        model = BayesianMixture(prior=latent, pool=prior, bounds=(0.0, 1.0), levels=True)
        return {"mixture": model.fit(x, images).predict(test)}

    return decode


def autoencoder(digits: Digits, data: Path) -> Decoder:
    """Ridge and Bayesian decoding into latents of an autoencoder of digits."""
    from brainvis.features.latents import Latents
    from brainvis.foundation.autoencoder import train

    folder, stimuli = FOLDER / "autoencoder", FOLDER / "prior.h5"
    if not (folder / "model_card.json").is_file():
        FOLDER.mkdir(parents=True, exist_ok=True)
        extra_images(data, stimuli, digits)
        scores = train(stimuli, folder, **AUTOENCODER, threads=torch.get_num_threads())["held_out"]
        print(f"autoencoder: {scores}", file=sys.stderr)
    model = Latents(folder, device="cpu")

    def coded(images: np.ndarray) -> np.ndarray:
        square = images.reshape(-1, SIDE, SIDE, 1).repeat(3, -1).astype(np.float32)
        return np.concatenate(
            [model.extract(square[k : k + 64])[0] for k in range(0, len(square), 64)]
        )

    def drawn(codes: np.ndarray) -> np.ndarray:
        return model.images(codes.astype(np.float32)).mean(-1).reshape(len(codes), -1)

    known = Latent.fit(coded(digits.prior.reshape(-1, SIDE**2) / 255.0), 0.95)

    def decode(x: np.ndarray, images: np.ndarray, test: np.ndarray) -> dict[str, np.ndarray]:
        codes = coded(images)
        return {
            "ridge, latents": drawn(Ridge(prior=known).fit(x, codes).predict(test)),
            "bayes, latents": drawn(BayesianLinear(prior=known).fit(x, codes).predict(test)),
        }

    return decode


def decoded(
    decode: Decoder, digits: Digits, images: np.ndarray, folds: list[Fold]
) -> dict[str, np.ndarray]:
    """Images (n, 784) of all test stimuli, by method, in the order of the stimuli."""
    made: dict[str, dict[int, np.ndarray]] = {}
    for fold in folds:
        train, test = (np.flatnonzero(np.isin(digits.ids, one)) for one in (fold.train, fold.test))
        for name, found in decode(digits.betas[train], images[train], digits.betas[test]).items():
            made.setdefault(name, {}).update(zip(test.tolist(), found, strict=True))
    return {name: np.stack([rows[k] for k in sorted(rows)]) for name, rows in made.items()}


def scores(real: np.ndarray, made: np.ndarray) -> dict[str, np.ndarray]:
    """Per stimulus; two-way is among all test stimuli."""
    first, second = (one.reshape(-1, SIDE, SIDE, 1).repeat(3, -1) for one in (real, made))
    return {
        "pixel correlation": pixel_correlation(first, second),
        "SSIM": ssim(first, second),
        "two-way": np.diagonal(two_way(all_pairs(real, made))),
    }


def show(found: dict[str, dict[str, np.ndarray]]) -> None:
    """A table of means, and of paired differences to ridge and to the mixture."""
    names = list(next(iter(found.values())))
    print("| method | " + " | ".join(names) + " |\n|---|" + "---|" * len(names))
    for method, values in found.items():
        cells = []
        for name in names:
            low, high = bootstrap_interval(values[name], draws=2000)
            cells.append(f"{values[name].mean():.3f} [{low:.3f}, {high:.3f}]")
        print(f"| {method} | " + " | ".join(cells) + " |")
    for rival in ("ridge", "mixture"):
        for method, values in found.items():
            if rival in found and method not in (rival, "ridge"):
                cells = []
                for name in names:
                    one = paired_difference(values[name], found[rival][name], draws=2000)
                    cells.append(f"{one.mean:+.3f} [{one.low:+.3f}, {one.high:+.3f}]")
                print(f"| {method} - {rival} | " + " | ".join(cells) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    every = ("ridge", "mixture", "transformer", "autoencoder")
    parser.add_argument("--only", nargs="+", choices=every, default=every)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    data = find_data("vangerven_digits")
    digits = read_digits(data)
    images, prior = (one.reshape(-1, SIDE**2) / 255.0 for one in (digits.images, digits.prior))
    makers = {
        "ridge": lambda: linear(prior),
        "mixture": lambda: mixture(prior),
        "transformer": lambda: transformer(prior),
        "autoencoder": lambda: autoencoder(digits, data),
    }
    both = {
        "cross-validated": splits.kfold(digits.ids, digits.categories, 10, 0),
        "published": [published_split(data, digits)],
    }
    found: dict[str, dict[str, dict[str, np.ndarray]]] = {name: {} for name in both}
    for name in given.only:
        began, decode = time.process_time(), makers[name]()
        for title, folds in both.items():
            tested = np.isin(digits.ids, [one for fold in folds for one in fold.test])
            for method, made in decoded(decode, digits, images, folds).items():
                found[title][method] = scores(images[tested], made)
                means = {k: round(float(v.mean()), 4) for k, v in found[title][method].items()}
                print(f"{title} {method}: {means}", file=sys.stderr, flush=True)
        print(f"{name}: {time.process_time() - began:.0f} CPU s", file=sys.stderr, flush=True)
    print(f"Measured fMRI, one person; load average {os.getloadavg()[0]:.1f}.")
    for title, folds in both.items():
        print(f"\n## {title}, {sum(len(fold.test) for fold in folds)} test stimuli\n")
        show(found[title])


if __name__ == "__main__":
    main()
