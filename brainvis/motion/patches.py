"""What a head sees of the first frame: features of its patches, and where its object may be."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from brainvis.encoding.folds import make_folds
from brainvis.errors import BrainvisError

COMPONENTS = 64
_SAMPLED, _PASSES, _HIDDEN, _FOLDS = 80, 20, (64, 64), 2  # patches a clip, epochs, widths


@dataclass(frozen=True)
class PatchFeatures:
    """Learned from training clips: components of tokens, mean and scale of all columns."""

    mean: np.ndarray  # (d,)
    components: np.ndarray  # (d, k)
    centre: np.ndarray  # (k + 11,)
    scale: np.ndarray

    @classmethod
    def fit(cls, tokens: np.ndarray, images: np.ndarray, size: int) -> PatchFeatures:
        """Fit to training clips; arguments as in `__call__`."""
        places = _by_place(tokens)
        flat = places.reshape(-1, places.shape[-1])
        mean = flat.mean(axis=0)
        values, vectors = np.linalg.eigh(np.cov((flat - mean).T))
        components = vectors[:, np.argsort(-values)[:COMPONENTS]]
        zero = np.zeros(components.shape[1] + 11, dtype=np.float32)
        raw = cls(mean, components, zero, zero + 1)(tokens, images, size)
        centre, scale = raw.mean(axis=(0, 1)), raw.std(axis=(0, 1))
        return cls(mean, components, centre, np.where(scale > 0, scale, 1).astype(np.float32))

    def __call__(self, tokens: np.ndarray, images: np.ndarray, size: int) -> np.ndarray:
        """Features of each cell of the grid.

        Parameters
        ----------
        tokens : (n, [layers,] t, d)
            Patch tokens of the first frame, a square number of them.
        images : (n, height, width, 3) float in [0, 1]
            First frames.
        size : int
            Cells per side.

        Returns
        -------
        (n, size * size, k + 11) float32
            Token components, colour, difference from the colour of the border, colour over
            three cells, place.
        """
        import torch
        from torch.nn.functional import avg_pool2d, interpolate

        places = (_by_place(tokens) - self.mean) @ self.components  # (n, t, k)
        side = int(np.sqrt(places.shape[1]))
        grid = (
            torch.from_numpy(places.astype(np.float32)).transpose(1, 2).unflatten(2, (side, side))
        )
        fine = interpolate(grid, (size, size), mode="bilinear")
        colour = torch.from_numpy(images).permute(0, 3, 1, 2)
        colour = interpolate(colour, (size, size), mode="area")
        edge = [colour[:, :, 0], colour[:, :, -1], colour[..., 0], colour[..., -1]]
        border = torch.cat(edge, dim=2).median(dim=2).values[..., None, None]
        around = avg_pool2d(colour, 3, stride=1, padding=1, count_include_pad=False)
        place = torch.linspace(-1, 1, size)
        y, x = torch.meshgrid(place, place, indexing="ij")
        place = torch.stack([x, y])[None].expand(len(colour), -1, -1, -1)
        every = torch.cat([fine, colour, (colour - border).abs(), around, place], dim=1)
        flat = every.flatten(2).transpose(1, 2).numpy()  # (n, size * size, k + 11)
        return ((flat - self.centre) / self.scale).astype(np.float32)


def object_shares(
    patches: np.ndarray, mask: np.ndarray, others: np.ndarray, segments: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Probability that the object covers each patch of the first frame.

    A small network on the features of one patch learns it from training clips. For these the
    prediction comes from a network that has not seen their movie segment, as for other clips.

    Parameters
    ----------
    patches, others : (n, size * size, f), (m, size * size, f)
        Of training clips and of the clips to predict for.
    mask : (n, size, size)
        Share that the object covers, of training clips.
    segments : (n,)
    seed : int

    Returns
    -------
    (n, size, size), (m, size, size) float32
    """
    size = mask.shape[1]
    covered = (mask > 0.5).reshape(len(mask), -1)

    def predict(train: np.ndarray, shown: np.ndarray) -> np.ndarray:
        rng = np.random.default_rng([seed, 0x0B7])
        cells = rng.integers(covered.shape[1], size=(len(train), _SAMPLED))
        rows = train[:, None]
        x, y = patches[rows, cells].reshape(-1, patches.shape[2]), covered[rows, cells].ravel()
        if y.all() or not y.any():
            return np.full((len(shown), size, size), float(y[0]), dtype=np.float32)
        model: Any = MLPClassifier(
            _HIDDEN,
            alpha=1.0,
            batch_size=256,  # pyright: ignore[reportArgumentType]
            max_iter=_PASSES,
            random_state=seed % 2**32,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # few passes on purpose
            model.fit(x, y)
        found = [model.predict_proba(one)[:, 1].reshape(size, size) for one in shown]
        return np.asarray(found, dtype=np.float32)

    own = np.zeros(mask.shape, dtype=np.float32)
    for train, test in make_folds(len(patches), _FOLDS, segments):
        own[test] = predict(train, patches[test])
    return own, predict(np.arange(len(patches)), others)


def _by_place(tokens: np.ndarray) -> np.ndarray:
    """Tokens with all layers side by side, (n, t, layers * d) float32."""
    tokens = np.asarray(tokens, dtype=np.float32)
    if tokens.ndim == 4:
        n, layers, count, depth = tokens.shape
        tokens = tokens.transpose(0, 2, 1, 3).reshape(n, count, layers * depth)
    if tokens.ndim != 3 or int(np.sqrt(tokens.shape[1])) ** 2 != tokens.shape[1]:
        raise BrainvisError(
            "need to be patch tokens on a square grid",
            field="tokens",
            found=tokens.shape,
            remedy="give features of a space with patch tokens, without a class token",
        )
    return tokens
