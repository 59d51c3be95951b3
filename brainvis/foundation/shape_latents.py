"""Train the two ways from an image's tokens to the latent of the shape that it shows."""

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
from brainvis.objects3d.latent_prior import Regression, build, schedule

if TYPE_CHECKING:
    import torch

VAGUE = 0.03  # measurement noise of vague conditions, as a share of the strongest variance
_BATCH = 128
_DROPPED = 0.4  # share of training conditions without an appearance
_NOTHING = 0.1  # share without anything, which classifier-free guidance needs


@dataclass(frozen=True)
class Conditions:
    """What regression and prior see of n images, and of their mirror images, and its scales.

    Attributes
    ----------
    pooled : ndarray, (n, d) float32
        Vectors of the image-text model, of which the nearest training object is found.
    tokens : (int, int)
        Tokens of an image, and their width.
    scale : Regression
        Its buffers hold the scales; nothing of it is trained.
    seen : tensor, (n, 2, 1, components), and (n, 2, 1, a)
        Components of tokens and appearance, each of image and mirror image.
    pieces : pair of Components
        Of both, over training rows.
    """

    pooled: np.ndarray
    tokens: tuple[int, int]
    scale: Regression
    seen: tuple[torch.Tensor, torch.Tensor]
    pieces: tuple[Components, Components]

    @classmethod
    def of(
        cls, source: Stimuli, clip: OpenClip, low: Pixels, training: np.ndarray, count: int
    ) -> Conditions:
        """Read every image and its mirror image; draws from torch's own random state.

        Parameters
        ----------
        count : int
            Components of the tokens; fewer where there are fewer training images.
        """
        import torch

        pooled, tokens, colors = _read(source, clip, low)
        flat = torch.from_numpy(tokens).flatten(2).float()  # (n, 2, tokens * width)
        painted = torch.from_numpy(colors)  # (n, 2, a)
        parts = components(flat[training].flatten(0, 1)[:, None], count)
        scale = Regression(flat.shape[2], parts.axes.shape[1], painted.shape[2], 1, 1)
        scale.tokens_mean.copy_(parts.mean)
        scale.tokens_axes.copy_(parts.axes)
        scale.tokens_spread.copy_(parts.variances.mean().sqrt())
        scale.appearance_mean.copy_(painted[training].mean(dim=(0, 1)))
        spread = painted[training].flatten(0, 1).std(dim=0, unbiased=False)
        scale.appearance_std.copy_(spread.clamp(min=1e-4))
        scale.half().float()  # as stored
        both = scale.condition(flat.flatten(0, 1), painted.flatten(0, 1))
        both = both.view(*flat.shape[:2], 1, -1)
        seen = both.split((parts.axes.shape[1], painted.shape[2]), dim=3)
        first, second = (components(one[training].flatten(0, 1), one.shape[3]) for one in seen)
        return cls(pooled, tokens.shape[2:], scale, (seen[0], seen[1]), (first, second))

    @property
    def width(self) -> int:
        """Of a whole condition."""
        return sum(one.shape[3] for one in self.seen)

    def true(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Tokens (rows, tokens * width) as far as components hold them, and appearance."""
        return self._unscaled([one[rows, 0, 0] for one in self.seen])

    def vague(self, rows: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Both as a linear decoder of noisy measurements would give them."""
        import torch

        generator, noise = torch.Generator().manual_seed(seed), torch.full((len(rows),), VAGUE)
        pairs = zip(self.seen, self.pieces, strict=True)
        return self._unscaled([wiener(o[rows, 0], p, noise, generator)[:, 0] for o, p in pairs])

    def _unscaled(self, parts: list[torch.Tensor]) -> tuple[np.ndarray, np.ndarray]:
        scale = self.scale
        tokens = parts[0] * scale.tokens_spread @ scale.tokens_axes.T + scale.tokens_mean
        colors = parts[1] * scale.appearance_std + scale.appearance_mean
        return tokens.numpy(), colors.numpy()

    def varied(
        self, rows: torch.Tensor, mirror: torch.Tensor, generator: torch.Generator
    ) -> torch.Tensor:
        """Conditions (b, width) as training shows them: half vague, some without appearance."""
        import torch

        parts = [
            varied_condition(one[rows, mirror], part, generator, dropped=dropped, vague=0.5)[:, 0]
            for one, part, dropped in zip(self.seen, self.pieces, (0.0, _DROPPED), strict=True)
        ]
        return torch.cat(parts, dim=1)


def _read(source: Stimuli, clip: OpenClip, low: Pixels) -> tuple[np.ndarray, ...]:
    """Pooled vectors (n, d), tokens (n, 2, t, w) float16 and colours (n, 2, a) float32."""
    pooled, tokens, colors = [], [], []
    for at in tqdm(range(0, len(source.ids), _BATCH), desc="tokens", disable=None):
        images = source.images(slice(at, at + _BATCH))
        both = images, np.ascontiguousarray(images[:, :, ::-1])
        found = [clip.extract(one) for one in both]
        pooled.append(found[0][0])
        tokens.append(np.stack([np.asarray(one[1], np.float16) for one in found], axis=1))
        colors.append(np.stack([low.extract(one)[0] for one in both], axis=1))
    parts = [np.concatenate(one) for one in (pooled, tokens, colors)]
    return parts[0].astype(np.float32), parts[1], parts[2].astype(np.float32)


def fit_regression(
    conditions: Conditions,
    latents: torch.Tensor,
    rows: np.ndarray,
    settings: dict[str, Any],
    generator: torch.Generator,
) -> tuple[Regression, list[float]]:
    """Train the regression on latents (n, 2, latent) of shapes and mirrored shapes."""
    import torch

    scale, steps = conditions.scale, settings["regression_steps"]
    tokens, components = scale.tokens_axes.shape
    model = Regression(
        tokens,
        components,
        appearance=len(scale.appearance_mean),
        latent=latents.shape[2],
        hidden=settings["regression_hidden"],
        dropout=settings["regression_dropout"],
    )
    for name, value in scale.named_buffers():
        getattr(model, name).copy_(value)
    with torch.no_grad():  # starts near the mean shape
        model.linear.weight.mul_(0.1)
        list(model.bent.parameters())[-2].zero_()
    fit, losses = Fit(model.parameters(), settings["regression_rate"], 0.05, steps), []
    model.train()
    for _ in tqdm(range(steps), desc="regression", unit="step", disable=None):
        chosen, mirror = _drawn(rows, settings["prior_batch"], generator)
        made = model(conditions.varied(chosen, mirror, generator))
        losses.append(fit.step((made - latents[chosen, mirror]).square().mean()))
    return model.eval(), means(losses)


def fit_prior(
    out: Path,
    conditions: Conditions,
    latents: torch.Tensor,
    rows: np.ndarray,
    settings: dict[str, Any],
    generator: torch.Generator,
) -> list[float]:
    """Train the diffusion prior and write it as diffusers does; mean losses of twentieths."""
    import torch

    steps, width = settings["prior_steps"], latents.shape[2]
    model = build(conditions.width, width, settings["prior_heads"], settings["prior_layers"])
    scheduler = schedule()
    fit = Fit(model.parameters(), settings["prior_learning_rate"], 0.05, steps)
    average, losses = Average(model, 0.995), []
    model.train()
    for _ in tqdm(range(steps), desc="diffusion prior", unit="step", disable=None):
        chosen, mirror = _drawn(rows, settings["prior_batch"], generator)
        kept = torch.rand(len(chosen), 1, generator=generator) >= _NOTHING
        shown, clean = conditions.varied(chosen, mirror, generator) * kept, latents[chosen, mirror]
        noise = torch.randn(clean.shape, generator=generator)
        times = torch.randint(len(scheduler.alphas_cumprod), (len(clean),), generator=generator)
        noisy = scheduler.add_noise(clean, noise, times)
        made = model(noisy, times, shown).predicted_image_embedding
        losses.append(fit.step((made - clean).square().mean()))
        average.update()
    average.install()
    model.half().save_pretrained(out / "prior")
    scheduler.save_pretrained(out / "scheduler")
    return means(losses)


def _drawn(
    rows: np.ndarray, batch: int, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of a batch, and which side of each, 0 or 1 (mirrored)."""
    import torch

    chosen = torch.randint(len(rows), (batch,), generator=generator)
    return torch.from_numpy(rows)[chosen], torch.randint(2, (batch,), generator=generator)
