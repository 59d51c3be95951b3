"""Train the two ways from an image's embedding to the latent of the shape that it shows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from brainvis.containers import Stimuli
from brainvis.features.open_clip_model import OpenClip
from brainvis.features.pixels import Pixels
from brainvis.foundation.diffusion_condition import Components, components, varied_condition, wiener
from brainvis.foundation.fitting import Average, Fit, means

if TYPE_CHECKING:
    import torch

VAGUE = 0.03  # measurement noise of vague conditions, as a share of the strongest variance
_BATCH = 128
_FOLDS = 5
_ALPHAS = np.logspace(-1, 4, 11)


@dataclass(frozen=True)
class Conditions:
    """Embeddings of the images of n objects.

    Attributes
    ----------
    pooled : ndarray, (n, d) float32
        Of the image-text model.
    appearance : ndarray, (n, k) float32
        Coarse colours of the image.
    mean, std : pair of ndarray
        Of both, over training rows.
    pieces : pair of Components
        Of both, standardised, over training rows.
    """

    pooled: np.ndarray
    appearance: np.ndarray
    mean: tuple[np.ndarray, np.ndarray]
    std: tuple[np.ndarray, np.ndarray]
    pieces: tuple[Components, Components]

    @classmethod
    def of(cls, source: Stimuli, clip: OpenClip, low: Pixels, training: np.ndarray) -> Conditions:
        """Extract both embeddings of every image; draws from torch's own random state."""
        parts = []
        for at in tqdm(range(0, len(source.ids), _BATCH), desc="embeddings", disable=None):
            images = source.images(slice(at, at + _BATCH))
            parts.append((clip.extract(images)[0], low.extract(images)[0]))
        both = tuple(np.concatenate(one).astype(np.float32) for one in zip(*parts, strict=True))
        mean = tuple(one[training].mean(axis=0) for one in both)
        std = tuple(np.maximum(one[training].std(axis=0), 1e-4) for one in both)
        scaled = [(one - m) / s for one, m, s in zip(both, mean, std, strict=True)]
        pieces = tuple(components(_tokens(one[training]), one.shape[1]) for one in scaled)
        return cls(*both, mean, std, pieces)  # pyright: ignore

    def scaled(self, rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Both standardised, each (rows, 1, width)."""
        pairs = zip((self.pooled, self.appearance), self.mean, self.std, strict=True)
        first, second = (_tokens((one[rows] - mean) / std) for one, mean, std in pairs)
        return first, second

    def vague(self, rows: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Both as a linear decoder of noisy measurements would give them, unscaled."""
        import torch

        generator, noise = torch.Generator().manual_seed(seed), torch.full((len(rows),), VAGUE)
        made = [
            wiener(one, parts, noise, generator)[:, 0].numpy() * std + mean
            for one, parts, std, mean in zip(
                self.scaled(rows), self.pieces, self.std, self.mean, strict=True
            )
        ]
        return made[0], made[1]


def _tokens(values: np.ndarray) -> torch.Tensor:
    import torch

    return torch.from_numpy(np.asarray(values, np.float32))[:, None]


def fit_regression(
    out: Path, conditions: Conditions, latents: np.ndarray, rows: np.ndarray
) -> None:
    """Ridge regressions with penalties by cross-validation (himalaya), in half precision."""
    import torch
    from himalaya.ridge import RidgeCV
    from safetensors.torch import save_file

    from brainvis.objects3d.latent_prior import REGRESSION, Regression

    first, second = (one[:, 0].numpy() for one in conditions.scaled(rows))
    model = Regression(first.shape[1], second.shape[1], latents.shape[1])
    for layer, given in ((model.pooled, first), (model.both, np.concatenate([first, second], 1))):
        solver = {"warn": False}
        ridge = RidgeCV(alphas=_ALPHAS, fit_intercept=True, cv=_FOLDS, solver_params=solver)
        ridge.fit(given.astype(np.float64), latents[rows].astype(np.float64))
        layer.weight.data = torch.from_numpy(np.asarray(ridge.coef_).T.astype(np.float32))
        layer.bias.data = torch.from_numpy(np.asarray(ridge.intercept_).astype(np.float32))
    for name, at in (("pooled", 0), ("appearance", 1)):
        getattr(model, f"{name}_mean").copy_(torch.from_numpy(conditions.mean[at]))
        getattr(model, f"{name}_std").copy_(torch.from_numpy(conditions.std[at]))
    halves = {name: value.half().contiguous() for name, value in model.state_dict().items()}
    save_file(halves, out / REGRESSION)


def fit_prior(
    out: Path,
    conditions: Conditions,
    latents: np.ndarray,
    rows: np.ndarray,
    settings: dict[str, Any],
    generator: torch.Generator,
) -> list[float]:
    """Train the diffusion prior and write it as diffusers does; mean losses of twentieths.

    Half of the conditions are vague, some lack the appearance, and a few lack everything, which
    classifier-free guidance needs.
    """
    import torch

    from brainvis.objects3d.latent_prior import build, schedule

    both, clean = conditions.scaled(rows), torch.from_numpy(latents[rows])
    width, steps = sum(one.shape[-1] for one in both), settings["prior_steps"]
    model = build(width, clean.shape[1], settings["prior_heads"], settings["prior_layers"])
    scheduler = schedule()
    fit = Fit(model.parameters(), settings["prior_learning_rate"], 0.05, steps)
    average, losses = Average(model, 0.995), []
    model.train()
    for _ in tqdm(range(steps), desc="diffusion prior", unit="step", disable=None):
        chosen = torch.randint(len(rows), (settings["prior_batch"],), generator=generator)
        shown = _shown([one[chosen] for one in both], conditions.pieces, generator)
        noise = torch.randn(len(chosen), clean.shape[1], generator=generator)
        times = torch.randint(len(scheduler.alphas_cumprod), (len(chosen),), generator=generator)
        noisy = scheduler.add_noise(clean[chosen], noise, times)
        made = model(noisy, times, shown).predicted_image_embedding
        losses.append(fit.step((made - clean[chosen]).square().mean()))
        average.update()
    average.install()
    model.half().save_pretrained(out / "prior")
    scheduler.save_pretrained(out / "scheduler")
    return means(losses)


def _shown(
    both: list[torch.Tensor], pieces: tuple[Components, Components], generator: torch.Generator
) -> torch.Tensor:
    """Conditions as training shows them, (b, d + k)."""
    import torch

    parts = [
        varied_condition(one, part, generator, dropped=dropped, vague=0.5)[:, 0]
        for one, part, dropped in zip(both, pieces, (0.0, 0.4), strict=True)
    ]
    kept = torch.rand(len(both[0]), 1, generator=generator) >= 0.1
    return torch.cat(parts, dim=1) * kept
