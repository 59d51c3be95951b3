"""The embedded generator of objects: shape latents of decoded tokens, and their meshes.

Folder: ``generator.json``, ``autoencoder.json`` and ``.safetensors``, ``regression.safetensors``,
``prior/``, ``scheduler/``. Besides what every generator's card says (see
`brainvis.generation.card`), this one names its `route` ("regression" or "diffusion"), the `width`
of its `appearance` vector, and `components` and `hidden` of its `regression`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from brainvis.errors import BrainvisError
from brainvis.features.checkpoint import chosen_device, load_weights, model_name, read_json
from brainvis.generation.card import CARD, Card, read_card
from brainvis.objects3d.base import checked_condition, refuse_infinite
from brainvis.objects3d.latent_prior import load_prior, load_regression, sample
from brainvis.objects3d.marching import as_solid_as_expected, meshed
from brainvis.objects3d.mesh import ColoredMesh
from brainvis.objects3d.network import ShapeAutoencoder, at_points
from brainvis.objects3d.solids import HALF
from brainvis.objects3d.voxels import SIZE, Voxels, voxelised

AUTOENCODER = "autoencoder.safetensors"
SETTINGS = "autoencoder.json"
ROUTES = ("regression", "diffusion")
_BATCH = 32


def load_autoencoder(folder: Path) -> ShapeAutoencoder:
    """The shape autoencoder of a checkpoint folder.

    Raises
    ------
    BrainvisError
        Missing, damaged or mismatching files.
    """
    settings = read_json(folder / SETTINGS)
    try:
        model = ShapeAutoencoder(**settings)
    except (TypeError, ValueError, RuntimeError, IndexError) as error:
        raise BrainvisError(
            "is no shape autoencoder", file=folder / SETTINGS, found=str(error)[:100]
        ) from error
    load_weights(model.half(), folder / AUTOENCODER)
    return model.float().eval().requires_grad_(False)


class ShapePrior:
    """See `brainvis.objects3d.base.ObjectGenerator`.

    Parameters
    ----------
    folder : Path
    card : Card, optional
        Read from the folder by default.
    device : str

    Raises
    ------
    BrainvisError
        A component that is missing, damaged or does not fit the others or the card.
    """

    size = SIZE

    def __init__(self, folder: Path, card: Card | None = None, device: str = "auto") -> None:
        card = read_card(folder) if card is None else card
        self.folder, self.space = folder, card.space
        self.tokens, self.width = card.tokens, card.width
        self.steps, self.guidance = card.steps, card.guidance
        self.device = chosen_device(device)
        self.route, self.appearance_width, (components, hidden) = self._described()
        self.autoencoder = load_autoencoder(folder).to(self.device)
        self.latent = self.autoencoder.latent
        self.regression = load_regression(
            folder, self.tokens * self.width, components, self.appearance_width, self.latent, hidden
        ).to(self.device)
        self._condition = components + self.appearance_width
        self.prior, self.scheduler = load_prior(folder)
        self.prior.to(self.device)
        self._check()
        self.name = model_name(folder, sorted(folder.rglob("*.safetensors")))

    def _described(self) -> tuple[str, int, tuple[int, int]]:
        """Route, width of the appearance, components and hidden width of the regression."""
        values = read_json(self.folder / CARD)
        route = values.get("route")
        appearance, regression = (values.get(name) or {} for name in ("appearance", "regression"))
        sizes = [appearance.get("width"), regression.get("components"), regression.get("hidden")]
        counts = [one for one in sizes if type(one) is int and one > 0]
        if route not in ROUTES or len(counts) < len(sizes):
            raise BrainvisError(
                "needs a route, the width of an appearance, and the sizes of a regression",
                file=self.folder / CARD,
                field="route, appearance.width, regression.components, regression.hidden",
                found=(route, *sizes),
                remedy=f"route is one of {', '.join(ROUTES)}",
            )
        return route, counts[0], (counts[1], counts[2])

    def _check(self) -> None:
        config = self.prior.config
        found = (config.embedding_proj_dim, config.embedding_dim)
        if found != (self._condition, self.latent):
            raise BrainvisError(
                f"takes conditions of {self._condition} numbers, latents of {self.latent}",
                file=self.folder / "prior",
                field="embedding_proj_dim, embedding_dim",
                found=found,
                remedy="use components and generator.json of one model",
            )

    def generate(
        self, vectors: np.ndarray, seeds: np.ndarray, appearance: np.ndarray | None = None
    ) -> list[ColoredMesh]:
        """See `brainvis.objects3d.base.ObjectGenerator.generate`."""
        return self.decode(self.latents(vectors, seeds, appearance))

    def latents(
        self,
        vectors: np.ndarray,
        seeds: np.ndarray,
        appearance: np.ndarray | None = None,
        route: str | None = None,
    ) -> np.ndarray:
        """Shape latents of decoded tokens.

        Parameters
        ----------
        vectors, seeds, appearance
            See `generate`; `appearance` as `brainvis.features.pixels.Pixels` gives it.
        route : {"regression", "diffusion"}, optional
            Instead of the default of ``generator.json``.

        Returns
        -------
        ndarray, (b, latent) float32

        Raises
        ------
        BrainvisError
            Wrong shapes, values that are not finite, an unknown route.
        """
        if route is not None and route not in ROUTES:
            raise BrainvisError("unknown route", field="route", found=route, remedy=str(ROUTES))
        given = checked_condition(vectors, seeds, self.tokens, self.width, self.folder, self.space)
        flat = self._on_device(given.reshape(len(given), self.tokens * self.width))
        low = self._appearance(appearance, len(given))
        with torch.inference_mode():
            condition = self.regression.condition(flat, low)  # (b, components + a)
            if (route or self.route) == "regression":
                return self.regression(condition).cpu().numpy()
            made = np.zeros((len(given), self.latent), np.float32)
            for row, one in enumerate(condition):
                drawn = torch.Generator().manual_seed(int(seeds[row]))
                noise = torch.randn(1, self.latent, generator=drawn).to(self.device)
                asked = self.steps, self.guidance
                made[row] = sample(self.prior, self.scheduler, one[None], noise, *asked).cpu()[0]
            return made

    def _appearance(self, given: np.ndarray | None, count: int) -> Tensor | None:
        if given is None:
            return None
        if np.shape(given) != (count, self.appearance_width):
            raise BrainvisError(
                f"takes an appearance of {self.appearance_width} numbers for each of {count}",
                file=self.folder,
                field="appearance",
                found=np.shape(given),
            )
        refuse_infinite(given, "appearance")
        return self._on_device(given)

    def _on_device(self, values: np.ndarray) -> Tensor:
        return torch.as_tensor(np.array(values, np.float32), device=self.device)

    def decode(self, latents: np.ndarray) -> list[ColoredMesh]:
        """Meshes of latents (b, latent); empty where the field has no surface.

        Raises
        ------
        BrainvisError
            Wrong shape, values that are not finite.
        """
        if np.ndim(latents) != 2 or np.shape(latents)[1] != self.latent:
            raise BrainvisError(
                f"takes latents of {self.latent} numbers", file=self.folder, field="latents",
                found=np.shape(latents),
            )  # fmt: skip
        refuse_infinite(latents, "latents")
        return [self._mesh(one[None]) for one in self._on_device(latents)]

    def _mesh(self, latent: Tensor) -> ColoredMesh:
        """Mesh of one latent (1, latent), drawn alone so that no batch changes it."""
        with torch.inference_mode():
            solid, color = self.autoencoder.decode(latent)

        def colors(where: np.ndarray) -> np.ndarray:
            return at_points(color.cpu(), torch.from_numpy(where)[None])[0].numpy()

        return meshed(as_solid_as_expected(solid[0].cpu().numpy()), HALF, colors)

    def encode(self, meshes: Sequence[ColoredMesh]) -> np.ndarray:
        """Latents (b, latent) float32 of normalised meshes.

        Raises
        ------
        BrainvisError
            See `brainvis.objects3d.mesh.check`.
        """
        made = np.zeros((len(meshes), self.latent), np.float32)
        for at in range(0, len(meshes), _BATCH):
            grids = [voxelised(mesh) for mesh in meshes[at : at + _BATCH]]
            made[at : at + _BATCH] = self.encode_voxels(grids)
        return made

    def encode_voxels(self, grids: Sequence[Voxels]) -> np.ndarray:
        """Latents (b, latent) float32 of grids."""
        solid, color = (
            torch.from_numpy(np.stack([getattr(one, name) for one in grids])).to(self.device)
            for name in ("solid", "color")
        )
        with torch.inference_mode():
            return self.autoencoder.encode(solid, color).cpu().numpy()
