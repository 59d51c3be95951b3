"""Rendering of fields, cutting objects out of images, and refinement that only ever helps."""

import numpy as np
import pytest
import torch

from brainvis.errors import BrainvisError
from brainvis.objects3d.refine import foreground, refine
from brainvis.objects3d.rendering import View, render


class Balls:
    """Stands in for an autoencoder: the latent is a ball's radius and its colour."""

    latent = 4

    def decode(self, latents):
        axis = (torch.arange(64) + 0.5) * (1.1 / 64) - 0.55
        x, y, z = torch.meshgrid(axis, axis, axis, indexing="ij")
        away = (x**2 + y**2 + (2 * z) ** 2).sqrt()  # flattened: seen from the side it is wide
        radius = 0.3 + 0.1 * latents[:, 0]
        solid = 60 * (radius.view(-1, 1, 1, 1) - away)
        color = torch.sigmoid(latents[:, 1:]).view(-1, 3, 1, 1, 1)
        return solid, color.expand(-1, -1, 32, 32, 32)


def picture(latent, view, side=48):
    silhouette, colors = render(*Balls().decode(torch.tensor([latent])), view, side)
    grey = 0.45 + 0.02 * torch.randn(side, side, 3, generator=torch.Generator().manual_seed(0))
    return (colors + (1 - silhouette[..., None]) * grey).clamp(0, 1).numpy()


def test_a_ball_is_drawn_where_and_as_large_as_the_view_says():
    view = View(torch.tensor([0.25, -0.25]), torch.tensor(1.4).log())
    silhouette, colors = render(*Balls().decode(torch.tensor([[0.0, 3, -3, -3]])), view, 64)
    rows, columns = np.nonzero(silhouette.numpy() > 0.5)
    assert columns.mean() == pytest.approx(31.5 + 8, abs=1)
    assert rows.mean() == pytest.approx(31.5 - 8, abs=1)
    assert np.ptp(columns) == pytest.approx(2 * 0.3 / 2.4 * 1.4 * 32, rel=0.1)
    assert np.ptp(rows) < 0.75 * np.ptp(columns)
    seen = colors[int(rows.mean()), int(columns.mean())]
    assert seen[0] > 0.9 and seen[1] < 0.1


def test_right_and_up_of_the_object_are_right_and_up_in_the_image():
    solid, color = torch.full((1, 64, 64, 64), -20.0), torch.zeros(1, 3, 32, 32, 32)
    solid[0, 45:60, 24:40, 24:40] = 20  # to the right
    solid[0, 24:40, 24:40, 45:60] = 20  # above
    silhouette = render(solid, color, View.canonical(), 48)[0].numpy()
    right, above = silhouette[20:30, 27:].sum(), silhouette[:22, 20:28].sum()
    assert right > 5 and above > 5
    assert silhouette[30:].sum() < 1 and silhouette[:, :18].sum() < 1


def test_the_object_of_an_image_is_cut_out_of_it():
    view = View(torch.tensor([0.2, 0.1]), torch.tensor(2.0).log())
    latent = [0.5, 3.0, -3.0, -3.0]
    silhouette = render(*Balls().decode(torch.tensor([latent])), view, 48)[0].numpy() > 0.5
    found = foreground(picture(latent, view))
    assert (found & silhouette).sum() / (found | silhouette).sum() > 0.85
    assert foreground(np.full((32, 32, 3), 0.5)).mean() in (0, pytest.approx(1, abs=0.2))


def test_refinement_moves_shape_and_colour_towards_the_image():
    view = View(torch.tensor([0.2, 0.1]), torch.tensor(2.0).log())
    image = picture([0.0, 3.0, -3.0, -3.0], view)
    start = np.float32([0.0, -1.0, 0.0, 2.0])
    found = refine(Balls(), start, image, steps=40, fitting=20, learning_rate=0.05)
    assert found.refined
    assert found.after["color"] < 0.8 * found.before["color"]
    assert found.after["silhouette"] >= found.before["silhouette"] - 0.02
    assert found.latent[1] > start[1] and found.latent[3] < start[3]
    again = refine(Balls(), start, image, steps=40, fitting=20, learning_rate=0.05)
    assert np.array_equal(found.latent, again.latent)


def test_images_without_an_object_leave_the_latent_alone():
    start = np.float32([0.0, 1.0, 0.0, 0.0])
    found = refine(Balls(), start, np.full((32, 32, 3), 0.5, np.float32), steps=2, fitting=1)
    assert not found.refined or found.after["color"] <= found.before["color"]
    with pytest.raises(BrainvisError, match="latent"):
        refine(Balls(), start[:2], np.zeros((8, 8, 3), np.float32))
    with pytest.raises(BrainvisError, match="not finite"):
        refine(Balls(), start, np.full((8, 8, 3), np.nan, np.float32))
