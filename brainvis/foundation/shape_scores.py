"""Score a finished shape prior on held-out objects, as any user would load it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.spatial import KDTree

from brainvis.containers import Stimuli
from brainvis.foundation.shape_latents import Conditions
from brainvis.objects3d.marching import as_solid_as_expected
from brainvis.objects3d.mesh import EMPTY, ColoredMesh
from brainvis.objects3d.shape_prior import ROUTES, ShapePrior
from brainvis.objects3d.solids import Surface, surface_points, visible_points
from brainvis.objects3d.truth import azimuths, true_shape
from brainvis.objects3d.voxels import Voxels

_POINTS = 2048
_BATCH = 16


@dataclass(frozen=True)
class Grids:
    """Grids of n shapes; see `brainvis.objects3d.voxels.Voxels`."""

    solid: np.ndarray
    color: np.ndarray
    near: np.ndarray

    @classmethod
    def of(cls, voxels: Sequence[Voxels]) -> Grids:
        """Stack the grids of single shapes."""
        names = ("solid", "color", "near")
        return cls(*(np.stack([getattr(one, name) for one in voxels]) for name in names))


@dataclass(frozen=True)
class Truth:
    """What held-out objects really are: rows, grids, and surface points of the first few."""

    rows: np.ndarray
    grids: Grids
    surfaces: list[Surface]

    @classmethod
    def of(
        cls, meshes: Path, source: Stimuli, rows: np.ndarray, grids: Grids, meshed: int
    ) -> Truth:
        """Collect the truth of held-out rows; every second of them is reported, see `split`."""
        mixed = np.random.default_rng(len(rows)).permutation(rows)
        turns, surfaces = azimuths(source), []
        for row in mixed[: min(meshed, len(rows) // 2)]:
            mesh = true_shape(meshes, str(source.ids[row]), float(turns[row]))
            solid = grids.solid[row].astype(np.float32) / 255
            surfaces.append(visible_points(mesh, _POINTS, 0, solid))
        parts = (getattr(grids, name)[mixed] for name in ("solid", "color", "near"))
        return cls(mixed, Grids(*parts), surfaces)


def held_out_scores(
    prior: ShapePrior,
    truth: Truth,
    conditions: Conditions,
    latents: np.ndarray,
    training: np.ndarray,
    seed: int,
) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """IoU by method on the half that chooses, and all scores on the half that is reported.

    Parameters
    ----------
    prior : ShapePrior
        With the stored (rounded) weights.
    truth : Truth
    conditions : Conditions
    latents : ndarray, (n, latent)
        Of all objects.
    training : ndarray of int
        Rows that baselines may use.
    seed : int
    """
    half = len(truth.rows) // 2
    guesses = _guesses(prior, truth.rows, conditions, latents, training, seed)
    choosing, scores = {}, {}
    for name, guess in guesses.items():
        overlap, error = _on_grids(prior, guess, truth.grids)
        choosing[name] = float(overlap[half:].mean())
        made = prior.decode(guess[: len(truth.surfaces)])
        distances = [
            chamfer(one, surface) for one, surface in zip(made, truth.surfaces, strict=True)
        ]
        scores[name] = {
            "iou": float(overlap[:half].mean()),
            "chamfer": float(np.mean(distances)),
            "color_error": float(error[:half].mean()),
            "empty": sum(one.status == EMPTY for one in made) / len(made),
            "objects": half,
            "meshes": len(made),
        }
    return choosing, scores


def _guesses(
    prior: ShapePrior,
    rows: np.ndarray,
    conditions: Conditions,
    latents: np.ndarray,
    training: np.ndarray,
    seed: int,
) -> dict[str, np.ndarray]:
    """Latents of held-out objects by every way of guessing them."""
    seeds, pooled = np.arange(len(rows)) + seed, conditions.pooled
    near = training[np.argmax(pooled[rows] @ pooled[training].T, axis=1)]
    guesses = {
        "autoencoder": latents[rows],
        "mean shape": np.broadcast_to(latents[training].mean(axis=0), latents[rows].shape),
        "nearest training object": latents[near],
    }
    both = {"true": conditions.true(rows), "vague": conditions.vague(rows, seed)}
    for kind, (flat, low) in both.items():
        tokens = flat.reshape(len(rows), prior.tokens, prior.width)
        for route in ROUTES:
            guesses[f"{route}, {kind} tokens"] = prior.latents(tokens, seeds, None, route)
            guesses[f"{route}, {kind} tokens and appearance"] = prior.latents(
                tokens, seeds, low, route
            )
    return guesses


def _on_grids(prior: ShapePrior, latents: np.ndarray, truth: Grids) -> tuple[np.ndarray, ...]:
    """Volumetric IoU at 64^3, and mean absolute colour error at the true surface, by object."""
    overlaps, errors = [], []
    for at in range(0, len(latents), _BATCH):
        rows = slice(at, at + _BATCH)
        with torch.inference_mode():
            given = torch.from_numpy(np.array(latents[rows], np.float32))
            solid, color = (part.numpy() for part in prior.autoencoder.decode(given))
        made = np.stack([as_solid_as_expected(one) for one in solid]) > 0
        real = truth.solid[rows] > 127
        both, any_ = (both.sum(axis=(1, 2, 3)) for both in (real & made, real | made))
        overlaps.append(both / np.maximum(any_, 1))
        wrong = np.abs(np.moveaxis(color, 1, -1) - truth.color[rows] / 255.0).mean(axis=-1)
        near = truth.near[rows]
        errors.append((wrong * near).sum(axis=(1, 2, 3)) / near.sum(axis=(1, 2, 3)))
    return np.concatenate(overlaps), np.concatenate(errors)


def chamfer(mesh: ColoredMesh, surface: Surface) -> float:
    """Mean distance to the nearest point of the other set, averaged over both directions.

    Distances are not squared, in units of the longest side of the box; an empty mesh is as far as
    the diagonal of the unit box.
    """
    if mesh.status == EMPTY:
        return float(np.sqrt(3))
    points = surface_points(mesh, len(surface.points), 0).points
    there, back = (
        KDTree(one).query(other)[0]
        for one, other in ((points, surface.points), (surface.points, points))
    )
    return float((there.mean() + back.mean()) / 2)
